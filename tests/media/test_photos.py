"""Photographs as frames, and what is said of those that lose something."""

import zlib

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms

from faceswap.core.errors import MediaError
from faceswap.media.images import read_image, write_image
from faceswap.media.photo_extras import read_extras
from faceswap.media.photos import ImageReader, ImageWriter, unreadable_text
from faceswap.media.picture import RgbPicture


@pytest.fixture
def photo(make_picture):
    return make_picture(3, 96, 64)


@pytest.fixture
def transparent(photo):
    """RGBA whose left third is transparent."""
    alpha = np.full(photo.shape[:2], 255, np.uint8)
    alpha[:, :32] = 0
    return PillowImage.fromarray(np.dstack([photo, alpha]))


def test_reader_passes_over_what_cannot_be_read(photo, tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(4)]
    for number, file in enumerate(files):
        write_image(file, photo + np.uint8(number))
    files[1].write_bytes(b"no image")
    reader = ImageReader(files)
    frames = list(reader)
    assert [(f.index, f.pts, f.name) for f in frames] == [
        (0, 0, "0.png"),
        (2, 2, "2.png"),
        (3, 3, "3.png"),
    ]
    assert np.array_equal(frames[1].image, photo + np.uint8(2))
    assert list(reader.skipped) == [files[1]]
    assert reader.damage is not None
    assert reader.damage.startswith("1 of 4 images cannot be read: 1.png (")
    assert [f.index for f in ImageReader(files, start=2)] == [2, 3]


def test_unreadable_photos_of_a_span_are_named_without_those_read_ahead(photo, tmp_path):
    names = ["0.png", "1.png", "2.png", "\udcff.png", "4.png"]
    files = [tmp_path / name for name in names]
    for number, file in enumerate(files):
        write_image(file, photo)
        if number in (1, 3, 4):
            file.write_bytes(b"no image")
    reader = ImageReader(files)
    list(reader)
    spans = [(0, 1), (0, 3), (3, None), (4, 9)]
    found = [[*reader.unreadable(*span)] for span in spans]
    assert found == [[], ["1.png"], ["\\xff.png", "4.png"], ["4.png"]]
    parts = reader.unreadable(0, 2) | reader.unreadable(2, None)
    text = unreadable_text(parts, 5)
    assert text == reader.damage
    reason = f"{files[1]} cannot be read as an image"
    assert text == f"3 of 5 images cannot be read: 1.png, \\xff.png, 4.png ({reason})"
    assert unreadable_text({f"{i}.jpg": "Why." for i in range(6)}, 9) == (
        "6 of 9 images cannot be read: 0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg, ... (Why)"
    )
    assert unreadable_text({}, 9) == ""


def test_the_reason_is_given_when_no_photo_can_be_read(photo, tmp_path):
    files = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for file in files:
        write_image(file, photo)
        file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(MediaError, match=r"a\.jpg is truncated"):
        list(ImageReader(files[:1]))
    with pytest.raises(MediaError, match=r"None of 2 images can be read.*a\.jpg is truncated"):
        list(ImageReader(files))


@pytest.mark.parametrize("xmp", [b"", b"<x:xmpmeta/>"])
@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif"])
def test_transparency_is_carried_over(photo, transparent, tmp_path, suffix, xmp):
    original = tmp_path / f"a{suffix}"
    transparent.save(original, lossless=True)
    writer, path = ImageWriter(xmp=xmp), tmp_path / "out" / f"a{suffix}"
    writer.write(path, photo, original)
    with PillowImage.open(path) as written:
        assert written.mode == "RGBA"
        alpha = np.asarray(written)[..., 3]
    assert np.array_equal(alpha, np.asarray(transparent)[..., 3])
    assert writer.notes == []


def test_transparency_that_cannot_be_stored_is_noted(photo, transparent, tmp_path):
    transparent.save(tmp_path / "a.png")
    write_image(tmp_path / "b.png", photo)
    writer = ImageWriter()
    writer.write(tmp_path / "out" / "a.jpg", photo, tmp_path / "a.png")
    assert writer.notes == ["transparency is dropped: .jpg cannot store it"]
    writer.note(tmp_path / "out" / "b.jpg", tmp_path / "b.png")
    assert writer.notes == ["transparency is dropped: .jpg cannot store it (in 1 of 2 photos)"]


def test_transparency_turns_with_the_picture(transparent, tmp_path):
    for name in ("a.png", "a.webp", "a.tif"):
        exif = PillowImage.Exif()  # saving may remove the tag from it
        exif[0x112] = 6
        transparent.save(tmp_path / name, exif=exif, lossless=True)
        alpha = read_extras(tmp_path / name).alpha
        assert alpha is not None
        assert alpha.shape == (96, 64)
        assert not alpha[:32].any(), name
        assert (alpha[32:] == 255).all()
        assert read_image(tmp_path / name).shape == (96, 64, 3)


def test_palette_with_a_transparent_colour(photo, tmp_path):
    palette = PillowImage.fromarray(photo).quantize(4)
    palette.save(tmp_path / "a.png", transparency=0)
    alpha = read_extras(tmp_path / "a.png").alpha
    assert alpha is not None
    assert set(np.unique(alpha)) == {0, 255}


def test_losses_are_named(photo, tmp_path):
    picture = PillowImage.fromarray(photo)
    wide = photo[..., ::-1].astype(np.uint16) * 257
    exif = PillowImage.Exif()
    exif[0x110] = "camera"
    p3 = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    p3 = bytes(p3).replace(b"sRGB", b"test").replace("sRGB".encode("utf-16-be"), b"\0t\0e\0s\0t")
    for name in ("wide.png", "wide.tif", "wide.jp2", "wide.ppm"):
        cv2.imwrite(str(tmp_path / name), wide)
    for name in ("plain.png", "plain.jpg", "plain.tif", "plain.webp", "plain.avif", "plain.jp2"):
        picture.save(tmp_path / name)
    for name in ("exif.png", "exif.jpg", "exif.webp", "exif.avif"):
        picture.save(tmp_path / name, exif=exif)
    picture.save(tmp_path / "icc.jpg", icc_profile=p3)
    other = PillowImage.fromarray(photo[::-1].copy())
    for name in ("moving.png", "moving.webp", "moving.gif", "pages.tif"):
        picture.save(tmp_path / name, save_all=True, append_images=[other])
    expected = {
        "wide": (),
        "plain": (),
        "exif": ("EXIF data (camera, date, place) is not kept",),
        "icc": ("colours are converted to sRGB",),
        "moving": ("only the first picture of the animation is converted",),
        "pages": ("only the first picture of the file is converted",),
    }
    for path in tmp_path.iterdir():
        extras = read_extras(path)
        assert extras.losses == expected[path.stem], path.name
        assert extras.bits == (16 if path.stem == "wide" else 8), path.name


def test_photos_of_more_bits_are_counted(photo, tmp_path):
    files = [tmp_path / name for name in ("a.png", "b.png", "c.jpg")]
    for file in files[:2]:
        cv2.imwrite(str(file), photo.astype(np.uint16) * 257)
    write_image(files[2], photo)
    reader = ImageReader(files)
    assert len(list(reader)) == 3
    assert reader.losses == ["2 photos of more than 8 bits per channel: rounded to 8"]
    reader = ImageReader(files, start=2)
    assert len(list(reader)) == 1
    assert reader.losses == []


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("source", ["a.png", "a.tif"])
def test_sixteen_bits_are_kept(tmp_path, source, channels):
    deep = np.random.default_rng(0).integers(0, 65536, (40, 30, channels)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / source), deep)
    (frame,) = ImageReader([tmp_path / source], full_depth=True)
    assert frame.picture.bits == 16
    assert np.abs(frame.picture.rgb8() - frame.image.astype(int)).max() == 0
    frame.picture.add(10, 12, np.full((5, 6, 3), 0.1, np.float32))
    colours = deep[..., :3] if channels > 1 else deep.repeat(3, 2)
    changed = np.zeros((40, 30), bool)
    changed[12:17, 10:16] = True
    for suffix in (".png", ".tif", ".jpg"):
        writer, target = ImageWriter(xmp=b"<x/>"), tmp_path / "out" / f"b{suffix}"
        writer.write(target, frame.picture, tmp_path / source)
        notes = "".join(writer.notes)
        assert ("8 bits" in notes) == (suffix == ".jpg")
        assert ("transparency" in notes) == (suffix == ".jpg" and channels == 4)
        later = ImageWriter()
        later.note(target, tmp_path / source)
        assert later.notes == writer.notes
        if suffix == ".jpg":
            continue
        written = np.asarray(cv2.imread(str(target), cv2.IMREAD_UNCHANGED))
        assert written.dtype == np.uint16
        assert np.array_equal(written[~changed][:, :3], colours[~changed])
        assert (written[changed][:, :3] != colours[changed]).mean() > 0.8
        if channels == 4:
            assert np.array_equal(written[..., 3], deep[..., 3])


def test_a_turned_photo_of_sixteen_bits(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (40, 30, 3)).astype(np.uint16)
    _, data = cv2.imencode(".png", deep)
    exif = PillowImage.Exif()
    exif[0x112] = 6
    body = b"eXIf" + exif.tobytes().removeprefix(b"Exif\0\0")
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(data.tobytes()[:33] + chunk + data.tobytes()[33:])
    (frame,) = ImageReader([tmp_path / "a.png"], full_depth=True)
    assert isinstance(frame.picture, RgbPicture)
    assert np.array_equal(frame.picture.pixels[..., ::-1], np.rot90(deep, -1))


def test_other_colours_of_sixteen_bits_are_converted(photo, tmp_path):
    p3 = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    p3 = bytes(p3).replace(b"sRGB", b"test").replace("sRGB".encode("utf-16-be"), b"\0t\0e\0s\0t")
    _, data = cv2.imencode(".png", photo.astype(np.uint16) * 257)
    body = b"iCCP" + b"test\0\0" + zlib.compress(p3)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(data.tobytes()[:33] + chunk + data.tobytes()[33:])
    reader, writer = ImageReader([tmp_path / "a.png"], full_depth=True), ImageWriter()
    (frame,) = reader
    assert frame.picture.bits == 8
    writer.write(tmp_path / "b.png", frame.picture, tmp_path / "a.png")
    assert sorted(writer.notes) == [
        "colours are converted to sRGB",
        "colours are reduced to 8 bits",
    ]
