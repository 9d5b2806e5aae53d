import cv2
import numpy as np
import pytest
from PIL import Image

from faceswap.core.documents import read_json
from faceswap.core.errors import ConfigError, IdentityError
from faceswap.evaluation.candidates import open_runs
from faceswap.evaluation.detector_set import make_detector_set, split_identities
from faceswap.provenance.file_provenance import read_provenance


def pairs(split, name):
    return {frozenset((a, to)) for a in split.identities[name] for _, to in split.targets[a]}


def test_four_identities_give_disjoint_splits():
    split = split_identities([["a", "b", "c", "d"]], [])
    assert split.identities == {"train": ("a", "b"), "val": (), "test": ("c", "d")}
    assert pairs(split, "train") == {frozenset("ab")}
    assert pairs(split, "test") == {frozenset("cd")}
    assert len(split.notes) == 1  # about the validation


def test_six_identities_give_a_validation_split():
    split = split_identities([list("abcdef")], [])
    assert split.identities == {"train": ("a", "b"), "val": ("c", "d"), "test": ("e", "f")}
    assert split.notes == ()


def test_last_of_several_runs_is_the_test_split():
    split = split_identities([["a", "b"], ["c", "d"], ["e", "f"]], [])
    assert split.identities == {"train": ("a", "b"), "val": ("c", "d"), "test": ("e", "f")}
    assert split.targets["e"] == ((2, "f"),)
    two = split_identities([["a", "b"], ["c", "d"]], [])
    assert two.identities == {"train": ("a", "b"), "val": (), "test": ("c", "d")}


def test_overlapping_runs_keep_identities_in_one_split():
    split = split_identities([["a", "b"], ["b", "c"]], [])
    assert split.identities == {"train": ("a", "b"), "val": (), "test": ("c",)}
    assert split.targets["b"] == ((0, "a"),)
    assert split.targets["c"] == ((1, "b"),)
    assert not pairs(split, "train") & pairs(split, "test")
    assert any("another split" in note for note in split.notes)


def test_train_split_with_one_sided_swaps_is_rejected():
    with pytest.raises(IdentityError, match="needs at least two identities"):
        split_identities([["a", "b"]], [])
    with pytest.raises(IdentityError, match=r"train split \(b, d\)"):
        split_identities([["a", "b"], ["c", "d"]], ["a", "c"])


def test_last_of_three_identities_is_the_test_split():
    split = split_identities([["a", "b", "c"]], [])
    assert split.identities == {"train": ("a", "b"), "val": (), "test": ("c",)}
    assert split.targets["a"] == ((0, "b"),)
    assert split.targets["c"] == ((0, "a"), (0, "b"))
    assert not pairs(split, "train") & pairs(split, "test")
    assert any("another split" in note for note in split.notes)


def test_test_split_can_be_named():
    assert split_identities([list("abcd")], ["a", "c"]).identities["train"] == ("b", "d")
    with pytest.raises(IdentityError, match="'z'"):
        split_identities([["a", "b"]], ["z"])
    with pytest.raises(IdentityError, match="empty"):
        split_identities([["a", "b"]], ["a", "b"])


@pytest.fixture(scope="module")
def run(make_run):
    return make_run("three", {"alice": "alice", "bob": "bob", "carol": "carol"})


@pytest.fixture(scope="module")
def detector_set(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("set") / "set"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("faceswap.evaluation.detector_set._GAP", 3)
        return make_detector_set(open_runs([run], "cpu"), folder, frames=10)


def test_real_and_swapped_images_differ_only_in_the_swap(detector_set):
    assert detector_set.counts == {"train": 16, "val": 4, "test": 10}
    for split, count in detector_set.counts.items():
        real = sorted((detector_set.folder / split / "real").iterdir())
        swapped = sorted((detector_set.folder / split / "swapped").iterdir())
        assert len(real) == len(swapped) == count
        for first, second in zip(real, swapped, strict=True):
            assert second.name.startswith(first.stem)
            a, b = Image.open(first), Image.open(second)
            assert a.size == b.size == (256, 256)
            assert a.quantization == b.quantization  # pyright: ignore[reportAttributeAccessIssue]
            assert read_provenance(first).state == "none"
            assert b"TrainedAlgorithmicMedia" not in first.read_bytes()
            found = read_provenance(second)
            assert (found.state, found.synthetic) == ("intact", True)
            assert found.metadata["digital_source_type"].endswith("TrainedAlgorithmicMedia")
            assert found.conversion is not None
            assert second.stem.endswith(f"-as-{found.conversion['shows'][0]}")
            assert found.conversion["model"]["architecture"] == "small"
            change = cv2.absdiff(np.asarray(a), np.asarray(b)).astype(float)
            assert change[:, :20].mean() < 1
            assert change[100:180, 100:160].mean() > 4


def test_no_clip_is_in_train_and_test(detector_set):
    clips = {
        split: {
            file.name.split("-")[1] for file in (detector_set.folder / split / "real").iterdir()
        }
        for split in ("train", "val", "test")
    }
    assert clips == {"train": {"alice", "bob"}, "val": {"alice", "bob"}, "test": {"carol"}}
    trained = {file.name for file in (detector_set.folder / "train" / "real").iterdir()}
    assert not trained & {file.name for file in (detector_set.folder / "val" / "real").iterdir()}


def test_record_states_that_faces_are_synthetic(detector_set):
    record = read_json(detector_set.folder / "detector-set.json")
    assert "generated by a network" in record["synthetic"]
    assert record["images_per_class"] == detector_set.counts
    assert any("Written to" in line for line in detector_set.describe())


def test_existing_folder_is_rejected(detector_set, run):
    with pytest.raises(ConfigError, match="exists"):
        make_detector_set(open_runs([run], "cpu"), detector_set.folder, frames=2)
