from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.data.folders import load_images, scan_folder, stratified_split
from classifier.data.images import UnreadableImage, read_square
from faceswap.core.errors import MediaError


def picture(path: Path, colour: object = (200, 10, 30), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (40, 30), colour).save(path)  # pyright: ignore[reportArgumentType]
    return path


def fill(root: Path, **counts: int) -> Path:
    for name, count in counts.items():
        for number in range(count):
            picture(root / name / f"{number:03d}.png")
    return root


def test_classes_are_folders_in_order(tmp_path: Path) -> None:
    fill(tmp_path, muffin=3, chihuahua=2)
    picture(tmp_path / "año nuevo" / "deep" / "x.JPG")
    (tmp_path / "empty").mkdir()
    (tmp_path / "muffin" / "notes.txt").write_text("no image")
    (tmp_path / "muffin" / ".hidden.png").write_text("no image")
    folder = scan_folder(tmp_path)
    assert folder.classes == ("año nuevo", "chihuahua", "muffin")
    assert [sample.label for sample in folder.train] == [0, 1, 1, 2, 2, 2]
    assert folder.validation is None


def test_given_split(tmp_path: Path) -> None:
    fill(tmp_path / "train", a=2, b=2)
    fill(tmp_path / "val", a=1, b=3)
    folder = scan_folder(tmp_path)
    assert folder.classes == ("a", "b")
    assert folder.validation is not None
    assert [sample.label for sample in folder.validation] == [0, 1, 1, 1]


def test_train_without_val_is_split_later(tmp_path: Path) -> None:
    fill(tmp_path / "train", a=2, b=2)
    assert scan_folder(tmp_path).classes == ("a", "b")


def test_train_may_be_a_class(tmp_path: Path) -> None:
    fill(tmp_path, train=2, plane=2)
    assert scan_folder(tmp_path).classes == ("plane", "train")


def test_bad_folders(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="no folder"):
        scan_folder(tmp_path / "none")
    with pytest.raises(MediaError, match="found no images"):
        scan_folder(tmp_path)
    picture(tmp_path / "loose.png")
    with pytest.raises(MediaError, match="1 images outside"):
        scan_folder(tmp_path)
    fill(tmp_path, only=2)
    with pytest.raises(MediaError, match="only one class, 'only'"):
        scan_folder(tmp_path)
    fill(tmp_path / "train", a=2, b=2)
    fill(tmp_path / "val", a=2, c=2)
    with pytest.raises(MediaError, match="c"):
        scan_folder(tmp_path)


def test_digest_changes_with_the_data(tmp_path: Path) -> None:
    fill(tmp_path, a=2, b=2)
    before = scan_folder(tmp_path).digest()
    assert scan_folder(tmp_path).digest() == before
    picture(tmp_path / "a" / "new.png")
    assert scan_folder(tmp_path).digest() != before


def test_split_is_stratified_seeded_and_disjoint() -> None:
    labels = np.array([0] * 40 + [1] * 10 + [2] * 2)
    train, kept = stratified_split(labels, ("a", "b", "c"), 0.2, seed=3)
    assert sorted([*train, *kept]) == list(range(52))
    assert np.bincount(labels[kept]).tolist() == [8, 2, 1]
    again = stratified_split(labels, ("a", "b", "c"), 0.2, seed=3)[1]
    other = stratified_split(labels, ("a", "b", "c"), 0.2, seed=4)[1]
    assert kept.tolist() == again.tolist()
    assert kept.tolist() != other.tolist()


def test_a_class_of_one_image_cannot_be_split() -> None:
    with pytest.raises(MediaError, match="'b' has 1 usable"):
        stratified_split(np.array([0, 0, 1]), ("a", "b"), 0.5, seed=0)


def test_bad_images_are_left_out_and_told(tmp_path: Path) -> None:
    fill(tmp_path, a=3, b=3)
    (tmp_path / "a" / "001.png").write_bytes(b"not an image")
    whole = (tmp_path / "b" / "002.png").read_bytes()
    (tmp_path / "b" / "002.png").write_bytes(whole[: len(whole) // 2])
    counted: list[int] = []
    images, skipped = load_images(scan_folder(tmp_path).train, 8, 3, counted.append)
    assert images.labels.tolist() == [0, 0, 1, 1]
    assert images.images.shape == (4, 3, 8, 8)
    assert [path.name for path, _ in skipped] == ["001.png", "002.png"]
    assert sum(counted) == 6


@pytest.mark.parametrize(
    ("mode", "colour", "name", "expected"),
    [
        ("RGB", (200, 10, 30), "x.png", (200, 10, 30)),
        ("L", 77, "x.png", (77, 77, 77)),
        ("RGBA", (200, 10, 30, 0), "x.png", (255, 255, 255)),
        ("LA", (10, 255), "x.png", (10, 10, 10)),
        ("I;16", 65535, "x.png", (255, 255, 255)),
        ("I;16", 257 * 100, "x.png", (100, 100, 100)),
        ("CMYK", (0, 255, 255, 0), "x.jpg", (254, 0, 0)),
        ("P", 0, "x.gif", (0, 0, 0)),
        ("1", 1, "x.png", (255, 255, 255)),
    ],
)
def test_every_kind_of_pixel(
    tmp_path: Path, mode: str, colour: object, name: str, expected: tuple[int, ...]
) -> None:
    pixels = read_square(picture(tmp_path / name, colour, mode), 8, 3)
    assert pixels.dtype == np.uint8
    for channel, value in zip(pixels, expected, strict=True):
        assert np.abs(channel.astype(int) - value).max() <= 2


def test_middle_square_upright(tmp_path: Path) -> None:
    array = np.zeros((20, 40, 3), np.uint8)
    array[:, :10], array[:, 30:] = 255, 255  # falls away with the sides
    array[:10, 10:30, 0] = 255  # the upper half is red
    exif = Image.Exif()
    exif[0x0112] = 3  # to be turned by 180 degrees
    Image.fromarray(array).save(tmp_path / "x.png", exif=exif)
    pixels = read_square(tmp_path / "x.png", 20, 3)
    assert pixels[1].max() == 0
    assert pixels[0, :9].max() <= 20
    assert pixels[0, 11:].min() >= 235


def test_grey(tmp_path: Path) -> None:
    pixels = read_square(picture(tmp_path / "x.png", (255, 0, 0)), 4, 1)
    assert pixels.shape == (1, 4, 4)
    assert pixels.tolist() == np.full((1, 4, 4), 76).tolist()


def test_absurdly_large_image_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(UnreadableImage, match="exceeds limit"):
        read_square(picture(tmp_path / "x.png"), 4, 3)
