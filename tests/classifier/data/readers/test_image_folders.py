import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from classifier.data import open_dataset, split_dataset
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
        split_dataset(open_dataset(tmp_path), 0.2, seed=0)
    fill(tmp_path, other=1)
    assert "1 image" in open_dataset(tmp_path).notes[0]
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


LAYOUTS = {
    "Training Testing": {"train": "Training", "test": "Testing"},
    "Train Valid": {"train": "Train", "validation": "Valid"},
    "training_set test_set": {"train": "training_set", "test": "test_set"},
    "train dev": {"train": "train", "validation": "dev"},
    "TRAIN VAL": {"train": "TRAIN", "validation": "VAL"},
    "train_images": {"train": "train_images", "validation": "val_images"},
    "images_train": {"train": "images_train", "test": "images_test"},
    "01_train": {"train": "01_train", "validation": "02_valid", "test": "03-test"},
    "seg_train": {"train": "seg_train/seg_train", "test": "seg_test/seg_test"},
    "dogs_train": {"train": "dogs_train", "test": "dogs_test"},
    "train2017": {"train": "train2017", "validation": "val2017"},
    "TrainImages": {"train": "TrainImages", "test": "TestImages"},
    "below": {"train": "archive/animals/train", "test": "archive/animals/test"},
    "inner": {"train": "images/train", "validation": "images/val"},
    "validation test": {"validation": "val", "test": "test"},
}


@pytest.mark.parametrize("folders", LAYOUTS.values(), ids=LAYOUTS)
def test_names_of_splits(tmp_path: Path, fill: Fill, folders: dict[str, str]) -> None:
    for folder in folders.values():
        fill(tmp_path / folder, muffin=2, chihuahua=3)
    data = open_dataset(tmp_path)
    assert data.classes == ("chihuahua", "muffin")
    labels = {split: [s.label for s in samples] for split, samples in data.splits.items()}
    assert labels == {split: [0, 0, 0, 1, 1] for split in folders}


def test_several_folders_of_one_split(tmp_path: Path, fill: Fill) -> None:
    for name in ("train-1", "train-2", "test"):
        fill(tmp_path / name, a=1, b=1)
    data = open_dataset(tmp_path)
    assert [len(data.splits[split]) for split in ("train", "test")] == [4, 2]
    assert "Splits: test/ is test, train-1/ is train, train-2/ is train." in data.notes[0]


def test_splits_in_each_class(tmp_path: Path, fill: Fill, picture: Fill) -> None:
    for name in ("cat", "dog"):
        fill(tmp_path / name, train=2, test=1)
    data = open_dataset(tmp_path)
    assert data.classes == ("cat", "dog")
    labels = {split: [s.label for s in samples] for split, samples in data.splits.items()}
    assert labels == {"train": [0, 0, 1, 1], "test": [0, 1]}
    picture(tmp_path / "emu" / "x.png")
    with pytest.raises(MediaError, match=r"hold splits .* others do not \(emu\)"):
        open_dataset(tmp_path)


REFUSED = {
    "loose splits": (
        ("train/0.png", "test/0.png"),
        "train/ .* look like splits, but hold no class",
    ),
    "loose training": (("train/0.png", "test/a/0.png"), r"training images .*train/\) are not in"),
    "split beside classes": (("train/old/0.png", "bus/0.png"), "mixes a split .train/. and other"),
    "test beside classes": (("cat/0.png", "dog/0.png", "test/0.png"), "test/ .* look like splits"),
    "only images": (("images/0.png", "images/1.png"), "images/ .* cannot be classes"),
    "labels": (("cat/0.png", "labels/0.png"), "labels/ .* look like masks or labels"),
    "halves": (("dogs/0.png", "trainannot/0.png"), "trainannot/ .* look like masks"),
    "masks": (("original/0.png", "masks/0.png"), "masks/ .* look like masks or labels"),
    "several splits": (
        ("trainA/0.png", "testA/0.png", "trainB/0.png", "testB/0.png"),
        "testA/, trainA/ .* look like splits, not like classes",
    ),
}


@pytest.mark.parametrize(("files", "message"), REFUSED.values(), ids=REFUSED)
def test_layouts_that_are_refused(
    tmp_path: Path, picture: Fill, files: tuple[str, ...], message: str
) -> None:
    for name in files:
        picture(tmp_path / name)
    with pytest.raises(MediaError, match=message):
        open_dataset(tmp_path)


def test_a_class_file_declares_classes_of_any_name(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path, train=2, test=2, labels=1)
    (tmp_path / "classes.txt").write_text("test\ntrain\nlabels\n")
    assert open_dataset(tmp_path).classes == ("test", "train", "labels")


@pytest.mark.parametrize(
    "names",
    [
        ("valid", "invalid"),
        ("mask", "no_mask"),
        ("with_mask", "without_mask"),
        ("photo", "sketch"),
        ("train_station", "test_tube"),
        ("0", "1"),
    ],
)
def test_names_of_classes_that_resemble_others(
    tmp_path: Path, fill: Fill, names: tuple[str, ...]
) -> None:
    fill(tmp_path, **dict.fromkeys(names, 1))
    assert open_dataset(tmp_path).classes == tuple(sorted(names))


def test_unlabelled_images_beside_splits_are_skipped(
    tmp_path: Path, fill: Fill, picture: Fill
) -> None:
    for name in ("seg_train", "seg_test"):
        fill(tmp_path / name, a=1, b=1)
    picture(tmp_path / "seg_pred" / "0.png")
    data = open_dataset(tmp_path)
    assert (set(data.splits), data.classes) == ({"train", "test"}, ("a", "b"))
    assert data.notes[0].startswith("Skipped 1 image in seg_pred/")


def test_what_is_left_out_or_taken_in_is_counted(tmp_path: Path, fill: Fill, picture: Fill) -> None:
    root = fill(tmp_path / "data", muffin=2, chihuahua=2)
    (root / "bagel").mkdir()
    for number in range(4):
        (root / "bagel" / f"{number}.avif").write_text("not read")
    (root / "empty").mkdir()
    (root / "muffin" / "no_suffix").write_text("not read")
    (root / "muffin" / "Thumbs.db").write_text("not data")
    picture(root / "muffin" / "@eaDir" / "000.jpg" / "thumb.jpg")
    picture(root / "muffin" / ".ipynb_checkpoints" / "000-checkpoint.png")
    picture(root / "muffin" / "._000.png")
    more = fill(tmp_path / "elsewhere", more=3)
    (root / "chihuahua" / "all").symlink_to(more / "more")
    (root / "chihuahua" / "again").symlink_to(more / "more")
    (root / "chihuahua" / "loop").symlink_to(root)
    (root / "chihuahua" / "broken.png").symlink_to(root / "none.png")
    data = open_dataset(root)
    assert data.classes == ("chihuahua", "muffin")
    assert [s.label for s in data.samples] == [0] * 5 + [1] * 2
    assert data.notes == (
        "No images in bagel, empty (not a class: bagel, empty).",
        "Skipped 5 files without the suffix of an image: .avif (4, such as bagel/0.avif), "
        "no suffix (1, such as muffin/no_suffix).",
        "Skipped 1 (broken link), such as chihuahua/broken.png.",
        "Skipped 1 (hidden file), such as muffin/._000.png.",
        "Skipped 2 (tool folder), such as muffin/.ipynb_checkpoints.",
        "Skipped 2 (link to a folder that is read already), such as chihuahua/all.",
        "Followed the link chihuahua/again to a folder with 3 images.",
    )


def test_names_that_are_not_utf8(tmp_path: Path, fill: Fill) -> None:
    name = os.fsdecode(b"caf\xe9")
    try:
        fill(tmp_path, **{name: 1, "tea": 1})
    except OSError:
        pytest.skip("this file system allows no such names")
    data = open_dataset(tmp_path)
    assert data.classes == ("caf\\xe9", "tea")
    assert data.samples[0].name.encode()
    assert data.digest()


def test_results_in_the_data_are_not_data(tmp_path: Path, fill: Fill, picture: Fill) -> None:
    fill(tmp_path, a=1, b=1)
    picture(tmp_path / "explained" / "filters.png")
    (tmp_path / "explained" / "report.html").write_text("a page")
    data = open_dataset(tmp_path)
    assert data.classes == ("a", "b")
    assert data.notes == ("Skipped 1 (report), such as explained.",)


def test_a_folder_of_lists_names_one_of_them(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train-00000-of-00001.parquet").write_bytes(b"")
    with pytest.raises(MediaError) as caught:
        open_dataset(tmp_path)
    assert "train-00000-of-00001.parquet" in caught.value.hint
