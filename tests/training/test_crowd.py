"""Trainings with a crowd: many people who teach the encoder, and one target."""

import json

import numpy as np
import pytest
import torch

from faceswap.core.errors import ConfigError, FacesetError, IdentityError
from faceswap.evaluation.candidates import open_runs
from faceswap.facesets.named import find_crowd, leave_targets_out, parse_faces
from faceswap.models.crowd import CROWD
from faceswap.models.model_file import load_model
from faceswap.training.build import run_training
from faceswap.training.inputs.opening import open_facesets
from faceswap.training.monitoring.preview import preview_grid
from faceswap.training.monitoring.shown_faces import ShownFaces
from tests.training.tiny import configured, same, weights

SHADES = {
    "alice": (220, 170, 140),
    "bob": (150, 100, 70),
    "carol": (90, 60, 40),
    "dan": (60, 120, 60),
}


@pytest.fixture
def folder(make_faceset, tmp_path):
    """A folder of facesets of four people."""
    for number, (name, shade) in enumerate(SHADES.items()):
        make_faceset(tmp_path / "people" / name, faces=40 + 12 * number, shade=shade)
    return tmp_path / "people"


@pytest.fixture
def named(folder):
    """Alice is the target, the others are the crowd."""
    return leave_targets_out(parse_faces([f"alice={folder / 'alice'}"]) | find_crowd([str(folder)]))


def test_targets_are_left_out_of_the_crowd(folder, named):
    assert {name: [path.name for path in paths] for name, paths in named.items()} == {
        "alice": ["alice"],
        CROWD: ["bob", "carol", "dan"],
    }
    with pytest.raises(IdentityError, match="only those of --faces"):
        leave_targets_out({"alice": [folder / "alice"], CROWD: [folder / "alice"]})
    assert find_crowd(None) == {}
    with pytest.raises(FacesetError, match="nowhere"):
        find_crowd([str(folder / "nowhere")])


def test_the_name_of_the_crowd_is_reserved(folder):
    with pytest.raises(IdentityError) as caught:
        parse_faces([f"crowd={folder / 'alice'}"])
    assert "--crowd" in caught.value.hint


def test_a_crowd_needs_a_target(named):
    with pytest.raises(IdentityError, match="beside the crowd"):
        open_facesets({CROWD: named[CROWD]}, 8)


def test_one_target_trains_with_a_crowd_and_resumes_to_the_bit(named, tmp_path):
    whole = run_training(configured("training.steps=8"), named, tmp_path / "whole")
    assert list(whole.losses) == ["alice", CROWD]
    assert set(whole.quality) == {"alice", CROWD}
    for steps in (5, 8):
        run_training(configured(f"training.steps={steps}"), named, tmp_path / "run")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_people_of_the_crowd_travel_with_the_model(named, tmp_path):
    run_training(configured("training.steps=0"), named, tmp_path / "run")
    loaded = load_model(tmp_path / "run")
    assert loaded.targets == ("alice",)
    assert [each["name"] for each in loaded.meta.subjects[CROWD]] == ["bob", "carol", "dan"]
    data = json.loads((tmp_path / "run" / "manifest.json").read_text())["data"]
    assert [source["name"] for source in data[CROWD]] == ["bob", "carol", "dan"]
    loaded.check_target("alice")
    with pytest.raises(IdentityError, match="no face can be swapped") as caught:
        loaded.check_target(CROWD)
    assert "alice" in caught.value.hint


def test_whole_people_of_the_crowd_are_held_out(named, tmp_path, monkeypatch):
    seen = {}

    def keep(**entries):
        seen.update(entries)
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "faceswap.training.build.assemble_trainer",
        lambda training, model, callbacks: keep(data=training.data),
    )
    with pytest.raises(KeyboardInterrupt):
        run_training(configured("training.steps=0"), named, tmp_path / "run")
    data, sizes = seen["data"], [40 + 12 * number for number in (1, 2, 3)]
    people = np.repeat(["bob", "carol", "dan"], sizes)
    held_out = set(people[data.held_out[CROWD]])
    assert len(held_out) == 1
    assert set(people[data.batches.training[CROWD]]) == {"bob", "carol", "dan"} - held_out
    assert len(data.held_out[CROWD]) + len(data.batches.training[CROWD]) == sum(sizes)


def test_evaluation_leaves_the_crowd_out(named, tmp_path):
    run_training(configured("training.steps=0"), named, tmp_path / "run")
    [candidate] = open_runs([tmp_path / "run"], "cpu")
    assert list(candidate.held_out) == list(candidate.training) == ["alice"]


def test_previews_show_the_crowd_as_the_target_and_nobody_as_the_crowd(named, tmp_path):
    run_training(configured("training.steps=0"), named, tmp_path / "run")
    model = load_model(tmp_path / "run").model
    shown = {name: ShownFaces(torch.rand(2, 4, 16, 16)) for name in ("alice", CROWD)}
    alone = [
        preview_grid(model, {name: shown[name]}, torch.device("cpu"), bf16=False) for name in shown
    ]
    side, gap = 128, 4
    assert alone[0].shape[1] == 2 * side + gap  # alice, and her reconstruction
    assert alone[1].shape[1] == 3 * side + 2 * gap  # the crowd, decoded, and as alice
    torch.testing.assert_close(
        torch.from_numpy(alone[1][30:, 2 * (side + gap) :][64]).float().mean(),
        255 * model.swap(shown[CROWD].images[:1, :3], "alice").face.mean(),
        atol=12,
        rtol=0,
    )


def test_guided_models_take_no_crowd(named, tmp_path):
    with pytest.raises(ConfigError, match="crowd"):
        run_training(
            configured("model.name=anchored", "augmentation.flip=0"), named, tmp_path / "run"
        )


def test_a_pair_starts_from_the_encoder_of_a_crowd(named, folder, tmp_path):
    run_training(configured("training.steps=2"), named, tmp_path / "base")
    start = f'model.start_from=["{tmp_path / "base"}"]'
    pair = {name: [folder / name] for name in ("alice", "dan")}
    run_training(configured("training.steps=0", start), pair, tmp_path / "pair")
    before, after = load_model(tmp_path / "base"), load_model(tmp_path / "pair")
    for name in ("encoder", "inter", "decoder.alice"):
        assert same(before.model.parts()[name].state_dict(), after.model.parts()[name].state_dict())
    [origin] = after.meta.origins
    assert set(origin["parts"]) == {"encoder", "inter", "decoder.alice"}
    people = after.meta.subjects["crowd (earlier training)"]
    assert [each["name"] for each in people] == ["bob", "carol", "dan"]
