"""Runs that start from the weights of other runs, and parts that are not trained."""

import json
from pathlib import Path

import pytest
import torch

from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.errors import ConfigError, ModelFileError
from faceswap.core.training_state import evaluated_group
from faceswap.models.model_file import load_model
from faceswap.training.build import run_training
from tests.training.tiny import configured, exported, same, weights


@pytest.fixture
def base(faces, tmp_path):
    """A run of alice and bob whose moving average differs from its weights."""
    run_training(configured("training.steps=6", "optimizer.ema=0.9"), faces, tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture
def three(faces, make_faceset, tmp_path):
    return faces | {"carol": [make_faceset(tmp_path / "faces" / "carol", shade=(90, 60, 40))]}


def start_from(*origins):
    return f"model.start_from={json.dumps([str(origin) for origin in origins])}"


def parts(run: Path):
    loaded = load_model(run).model.parts()
    return {name: part.state_dict() for name, part in loaded.items()}


def test_a_run_starts_from_the_exported_weights_of_another(base, three, tmp_path, caplog):
    averaged = load_checkpoint(base / "checkpoints", "best")
    assert averaged is not None
    assert not same(averaged.tensors["ema"], averaged.tensors["model"])
    with caplog.at_level("INFO", logger="faceswap"):
        run_training(configured("training.steps=0", start_from(base)), three, tmp_path / "run")
    before, after = parts(base), parts(tmp_path / "run")
    assert same(exported(base)[1], averaged.tensors[evaluated_group(averaged)])
    for name in ("encoder", "inter", "decoder.alice", "decoder.bob"):
        assert same(before[name], after[name])
    assert "(tiny, step 6): encoder, inter, decoder.alice, decoder.bob." in caplog.text
    assert "New, with random weights: decoder.carol." in caplog.text


def test_a_later_origin_replaces_parts_of_an_earlier_one(base, three, tmp_path):
    origins = start_from(base, f"{base}:decoder.carol=decoder.bob")
    run_training(configured("training.steps=0", origins), three, tmp_path / "run")
    assert same(parts(tmp_path / "run")["decoder.carol"], parts(base)["decoder.bob"])


def test_origins_are_recorded_with_their_people(base, faces, make_faceset, tmp_path):
    others = {
        "alice": faces["alice"],
        "dora": [make_faceset(tmp_path / "faces" / "dora", shade=(90, 60, 40))],
    }
    run = tmp_path / "run"
    for steps in (1, 2):  # started and resumed
        config = configured(f"training.steps={steps}", start_from(f"{base}:inter"))
        run_training(config, others, run)
        check_origins(run, base)
    run_training(configured("training.steps=0", start_from(run)), others, tmp_path / "next")
    earlier, later = load_model(run).meta, load_model(tmp_path / "next").meta
    assert later.origins[0]["origins"] == earlier.origins
    assert set(later.subjects) == set(earlier.subjects)


def check_origins(run, base):
    meta = load_model(run).meta
    assert [subject["name"] for subject in meta.subjects["bob (earlier training)"]] == ["bob"]
    assert set(meta.subjects) == {"alice", "dora", "bob (earlier training)"}
    origin = meta.origins[0]
    assert origin["parts"] == {"inter": "inter"}
    assert origin["weights_sha256"] == load_model(base).digest
    assert json.loads((run / "manifest.json").read_text())["origins"] == meta.origins


def test_a_resumed_run_keeps_its_own_weights(base, faces, tmp_path):
    begun = start_from(base)
    whole = run_training(configured("training.steps=6", begun), faces, tmp_path / "whole")
    first = run_training(configured("training.steps=3", begun), faces, tmp_path / "run")
    # The other run went on meanwhile: a resumed one does not look at it.
    run_training(configured("training.steps=8", "optimizer.ema=0.9"), faces, base)
    second = run_training(configured("training.steps=6", begun), faces, tmp_path / "run")
    assert first.losses["alice"] + second.losses["alice"] == whole.losses["alice"]
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_a_resumed_run_cannot_start_from_another(base, faces, tmp_path):
    run_training(configured("training.steps=1"), faces, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"from random weights, not from .*base"):
        run_training(
            configured("training.steps=2", start_from(base)),
            faces,
            tmp_path / "run",
            allow_changes=True,
        )


def test_a_missing_model_is_an_error_before_anything_is_written(faces, tmp_path):
    with pytest.raises(ModelFileError, match="nowhere"):
        run_training(configured(start_from(tmp_path / "nowhere")), faces, tmp_path / "run")
    assert not (tmp_path / "run" / "manifest.json").exists()


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_frozen_parts_are_unchanged_to_the_bit(base, faces, tmp_path, optimizer, ema):
    settings = [
        start_from(base),
        f"optimizer.name={optimizer}",
        f"optimizer.ema={ema}",
        "optimizer.weight_decay=0.1",
        "optimizer.clip=1",
        "training.freeze=[encoder, decoder.bob]",
    ]
    whole, run = tmp_path / "whole", tmp_path / "run"
    run_training(configured("training.steps=6", *settings), faces, whole)
    before, after = parts(base), parts(whole)
    for name in before:
        assert same(before[name], after[name]) == (name in ("encoder", "decoder.bob"))
    for steps in (3, 6):  # resumed, it is the same
        run_training(configured(f"training.steps={steps}", *settings), faces, run)
    assert same(weights(run), weights(whole))


def test_a_part_may_be_frozen_and_trained_again(base, faces, tmp_path, caplog):
    run = tmp_path / "run"
    run_training(
        configured("training.steps=2", start_from(base), "training.freeze=[inter]"), faces, run
    )
    assert same(parts(run)["inter"], parts(base)["inter"])
    with caplog.at_level("INFO", logger="faceswap"):
        run_training(configured("training.steps=4", start_from(base)), faces, run)
    assert "training.freeze: ['inter'] -> []" in caplog.text
    assert not same(parts(run)["inter"], parts(base)["inter"])


def test_adding_an_identity_with_shared_parts_frozen_keeps_the_others(faces, three, tmp_path):
    old, new, free = (tmp_path / name for name in ("old", "new", "free"))
    run_training(configured("training.steps=150", "training.batch=8"), faces, old)
    frozen = "training.freeze=[encoder, inter, decoder.alice, decoder.bob]"
    run_training(configured("training.steps=40", start_from(old), frozen), three, new)
    run_training(configured("training.steps=40", start_from(old)), three, free)
    inputs = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))

    def decoded(run, name):
        return load_model(run).model.swap(inputs, name).face

    for name in ("alice", "bob"):
        assert torch.equal(decoded(old, name), decoded(new, name))
        assert not torch.equal(decoded(old, name), decoded(free, name))
