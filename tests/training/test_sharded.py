"""Trainings whose weights are divided over two processes."""

import json
from pathlib import Path

import pytest
import torch

from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.config import load_config
from faceswap.core.errors import ConfigError
from faceswap.models import build_model
from faceswap.training.build import run_training
from faceswap.training.loop.shard_model import units
from faceswap.training.settings import TrainConfig
from tests.core.launched import launcher, run_to_end

SCRIPT = Path(__file__).with_name("sharded_trainings.py")
SMALL = {"size": 64, "ae_dims": 16, "e_dims": 4, "d_dims": 4, "d_mask_dims": 2}
SETTINGS = [
    "model.name=liae",
    *(f"model.options.{name}={value}" for name, value in SMALL.items()),
    "optimizer.lr=1e-3",
    "training.batch=4",
    "training.precision=fp32",
    "training.device=cpu",
    "training.steps=4",
    "data.minimum=4",
    "output.keep=20",
    "output.save_every=4",
    "output.preview_every=4",
    "output.live_page=false",
]
# A rate at which rounding, which differs between machines, does not grow within 12 steps.
EVERYTHING = [
    "optimizer.lr=2e-4",
    *("optimizer.ema=0.9", "optimizer.auto_clip=50"),
    *("optimizer.lr_dropout=0.3", "training.micro_batches=2"),
]


def launched(folder, faces, runs, large=1 << 20):
    """Losses of trainings in two processes, by the name of the run below a folder."""
    folder.mkdir(exist_ok=True)
    plan = {"faces": {name: str(paths[0]) for name, paths in faces.items()}, "runs": runs}
    (folder / "plan.json").write_text(json.dumps(plan | {"large": large}))
    ended = run_to_end([*launcher(), SCRIPT, folder], timeout=500)
    assert ended.returncode == 0, ended.stderr[-8000:]  # the end says why
    assert "is deprecated" not in ended.stderr
    assert "2 process(es)" in ended.stderr
    assert "terminate called" not in ended.stderr
    assert "view tensor" not in ended.stderr
    assert "does not support" not in ended.stderr  # an exchange that no step needs
    return {run: json.loads((folder / f"{run}.json").read_text()) for run in runs}


def tensors(run, step):
    found = load_checkpoint(run / "checkpoints", f"step-{step:08d}")
    assert found is not None
    assert found.step == step
    return found.tensors


def check_same(one, other, step, tolerance=0.01):
    """Compares checkpoints: they differ by less than a fraction of what the training changed."""
    begun, expected, found = tensors(one, 0), tensors(one, step), tensors(other, step)
    assert found.keys() == expected.keys()
    for group, values in expected.items():
        assert found[group].keys() == values.keys()
        moved = wrong = 0.0
        for name, value in values.items():
            assert found[group][name].shape == value.shape, (group, name)
            start = begun[group].get(name, torch.zeros_like(value))
            moved += (value.double() - start.double()).square().sum().item()
            wrong += (value.double() - found[group][name].double()).square().sum().item()
        assert moved > 0, group
        assert wrong < tolerance**2 * moved, (group, wrong, moved)


def train(faces, run, *settings):
    config = load_config(TrainConfig, "faceswap", None, [*SETTINGS, *settings])
    return run_training(config, faces, run).losses


def test_a_run_is_divided_over_two_processes_and_made_whole_again(faces, tmp_path):
    expected = train(faces, tmp_path / "whole", *EVERYTHING, "training.steps=12")
    run = tmp_path / "launched" / "run"
    first = train(faces, run, *EVERYTHING, "training.steps=4")
    second = launched(
        tmp_path / "launched",
        faces,
        {"run": [*SETTINGS, *EVERYTHING, "training.steps=8", "training.shard=true"]},
        large=1000,
    )["run"]
    third = train(faces, run, *EVERYTHING, "training.steps=12")
    for name, losses in expected.items():
        assert first[name] + second[name] + third[name] == pytest.approx(losses, rel=1e-3)
    for step in (8, 12):
        check_same(tmp_path / "whole", run, step)
    assert (run / "previews" / "step-00000008.jpg").is_file()


VARIANTS = {
    "adam": [],
    "adamw": ["optimizer.name=adamw", "optimizer.weight_decay=0.1"],
    "adabelief": ["optimizer.name=adabelief", "optimizer.clip=0.01"],
    "lion": ["optimizer.name=lion", "optimizer.lr=1e-4"],
    "recomputed": ["training.checkpointing=true", "optimizer.ema=0.9"],
    "frozen": ["training.freeze=[encoder]"],
    "phases": [
        'phases=[{name: a, share: 0.5, set: {"training.freeze": [decoder]}}, '
        '{name: b, set: {"adversarial.power": 0.1, "adversarial.true_face": 0.1}}]'
    ],
    "amp": ["model.name=amp", "model.options.inter_dims=16"],
    "muon": ["model.name=df", "optimizer.name=muon"],
    "comb": [
        *("model.name=comb", "model.options={size: 16, channels: 8, code: 8, growth: 1.0}"),
        *("optimizer.ema=0.9", "training.steps=8"),
    ],
    "bf16": ["training.precision=bf16"],
}


# In bf16, sums of gradients are rounded to 8 bits, and Adam takes the sign of the smallest ones.
TOLERANCES = {"bf16": 0.1}


@pytest.mark.slow
def test_divided_trainings_are_those_of_replicas(faces, tmp_path):
    runs = {}
    for name, settings in VARIANTS.items():
        runs[name] = [*SETTINGS, *settings]
        runs[f"{name}-divided"] = [*SETTINGS, *settings, "training.shard=true"]
    losses = launched(tmp_path / "launched", faces, runs, large=1000)
    for name in VARIANTS:
        for person, expected in losses[name].items():
            found = losses[f"{name}-divided"][person]
            assert found == pytest.approx(expected, rel=1e-3), (name, person)
        folder = tmp_path / "launched"
        last = 8 if name == "comb" else 4
        most = TOLERANCES.get(name, 0.001)
        check_same(folder / name, folder / f"{name}-divided", last, most)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (["optimizer.name=soap"], "optimizer.name=muon"),
        (["optimizer.name=prodigy", "optimizer.lr=1"], "optimizer.name=muon"),
        (["training.compile=true"], "training.compile"),
    ],
)
def test_what_needs_whole_weights_is_refused_before_any_work(faces, tmp_path, settings, named):
    with pytest.raises(ConfigError) as refused:
        train(faces, tmp_path / "run", "training.shard=true", *settings)
    assert named in f"{refused.value.message} {refused.value.hint}"
    assert not (tmp_path / "run" / "cache").exists()


def test_weights_are_gathered_in_units_of_parts_and_large_blocks():
    with torch.device("meta"):
        model = build_model("liae", ["a", "b"], {"size": 256, "archi": "udt"})
    found = list(units(model))
    parts = list(model.parts().values())
    assert set(map(id, parts)) <= set(map(id, found))
    held = [sum(p.numel() for p in unit.parameters()) for unit in found if unit not in parts]
    assert len(held) > 4
    assert min(held) >= 1 << 20
    for place, unit in enumerate(found):  # outer ones come after those that they contain
        inside = set(map(id, unit.modules())) - {id(unit)}
        assert not inside & set(map(id, found[place:]))
