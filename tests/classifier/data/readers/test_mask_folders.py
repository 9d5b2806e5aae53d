from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.data import IGNORE_INDEX, load_images, open_dataset
from classifier.models.formats import InputFormat
from faceswap.core.errors import MediaError

Write = Callable[..., Path]
FORM = InputFormat(8, 3, (0.0,) * 3, (1.0,) * 3)
VALUES = np.repeat(np.array([[0, 1, 2, 255]], np.uint8), 4, axis=0)


@pytest.fixture
def pair(picture: Write, mask: Write) -> Callable[..., None]:
    """``pair(images, masks, name, values)``: an image and its mask."""

    def write(images: Path, masks: Path, name: str, values: np.ndarray = VALUES) -> None:
        picture(images / f"{name}.jpg", size=values.shape[1::-1])
        mask(masks / f"{name}.png", values)

    return write


def labels(path: Path, classes: Path | None = None) -> np.ndarray:
    data = open_dataset(path, classes=classes)
    loaded, skipped = load_images(data.samples, FORM, task="pixels", ignore_index=data.ignore_index)
    assert not skipped
    return loaded.labels


def test_images_and_masks_folders(tmp_path: Path, pair: Callable, picture: Write) -> None:
    pair(tmp_path / "a" / "images", tmp_path / "a" / "masks", "x")
    pair(tmp_path / "b" / "images", tmp_path / "b" / "masks", "deep/x")
    picture(tmp_path / "b" / "images" / "alone.png")
    data = open_dataset(tmp_path)
    assert (data.task, data.classes, data.ignore_index) == ("pixels", ("0", "1", "2"), 255)
    assert {split: len(samples) for split, samples in data.splits.items()} == {"train": 2}
    assert "Skipped 1 image without a mask" in data.notes[0]
    assert labels(tmp_path)[0].tolist() == VALUES.tolist()


def test_splits_in_camvid_layout(tmp_path: Path, pair: Callable) -> None:
    for split in ("train", "val", "test"):
        pair(tmp_path / split, tmp_path / f"{split}annot", split)
    data = open_dataset(tmp_path)
    assert {split: s[0].path.stem for split, s in data.splits.items()} == {
        "train": "train",
        "validation": "val",
        "test": "test",
    }


def test_splits_as_folders(tmp_path: Path, pair: Callable) -> None:
    for split in ("train", "valid"):
        pair(tmp_path / split / "images", tmp_path / split / "masks", split)
    data = open_dataset(tmp_path)
    assert {split: s[0].path.stem for split, s in data.splits.items()} == {
        "train": "train",
        "validation": "valid",
    }


def test_void_class_becomes_the_ignore_index(tmp_path: Path, pair: Callable) -> None:
    pair(tmp_path / "images", tmp_path / "masks", "x")
    (tmp_path / "classes.txt").write_text("sky\nVoid\nroad\n")
    data = open_dataset(tmp_path)
    assert (data.classes, data.ignore_index) == (("sky", "road"), 1)
    assert labels(tmp_path)[0, 0].tolist() == [0, IGNORE_INDEX, 1, IGNORE_INDEX]


def test_class_file_given_by_path(tmp_path: Path, pair: Callable) -> None:
    pair(tmp_path / "data" / "images", tmp_path / "data" / "masks", "x")
    (tmp_path / "names.txt").write_text("a\nb\nignore\n")
    assert labels(tmp_path / "data", classes=tmp_path / "names.txt")[0, 0].tolist() == [
        0,
        1,
        IGNORE_INDEX,
        IGNORE_INDEX,
    ]
    with pytest.raises(MediaError, match="cannot be read"):
        open_dataset(tmp_path / "data", classes=tmp_path / "none.txt")


def test_arbitrary_mask_values(tmp_path: Path, pair: Callable) -> None:
    pair(tmp_path / "images", tmp_path / "masks", "x", np.array([[0, 255], [128, 0]]))
    (tmp_path / "classes.csv").write_text("index,name\n0,ground\n255,face\n128,hair\n")
    data = open_dataset(tmp_path)
    assert (data.classes, data.ignore_index) == (("ground", "face", "hair"), None)
    assert labels(tmp_path)[0].tolist() == [[0, 1], [2, 0]]


def test_colour_masks(tmp_path: Path, pair: Callable) -> None:
    colours = np.array([[[255, 0, 0], [0, 0, 0]], [[10, 20, 30], [255, 0, 0]]])
    pair(tmp_path / "images", tmp_path / "masks", "x", colours)
    with pytest.raises(MediaError, match=r"x\.png is in colour"):
        open_dataset(tmp_path)
    (tmp_path / "classes.csv").write_text(
        "index,name,colour\n0,sky,#ff0000\n1,void,0 0 0\n2,road,10 20 30\n"
    )
    assert labels(tmp_path)[0].tolist() == [[0, IGNORE_INDEX], [1, 0]]
    (tmp_path / "classes.csv").write_text("index,name,color\n0,sky,#ff0000\n1,road,#0a141e\n")
    data = open_dataset(tmp_path)
    with pytest.raises(MediaError, match=r"colour \(0, 0, 0\) in mask x\.png is not a class"):
        load_images(data.samples, FORM, task="pixels")


def test_palette_and_grey_masks_are_equal(tmp_path: Path, picture: Write) -> None:
    grey = Image.fromarray(np.array([[0, 1], [2, 0]], np.uint8))
    palette = grey.copy().convert("P")
    palette.putdata([0, 1, 2, 0])
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    (tmp_path / "masks").mkdir()
    for name, image in (("grey", grey), ("palette", palette), ("rgb", grey.convert("RGB"))):
        picture(tmp_path / "images" / f"{name}.png", size=(2, 2))
        image.save(tmp_path / "masks" / f"{name}.png")
    assert labels(tmp_path).tolist() == [[[0, 1], [2, 0]]] * 3


def test_mask_of_another_size_is_skipped(tmp_path: Path, pair: Callable, mask: Write) -> None:
    for name in "ab":
        pair(tmp_path / "images", tmp_path / "masks", name)
    mask(tmp_path / "masks" / "a.png", np.eye(3, 5))
    data = open_dataset(tmp_path)
    loaded, skipped = load_images(data.samples, FORM, task="pixels")
    assert [sample.path.stem for sample in loaded.samples] == ["b"]
    assert skipped == [
        (tmp_path / "images" / "a.jpg", "the image is 4x4, its mask a.png is 5x3"),
    ]
    mask(tmp_path / "masks" / "b.png", np.eye(3, 5))
    with pytest.raises(MediaError, match=r"None of the 2 images .* 4x4, its mask a.png is 5x3"):
        load_images(data.samples, FORM, task="pixels")


def test_undefined_mask_values(tmp_path: Path, pair: Callable) -> None:
    pair(tmp_path / "images", tmp_path / "masks", "x")
    (tmp_path / "classes.txt").write_text("a\nb\n")
    with pytest.raises(MediaError, match=r"value 2 in mask x\.png is not a class"):
        load_images(open_dataset(tmp_path).samples, FORM, task="pixels")


def test_masks_are_scaled_by_nearest_neighbour(tmp_path: Path, pair: Callable) -> None:
    values = np.zeros((8, 8), np.uint8)
    values[:, 4:] = 9
    pair(tmp_path / "images", tmp_path / "masks", "x", values)
    data = open_dataset(tmp_path)
    loaded, _ = load_images(data.samples, FORM, task="pixels", side=(5, 3))
    assert loaded.images.shape == (1, 3, 5, 3)
    assert set(loaded.labels.ravel().tolist()) == {0, 9}


def test_masks_without_class_indices_are_rejected(
    tmp_path: Path, pair: Callable, picture: Write
) -> None:
    pair(tmp_path / "images", tmp_path / "masks", "x", np.array([[0, 255]] * 2))
    with pytest.raises(MediaError, match=r"Expected class indices .* found 0, 255"):
        open_dataset(tmp_path)
    (tmp_path / "masks" / "x.png").unlink()
    with pytest.raises(MediaError, match=r"no image of a mask was found in masks/"):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("classes.txt", "sky\nvoid\n", "at least two classes"),
        ("classes.txt", "sky\nroad\nsky\n", "the class 'sky' twice"),
        ("classes.csv", "number,name\n0,sky\n", "columns index and name in .* found number"),
        ("classes.csv", "index,name\nx,sky\n", "line 2"),
        ("classes.csv", "index,name\n0,sky\n0,road\n", "the index '0' twice"),
        ("classes.csv", "index,name\n0,sky\n256,road\n", "indices from 0 to 255"),
        (
            "classes.csv",
            "index,name,colour\n0,sky,blue\n1,road,#000000\n",
            "'blue' is not a colour",
        ),
    ],
)
def test_malformed_class_files(
    tmp_path: Path, pair: Callable, name: str, text: str, message: str
) -> None:
    pair(tmp_path / "images", tmp_path / "masks", "x")
    (tmp_path / name).write_text(text)
    with pytest.raises(MediaError, match=message):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images/{}", "masks/{}"),
        ("{}/images", "{}/masks"),
        ("{}_images", "{}_masks"),
        ("{}", "{}_labels"),
        ("Images/{}ing", "Annotations/{}"),
        ("img/{}-1", "GroundTruth/{}"),
        ("deep/{}/JPEGImages", "deep/{}/SegmentationClass"),
    ],
)
def test_splits_of_masks(tmp_path: Path, pair: Callable, images: str, masks: str) -> None:
    for split, count in (("train", 2), ("test", 1)):
        for number in range(count):
            name = f"{split}{number}"
            pair(tmp_path / images.format(split), tmp_path / masks.format(split), name)
    data = open_dataset(tmp_path)
    assert data.task == "pixels"
    assert {split: len(samples) for split, samples in data.splits.items()} == {
        "train": 2,
        "test": 1,
    }


def test_masks_named_after_their_images(tmp_path: Path, picture: Write, mask: Write) -> None:
    picture(tmp_path / "train" / "x.png", size=VALUES.shape[::-1])
    picture(tmp_path / "train" / "y.png", size=VALUES.shape[::-1])
    mask(tmp_path / "train_labels" / "x_L.png", VALUES)
    mask(tmp_path / "train_labels" / "y_mask.png", VALUES)
    data = open_dataset(tmp_path)
    assert [(s.path.stem, s.mask and s.mask.stem) for s in data.samples] == [
        ("x", "x_L"),
        ("y", "y_mask"),
    ]


def test_images_without_a_directory_of_masks_are_counted(
    tmp_path: Path, pair: Callable, picture: Write
) -> None:
    pair(tmp_path / "imagesTr", tmp_path / "labelsTr", "x")
    picture(tmp_path / "imagesTs" / "y.png")
    data = open_dataset(tmp_path)
    assert len(data.samples) == 1
    assert data.notes == (
        "Skipped 1 image outside the directories of images and masks, such as imagesTs/y.png.",
    )


def test_masks_outside_the_splits_are_refused(tmp_path: Path, pair: Callable) -> None:
    pair(tmp_path / "train" / "images", tmp_path / "train" / "masks", "x")
    pair(tmp_path / "more" / "images", tmp_path / "more" / "masks", "x")
    with pytest.raises(MediaError, match=r"others are not, such as .*more"):
        open_dataset(tmp_path)


def test_labels_of_object_detection_are_named(tmp_path: Path, picture: Write) -> None:
    for split in ("train", "val"):
        for name in "ab":
            picture(tmp_path / "images" / split / f"{name}.jpg")
            label = tmp_path / "labels" / split / f"{name}.txt"
            label.parent.mkdir(parents=True, exist_ok=True)
            label.write_text("0 0.5 0.5 0.1 0.1")
    with pytest.raises(MediaError, match=r"\.txt files, as for object detection \(YOLO, VOC\)"):
        open_dataset(tmp_path)


def test_orientation_of_tiff_and_of_masks(tmp_path: Path, mask: Write) -> None:
    values = np.zeros((4, 6), np.uint8)
    values[0] = 1
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be rotated clockwise
    for name in ("x.tif", "y.jpg"):
        image = Image.new("RGB", (6, 4))
        image.save(tmp_path / "images" / name, exif=exif)
    mask(tmp_path / "masks" / "x.png", np.rot90(values, -1))
    Image.fromarray(values).save(tmp_path / "masks" / "y.png", exif=exif)
    data = open_dataset(tmp_path)
    loaded, skipped = load_images(data.samples, FORM, task="pixels")
    assert not skipped
    assert loaded.images.shape == (2, 3, 6, 4)
    assert [labels[:, 3].tolist() for labels in loaded.labels] == [[1] * 6] * 2


def test_camvid_and_faces(shared_data: Path, tmp_path: Path) -> None:
    names = "sky building pole road pavement tree sign fence car pedestrian cyclist void"
    (tmp_path / "camvid.txt").write_text("\n".join(names.split()))
    camvid = open_dataset(shared_data / "camvid", classes=tmp_path / "camvid.txt")
    assert (len(camvid.classes), camvid.ignore_index) == (11, 11)
    assert {split: len(samples) for split, samples in camvid.splits.items()} == {
        "train": 367,
        "validation": 101,
    }
    faces = open_dataset(shared_data / "face_masks")
    assert (len(faces.samples), faces.classes) == (202, tuple("012345"))
