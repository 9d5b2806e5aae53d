import cv2
import numpy as np
import pytest
from PIL import Image

from faceswap.core.errors import ConfigError, IdentityError
from faceswap.core.files import read_json
from faceswap.evaluation.detector_set import divide, make_detector_set
from faceswap.evaluation.runs import open_runs


def pairs(division, part):
    return {frozenset((a, to)) for a in division.people[part] for _, to in division.targets[a]}


def test_four_people_share_nobody_and_no_pair():
    division = divide([["a", "b", "c", "d"]], [])
    assert division.people == {"train": ("a", "b"), "val": (), "test": ("c", "d")}
    assert pairs(division, "train") == {frozenset("ab")}
    assert pairs(division, "test") == {frozenset("cd")}
    assert len(division.notes) == 1  # about the validation


def test_six_people_have_a_validation_of_their_own():
    division = divide([list("abcdef")], [])
    assert division.people == {"train": ("a", "b"), "val": ("c", "d"), "test": ("e", "f")}
    assert division.notes == ()


def test_the_last_of_several_runs_is_the_test():
    division = divide([["a", "b"], ["c", "d"], ["e", "f"]], [])
    assert division.people == {"train": ("a", "b"), "val": ("c", "d"), "test": ("e", "f")}
    assert division.targets["e"] == ((2, "f"),)
    two = divide([["a", "b"], ["c", "d"]], [])
    assert two.people == {"train": ("a", "b"), "val": (), "test": ("c", "d")}


def test_runs_that_share_people_do_not_split_them():
    division = divide([["a", "b"], ["b", "c"]], [])
    assert division.people == {"train": ("a", "b"), "val": (), "test": ("c",)}
    assert division.targets["b"] == ((0, "a"),)
    assert division.targets["c"] == ((1, "b"),)
    assert not pairs(division, "train") & pairs(division, "test")
    assert any("another part" in note for note in division.notes)


def test_a_set_that_would_teach_who_is_who_is_refused():
    with pytest.raises(IdentityError, match="whose face it is"):
        divide([["a", "b"]], [])
    with pytest.raises(IdentityError, match="train on b, d"):
        divide([["a", "b"], ["c", "d"]], ["a", "c"])


def test_of_three_people_the_last_is_tested_on():
    division = divide([["a", "b", "c"]], [])
    assert division.people == {"train": ("a", "b"), "val": (), "test": ("c",)}
    assert division.targets["a"] == ((0, "b"),)
    assert division.targets["c"] == ((0, "a"), (0, "b"))
    assert not pairs(division, "train") & pairs(division, "test")
    assert any("another part" in note for note in division.notes)


def test_the_test_can_be_named():
    assert divide([list("abcd")], ["a", "c"]).people["train"] == ("b", "d")
    with pytest.raises(IdentityError, match="'z'"):
        divide([["a", "b"]], ["z"])
    with pytest.raises(IdentityError, match="nobody"):
        divide([["a", "b"]], ["a", "b"])


@pytest.fixture(scope="module")
def run(make_run):
    return make_run("three", {"alice": "alice", "bob": "bob", "carol": "carol"})


@pytest.fixture(scope="module")
def made(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "set"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("faceswap.evaluation.detector_set._GAP", 3)
        return make_detector_set(open_runs([run], "cpu"), folder, frames=10)


def test_real_and_swapped_faces_differ_in_the_swap_alone(made):
    assert made.counts == {"train": 16, "val": 4, "test": 10}
    for part, count in made.counts.items():
        real = sorted((made.folder / part / "real").iterdir())
        swapped = sorted((made.folder / part / "swapped").iterdir())
        assert len(real) == len(swapped) == count
        for first, second in zip(real, swapped, strict=True):
            assert second.name.startswith(first.stem)
            a, b = Image.open(first), Image.open(second)
            assert a.size == b.size == (256, 256)
            assert a.quantization == b.quantization  # pyright: ignore[reportAttributeAccessIssue]
            assert (
                b"TrainedAlgorithmicMedia" in second.read_bytes()
            )  # the mark that it is synthetic
            assert b"TrainedAlgorithmicMedia" not in first.read_bytes()
            change = cv2.absdiff(np.asarray(a), np.asarray(b)).astype(float)
            assert change[:, :20].mean() < 1
            assert change[100:180, 100:160].mean() > 4


def test_no_clip_is_in_train_and_test(made):
    clips = {
        part: {file.name.split("-")[1] for file in (made.folder / part / "real").iterdir()}
        for part in ("train", "val", "test")
    }
    assert clips == {"train": {"alice", "bob"}, "val": {"alice", "bob"}, "test": {"carol"}}
    trained = {file.name for file in (made.folder / "train" / "real").iterdir()}
    assert not trained & {file.name for file in (made.folder / "val" / "real").iterdir()}


def test_the_record_says_that_faces_are_synthetic(made):
    record = read_json(made.folder / "detector-set.json")
    assert "neural network" in record["synthetic"]
    assert record["images_per_class"] == made.counts
    assert any("Written to" in line for line in made.describe())


def test_a_folder_in_use_is_left_alone(made, run):
    with pytest.raises(ConfigError, match="there already"):
        make_detector_set(open_runs([run], "cpu"), made.folder, frames=2)
