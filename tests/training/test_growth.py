"""Training of a model that grows."""

import json
import os
import shutil
import signal

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter

from faceswap.core.checkpoint import load_checkpoint
from faceswap.models.comb.network import CombAutoencoder
from faceswap.models.run_model import load_run_model
from faceswap.training.build import run_training
from faceswap.training.monitoring.held_out import Quality
from faceswap.training.monitoring.measurement import Measured
from faceswap.training.monitoring.report import Callbacks, Reporter
from tests.training.tiny import configured, same, weights

COMB = [
    "model.name=comb",
    "model.options.size=16",
    "model.options.channels=8",
    "model.options.code=8",
    "model.options.growth=1.0",
    "model.options.mask=true",
    "optimizer.ema=0.9",
    "output.keep=20",
    "output.save_every=2",
    "output.log_every=1",
]


def train(faces, run, *overrides, until=None):
    """Trains for a budget of 16 steps, or is stopped soon after a step."""

    def stop(report):
        if report.step == until:
            os.kill(os.getpid(), signal.SIGTERM)

    settings = configured(*COMB, "training.steps=16", *overrides)
    return run_training(settings, faces, run, callbacks=Callbacks(on_step=stop))


def measured(ssim):
    return Measured({"alice": Quality(ssim, 0.1)})


def checkpoint(run, step, group="model"):
    found = load_checkpoint(run / "checkpoints", f"step-{step:08d}")
    assert found is not None
    assert found.step == step
    return found.tensors[group]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_run_resumed_at_any_level_is_the_uninterrupted_run(faces, tmp_path, optimizer):
    name = f"optimizer.name={optimizer}"
    whole = train(faces, tmp_path / "whole", name)
    # Alone at level 0, within both fades, and alone between them.
    starts = [train(faces, tmp_path / "run", name, until=step) for step in (2, 6, 9, 13, None)]
    assert [each.interrupted > 0 for each in starts] == [True] * 4 + [False]
    for person, losses in whole.losses.items():
        assert [loss for each in starts for loss in each.losses[person]] == losses
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_each_checkpoint_swaps_at_the_size_of_its_level(faces, tmp_path):
    train(faces, tmp_path / "run")
    sizes = {}
    for step in range(0, 17, 2):
        model = load_run_model(tmp_path / "run", checkpoint=str(step)).model
        sizes[step] = model.output_size
        swapped = model.swap(torch.rand(2, 3, *(model.input_size,) * 2), "bob")
        assert swapped.face.shape == (2, 3, *(sizes[step],) * 2)
        assert swapped.mask is not None
    assert sizes == {0: 4, 2: 4, 4: 4, 6: 8, 8: 8, 10: 8, 12: 8, 14: 16, 16: 16}


def test_layers_of_later_levels_are_not_changed_before(faces, tmp_path):
    train(faces, tmp_path / "run", "optimizer.weight_decay=0.1")
    first, early, late = (checkpoint(tmp_path / "run", step) for step in (0, 4, 16))
    for part in ("encoder.blocks", "decoders.1.blocks", "decoders.1.leave"):
        changed = {
            name[len(part) + 1]
            for name in first
            if name.startswith(part) and not torch.equal(first[name], early[name])
        }
        assert changed == {"0"}
        names = [name for name in first if name.startswith(f"{part}.2")]
        assert names
        assert not any(torch.equal(first[name], late[name]) for name in names)


def test_the_best_checkpoint_is_one_of_the_last_level(faces, tmp_path):
    # A face of 4 pixels is easily reconstructed, and compared at full size nevertheless.
    train(faces, tmp_path / "run", "training.steps=120", "output.save_every=20")
    assert load_run_model(tmp_path / "run").model.output_size == 16


def test_the_best_of_an_earlier_level_has_its_sizes(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(Reporter, "measure", lambda self, step: measured(1 / (1 + step)))
    run = tmp_path / "run"
    result = train(faces, run)
    file = run / "model" / "model.json"
    about = json.loads(file.read_text())
    assert result.exported_step == about["step"] == 0
    assert about["input_size"] == about["output_size"] == 4
    written = file.stat().st_mtime_ns
    train(faces, run, "training.steps=18")
    assert file.stat().st_mtime_ns == written
    shutil.rmtree(run / "model")
    train(faces, run, "training.steps=18")
    assert json.loads(file.read_text()) == about


def test_a_longer_budget_does_not_shrink_the_model(faces, tmp_path):
    train(faces, tmp_path / "run", "training.steps=8")
    train(faces, tmp_path / "run", "training.steps=10")
    train(faces, tmp_path / "run", "training.steps=1000", until=11)
    model = load_run_model(tmp_path / "run", checkpoint="latest").model
    assert model.output_size == 16


def test_all_levels_with_recomputed_activations_an_average_and_discriminators(faces, tmp_path):
    settings = ["adversarial.power=0.1", "adversarial.patch=3", "adversarial.dims=4"]
    settings += ["adversarial.true_face=0.1", "model.options.growth=0.8", "optimizer.ema=0.5"]
    plain = train(faces, tmp_path / "plain", *settings)
    run = tmp_path / "run"
    recomputed = train(faces, run, "training.checkpointing=true", *settings)
    for person, losses in plain.losses.items():
        assert len(losses) == 16
        assert recomputed.losses[person] == pytest.approx(losses, abs=1e-5)
    first, last = (checkpoint(run, step, "model") for step in (0, 16))
    average = checkpoint(run, 16, "ema")
    assert int(average["grown"]) == int(last["grown"]) == 2 * 1024
    for part in ("encoder.enter", "decoders.0.leave", "decoders.1.leave"):
        for level in range(3):
            name = (
                f"{part}.{level}.0.weight"
                if part.startswith("encoder")
                else f"{part}.{level}.weight"
            )
            assert not torch.equal(first[name], last[name])
            assert not torch.equal(average[name], last[name])


def test_a_compiled_run_is_compiled_for_each_of_many_levels(faces, tmp_path, monkeypatch):
    counter, module_compile = CompileCounter(), nn.Module.compile

    def compile_and_count(model, **options):
        module_compile(model, backend=counter, **options)

    monkeypatch.setattr(CombAutoencoder, "compile", compile_and_count)
    settings = ["model.options.size=64", "model.options.channels=2", "model.options.growth=0.8"]
    train(faces, tmp_path / "run", "training.compile=true", *settings)
    assert counter.frame_count == 9  # five levels, and four fades: above the limit of torch, 8


@pytest.mark.slow
@pytest.mark.parametrize("starts_grown", [False, True])
def test_two_processes_train_as_one(processes, starts_grown, faces, tmp_path):
    recipe = {"model": {"name": "comb", "options": {"size": 16, "channels": 8, "code": 8}}}
    if starts_grown:
        train(faces, tmp_path / "grown", "optimizer.ema=0")
        options = {"size": 16, "channels": 8, "code": 8, "growth": 1.0, "mask": True}
        start = [str(tmp_path / "grown")]
        recipe = {"model": {"name": "comb", "options": options, "start_from": start}}
    recipe |= {"optimizer": {"lr": 1e-4}, "output": {"log_every": 1}}
    recipe |= {"training": {"batch": 4, "steps": 12, "precision": "fp32", "device": "cpu"}}
    alone, shared = (processes.losses(recipe, faces, tmp_path, count) for count in (1, 2))
    for person in faces:
        assert len(alone[person]) == 12
        assert shared[person] == pytest.approx(alone[person], abs=1e-4)
