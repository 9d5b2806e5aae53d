from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.data import open_dataset
from faceswap.core.errors import MediaError

Fill = Callable[..., Path]
COPIES = {
    "folds": ("fold1", "fold2"),
    "versions": ("color", "grayscale", "segmented"),
    "augmented": ("original", "augmented"),
    "abbreviations": ("tr", "te"),
    "synonyms": ("learn", "check"),
    "retrieval": ("gallery", "query"),
    "sites": ("site A", "site B"),
    "doubled": ("tr/tr", "te/te"),
    "in a directory of another name": ("plants v2/color", "plants v2/segmented"),
    "below a split": ("train/color", "train/segmented"),
    "folds with splits": ("fold_1/train", "fold_1/val", "fold_2/train", "fold_2/val"),
}


@pytest.mark.parametrize("folders", COPIES.values(), ids=COPIES)
def test_siblings_with_the_same_classes(
    tmp_path: Path, fill: Fill, folders: tuple[str, ...]
) -> None:
    for folder in folders:
        fill(tmp_path / folder, rust=2, scab=2)
    with pytest.raises(MediaError, match="look like folds, splits or versions") as caught:
        open_dataset(tmp_path)
    assert "Choose one of them as DATA" in caught.value.hint


def test_a_class_file_declares_siblings_classes(tmp_path: Path, fill: Fill) -> None:
    for folder in ("site A", "site B"):
        fill(tmp_path / folder, left=2, right=2)
    (tmp_path / "classes.txt").write_text("site A\nsite B\n")
    assert open_dataset(tmp_path).classes == ("site A", "site B")


@pytest.mark.parametrize(
    "names",
    [("Trainingsdaten", "Testdaten"), ("entrainement", "validation"), ("entrenamiento", "test")],
)
def test_splits_in_other_languages(tmp_path: Path, fill: Fill, names: tuple[str, ...]) -> None:
    for name in names:
        fill(tmp_path / name, a=1, b=1)
    data = open_dataset(tmp_path)
    assert (len(data.splits), data.classes) == (2, ("a", "b"))


def draw(root: Path, folders: Mapping[str, str]) -> None:
    """Writes three images or masks of the same names into each folder."""
    random = np.random.default_rng(0)
    for folder, kind in folders.items():
        (root / folder).mkdir(parents=True)
        for number in range(3):
            high, shape = {"colour": (256, (16, 16, 3)), "grey": (256, (16, 16))}.get(
                kind, (2, (16, 16))
            )
            values = random.integers(0, high, shape, dtype=np.uint8)
            image = Image.fromarray(values)
            (image.convert("P") if kind == "palette" else image).save(
                root / folder / f"{number}.png"
            )


NAMED_MASKS = {
    "targets": ("img", "targets"),
    "VOC in colours": ("JPEGImages", "SegmentationClassVis"),
    "colours": ("Images", "GT color"),
    "labels with a word": ("images", "labels_x"),
    "texts": ("images", "texts"),
}


@pytest.mark.parametrize("below", ["", "train", "valid"])
@pytest.mark.parametrize("names", NAMED_MASKS.values(), ids=NAMED_MASKS)
def test_names_of_images_and_masks(tmp_path: Path, names: tuple[str, str], below: str) -> None:
    draw(tmp_path / below, {names[0]: "colour", names[1]: "mask"})
    if below == "valid":
        draw(tmp_path / "train", {"a": "colour", "b": "colour"})
    with pytest.raises(MediaError, match=f"{names[0]}/ .* cannot be classes"):
        open_dataset(tmp_path)


PAIRED_MASKS = {
    "Cityscapes": {"leftImg8bit/train/ulm": "colour", "gtFine/train/ulm": "mask"},
    "in a directory": {"city/leftImg8bit/train/ulm": "colour", "city/gtFine/train/ulm": "mask"},
    "inputs": {"inputs": "colour", "targets": "mask"},
    "letters": {"trainx": "colour", "trainy": "mask"},
    "palette": {"trainx": "colour", "trainy": "palette"},
    "grey images": {"scans": "grey", "lesions": "mask"},
    "below splits": {"train/scans": "colour", "train/lesions": "mask"},
    "above splits": {"scans/train": "colour", "lesions/train": "mask"},
}


@pytest.mark.parametrize("folders", PAIRED_MASKS.values(), ids=PAIRED_MASKS)
def test_masks_under_the_names_of_the_images(tmp_path: Path, folders: dict[str, str]) -> None:
    draw(tmp_path, folders)
    with pytest.raises(MediaError, match=r"images and their masks|cannot be") as e:
        open_dataset(tmp_path)
    assert "images/ and masks/" in e.value.hint
    if "scans" in folders or "trainx" in folders:
        (tmp_path / "classes.txt").write_text("\n".join(folders))
        assert open_dataset(tmp_path).task == "images"


def test_equal_names_of_images_alone_are_no_masks(tmp_path: Path) -> None:
    draw(tmp_path / "colours", {"cat": "colour", "dog": "colour"})
    draw(tmp_path / "grey", {"0": "grey", "1": "grey"})
    draw(tmp_path / "values", {"0": "mask", "1": "mask"})
    for name in ("colours", "grey", "values"):
        assert open_dataset(tmp_path / name).task == "images"


def test_sizes_tell_images_from_masks(tmp_path: Path, fill: Fill) -> None:
    draw(tmp_path, {"drawing": "grey"})
    for number in range(3):
        (tmp_path / "photo").mkdir(exist_ok=True)
        Image.new("RGB", (20, 20)).save(tmp_path / "photo" / f"{number}.png")
    assert open_dataset(tmp_path).classes == ("drawing", "photo")


@pytest.mark.parametrize(
    "folders",
    [
        {"image_2": "colour", "semantic": "mask"},
        {"img_dir/train": "colour", "ann_dir/train": "mask"},
        {"images/images": "colour", "masks/masks": "mask"},
        {"images/images": "colour", "masks": "mask"},
        {"train/images/images": "colour", "train/masks/masks": "mask"},
    ],
    ids=["KITTI", "mmsegmentation", "doubled", "doubled images", "doubled below a split"],
)
def test_other_names_of_images_and_masks(tmp_path: Path, folders: dict[str, str]) -> None:
    draw(tmp_path, folders)
    data = open_dataset(tmp_path)
    assert (data.task, len(data.samples)) == ("pixels", 3)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        ("train/labels/0.txt", "YOLO"),
        ("train/annotations/all.json", "YOLO"),
        ("train/_annotations.coco.json", "COCO"),
    ],
)
def test_object_detection_below_splits(tmp_path: Path, labels: str, kind: str) -> None:
    draw(tmp_path, {"train/images": "colour", "valid/images": "colour"})
    (tmp_path / labels).parent.mkdir(exist_ok=True)
    (tmp_path / labels).write_text("0 1 2 3 4")
    (tmp_path / "data.yaml").write_text("nc: 1")
    with pytest.raises(MediaError, match=rf"object detection \({kind}.* not supported"):
        open_dataset(tmp_path)


def test_unlabelled_images_are_no_class(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "labeled", cat=1, dog=1)
    fill(tmp_path, unlabeled=1)
    with pytest.raises(MediaError, match=r"unlabeled/ .* cannot be a class"):
        open_dataset(tmp_path)


def test_masks_beside_the_images_of_a_class(tmp_path: Path, picture: Fill) -> None:
    for name in ("benign", "malignant"):
        for file in ("1.png", "1_mask.png"):
            picture(tmp_path / name / file)
    with pytest.raises(MediaError, match="holds 1 mask beside the images"):
        open_dataset(tmp_path)


def test_directories_of_a_single_class_belong_to_it(tmp_path: Path, fill: Fill) -> None:
    fill(tmp_path / "a" / "leaf", healthy=1, sick=1)
    fill(tmp_path / "b" / "leaf", train=1, test=1)
    assert open_dataset(tmp_path / "a").classes == ("leaf",)
    assert set(open_dataset(tmp_path / "b").splits) == {"train", "test"}
