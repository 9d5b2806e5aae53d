from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from classifier.data.images import UnreadableImage, read_image, upright_size
from classifier.data.readers.masks import open_mask

Picture = Callable[..., Path]


@pytest.mark.parametrize(
    ("mode", "colour", "name", "expected"),
    [
        ("RGB", (200, 10, 30), "x.png", (200, 10, 30)),
        ("L", 77, "x.png", (77, 77, 77)),
        ("RGBA", (200, 10, 30, 0), "x.png", (255, 255, 255)),
        ("LA", (10, 255), "x.png", (10, 10, 10)),
        ("I;16", 65535, "x.png", (255, 255, 255)),
        ("I;16", 257 * 100, "x.png", (100, 100, 100)),
        ("I;16", 257 * 100, "x.tif", (100, 100, 100)),
        ("CMYK", (0, 255, 255, 0), "x.jpg", (254, 0, 0)),
        ("P", 0, "x.gif", (0, 0, 0)),
        ("1", 1, "x.png", (255, 255, 255)),
    ],
)
def test_pixel_formats_are_converted_to_rgb(
    tmp_path: Path,
    picture: Picture,
    mode: str,
    colour: object,
    name: str,
    expected: tuple[int, ...],
) -> None:
    pixels = read_image(picture(tmp_path / name, colour, mode), (8, 8), 3, "images")
    assert pixels.dtype == np.uint8
    for channel, value in zip(pixels, expected, strict=True):
        assert np.abs(channel.astype(int) - value).max() <= 2


def test_centre_square_is_upright(tmp_path: Path) -> None:
    array = np.zeros((20, 40, 3), np.uint8)
    array[:, :10], array[:, 30:] = 255, 255  # removed by the centre crop
    array[:10, 10:30, 0] = 255  # the upper half is red
    exif = Image.Exif()
    exif[0x0112] = 3  # to be turned by 180 degrees
    Image.fromarray(array).save(tmp_path / "x.png", exif=exif)
    pixels = read_image(tmp_path / "x.png", (20, 20), 3, "images")
    assert pixels[1].max() == 0
    assert pixels[0, :9].max() <= 20
    assert pixels[0, 11:].min() >= 235


def test_whole_image_for_pixels(tmp_path: Path) -> None:
    array = np.zeros((20, 40, 3), np.uint8)
    array[:, :10] = 255
    Image.fromarray(array).save(tmp_path / "x.png")
    pixels = read_image(tmp_path / "x.png", (20, 20), 3, "pixels")
    assert pixels[:, :, :4].min() >= 250  # the outer quarter is still a quarter
    assert pixels[:, :, 6:].max() <= 20


def test_upright_size(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.new("RGB", (40, 30)).save(tmp_path / "x.jpg", exif=exif)
    assert upright_size(tmp_path / "x.jpg") == (40, 30)
    assert read_image(tmp_path / "x.jpg", (40, 30), 3, "pixels").shape == (3, 40, 30)


def test_grey(tmp_path: Path, picture: Picture) -> None:
    pixels = read_image(picture(tmp_path / "x.png", (255, 0, 0)), (4, 4), 1, "images")
    assert pixels.tolist() == np.full((1, 4, 4), 76).tolist()


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]
    for name in ("x.gif", "x.webp", "x.png"):
        lossless: dict[str, Any] = {"lossless": True} if name == "x.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **lossless)
        pixels = read_image(tmp_path / name, (4, 4), 3, "images")
        assert pixels[:, 0, 0].tolist() == [255, 0, 0]


def test_the_suffix_does_not_matter(tmp_path: Path, picture: Picture) -> None:
    picture(tmp_path / "x.png", (0, 255, 0)).rename(tmp_path / "x.jpg")
    assert read_image(tmp_path / "x.jpg", (4, 4), 3, "images")[:, 0, 0].tolist() == [0, 255, 0]


def test_large_jpeg_is_reduced_while_it_is_read(tmp_path: Path) -> None:
    array = np.zeros((1600, 2400, 3), np.uint8)
    array[:, 1200:] = 255
    Image.fromarray(array).save(tmp_path / "x.jpg", quality=95)
    pixels = read_image(tmp_path / "x.jpg", (32, 32), 3, "images")
    assert pixels[:, :, :14].max() <= 6
    assert pixels[:, :, 18:].min() >= 249


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "tif"])
def test_damaged_files_report_a_reason(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    for length in (8, len(whole) // 3, len(whole) * 3 // 4):
        path.write_bytes(whole[:length])
        with pytest.raises(UnreadableImage, match=r"\w"):
            read_image(path, (8, 8), 3, "images")


def test_file_that_is_not_an_image(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="no such file"):
        read_image(tmp_path / "none.png", (4, 4), 3, "images")
    (tmp_path / "x.png").write_bytes(b"")
    with pytest.raises(UnreadableImage, match="an empty file"):
        read_image(tmp_path / "x.png", (4, 4), 3, "images")
    (tmp_path / "x.png").write_bytes(b"no image")
    with pytest.raises(UnreadableImage, match="not an image"):
        read_image(tmp_path / "x.png", (4, 4), 3, "images")


def test_multi_picture_jpeg(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "x.mpo", save_all=True, append_images=frames[1:])
    (tmp_path / "x.mpo").rename(tmp_path / "x.jpg")
    pixels = read_image(tmp_path / "x.jpg", (4, 4), 3, "images")
    assert pixels[:, 0, 0].tolist() == [254, 0, 0]


def test_formats_that_run_external_programs_are_rejected(tmp_path: Path, picture: Picture) -> None:
    picture(tmp_path / "x.eps").rename(tmp_path / "x.jpg")
    with pytest.raises(UnreadableImage, match="not an image"):
        read_image(tmp_path / "x.jpg", (4, 4), 3, "images")


def test_float_images_are_rejected(tmp_path: Path, picture: Picture) -> None:
    with pytest.raises(UnreadableImage, match="32-bit floats"):
        read_image(picture(tmp_path / "x.tif", 0.5, "F"), (4, 4), 3, "images")


def test_the_limit_of_pixels_holds_for_all_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (20, 10)).save(tmp_path / "a.png")
    monkeypatch.setenv("FACESWAP_MAX_IMAGE_PIXELS", "100")
    for read in (
        lambda: read_image(tmp_path / "a.png", (4, 4), 1, "images"),
        lambda: read_image((tmp_path / "a.png").read_bytes(), (4, 4), 1, "images"),
        lambda: upright_size(tmp_path / "a.png"),
        lambda: open_mask(tmp_path / "a.png"),
    ):
        with pytest.raises(UnreadableImage, match="FACESWAP_MAX_IMAGE_PIXELS can raise"):
            read()
