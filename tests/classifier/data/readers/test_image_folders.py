import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from classifier.data import open_dataset
from faceswap.core.errors import ConfigError, MediaError

Fill = Callable[..., Path]


def test_classes_are_sorted_folder_names(tmp_path: Path, fill: Fill, picture: Fill) -> None:
    fill(tmp_path, muffin=3, chihuahua=2)
    picture(tmp_path / "año nuevo" / "deep" / "x.JPG")
    (tmp_path / "empty").mkdir()
    (tmp_path / "muffin" / "notes.txt").write_text("no image")
    (tmp_path / "muffin" / ".hidden.png").write_text("no image")
    data = open_dataset(tmp_path)
    assert data.task == "images"
    assert data.classes == ("año nuevo", "chihuahua", "muffin")
    assert [sample.label for sample in data.splits["train"]] == [0, 1, 1, 2, 2, 2]
    assert set(data.splits) == {"train"}


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_splits_given_by_folders(tmp_path: Path, fill: Fill, name: str) -> None:
    fill(tmp_path / "train", a=2, b=2)
    fill(tmp_path / name, a=1, b=3)
    fill(tmp_path / "test", b=1)
    data = open_dataset(tmp_path)
    assert data.classes == ("a", "b")
    labels = {split: [s.label for s in samples] for split, samples in data.splits.items()}
    assert labels == {"train": [0, 0, 1, 1], "validation": [0, 1, 1, 1], "test": [1]}


def test_train_folder_without_val_is_split_later(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "train", a=2, b=2)
    data = open_dataset(tmp_path)
    assert data.classes == ("a", "b")
    assert set(data.splits) == {"train"}


def test_class_named_train(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, train=2, plane=2)
    assert open_dataset(tmp_path).classes == ("plane", "train")


def test_unicode_class_names_are_normalised(tmp_path: Path, fill: Fill) -> None:
    composed = unicodedata.normalize("NFC", "crème brûlée")
    apart = unicodedata.normalize("NFD", composed)
    assert composed != apart
    fill(tmp_path / "train", **{composed: 2, apart: 3, "soup": 1})
    fill(tmp_path / "val", **{apart: 1, "soup": 1})
    data = open_dataset(tmp_path)
    assert data.classes == (composed, "soup")
    assert [sample.label for sample in data.splits["train"]] == [0] * 5 + [1]
    assert [sample.label for sample in data.splits["validation"]] == [0, 1]


def test_bad_folders(tmp_path: Path, fill: Fill, picture: Fill) -> None:
    with pytest.raises(MediaError, match="No such file or directory"):
        open_dataset(tmp_path / "none")
    with pytest.raises(MediaError, match="found no images"):
        open_dataset(tmp_path)
    picture(tmp_path / "loose.png")
    with pytest.raises(MediaError, match="1 images outside"):
        open_dataset(tmp_path)
    fill(tmp_path, only=2)
    with pytest.raises(MediaError, match="found only 'only'"):
        open_dataset(tmp_path)
    fill(tmp_path, other=1)
    assert "1 images" in open_dataset(tmp_path).notes[0]
    fill(tmp_path / "train", a=2, b=2)
    fill(tmp_path / "val", a=2, c=2)
    with pytest.raises(MediaError, match="not in the training split: c"):
        open_dataset(tmp_path)
    with pytest.raises(MediaError, match="not a supported data set"):
        open_dataset(tmp_path / "loose.png")


def test_class_file_sets_the_class_order(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "data", a=1, b=1)
    names = tmp_path / "names.txt"
    names.write_text("b\na\nz\n")
    data = open_dataset(tmp_path / "data", classes=names)
    assert data.classes == ("b", "a", "z")
    assert sorted((s.path.parent.name, s.label) for s in data.samples) == [("a", 1), ("b", 0)]
    names.write_text("b\nz\n")
    with pytest.raises(MediaError, match="not in the class file: a"):
        open_dataset(tmp_path / "data", classes=names)


def test_groups_from_file_names(tmp_path: Path, picture: Fill) -> None:
    for name in ("anna_1", "anna_2", "ben_1", "solo"):
        for label in "xy":
            picture(tmp_path / label / f"{name}.png")
    data = open_dataset(tmp_path, group=r"^(\w+)_")
    assert [sample.group for sample in data.samples] == ["anna", "anna", "ben", ""] * 2
    with pytest.raises(ConfigError, match="not a regular expression"):
        open_dataset(tmp_path, group="(")
    with pytest.raises(ConfigError, match="found 0 in"):
        open_dataset(tmp_path, group="anna")
    with pytest.raises(ConfigError, match="matches no file"):
        open_dataset(tmp_path, group="(zoe)")


def test_digest_changes_with_the_data(tmp_path: Path, fill: Fill, picture: Fill) -> None:
    fill(tmp_path, a=2, b=2)
    before = open_dataset(tmp_path).digest()
    assert open_dataset(tmp_path).digest() == before
    picture(tmp_path / "a" / "new.png")
    after = open_dataset(tmp_path).digest()
    assert after != before
    assert open_dataset(tmp_path, group="(new)").digest() != after
