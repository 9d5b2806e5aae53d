import pytest

from faceswap.core.errors import IdentityError
from faceswap.evaluation.identity_split import split_identities


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
