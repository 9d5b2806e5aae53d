import os
import struct
import zlib
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms

from faceswap.core.errors import ConfigError, MediaError
from faceswap.core.synthetic import COMPOSITE, xmp_packet
from faceswap.media.images import encode_image, read_image, read_photo, write_image
from faceswap.provenance.metadata import xmp_source_type


@pytest.fixture
def photo(make_picture):
    return make_picture(3, 96, 64)


def error(image, expected):
    assert image.shape == expected.shape
    assert image.dtype == np.uint8
    return np.abs(image.astype(int) - expected).max()


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda i: i),
        (2, lambda i: i[:, ::-1]),
        (3, lambda i: i[::-1, ::-1]),
        (4, lambda i: i[::-1]),
        (5, lambda i: i.transpose(1, 0, 2)),
        (6, lambda i: np.rot90(i, -1)),
        (7, lambda i: i[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda i: np.rot90(i)),
    ],
)
def test_exif_orientation(photo, tmp_path, orientation, turn):
    exif = PillowImage.Exif()
    exif[0x112] = orientation
    PillowImage.fromarray(photo).save(tmp_path / "a.jpg", exif=exif, quality=98, subsampling=0)
    assert error(read_image(tmp_path / "a.jpg"), turn(photo)) <= 6


def test_sixteen_bits_grey_alpha_palette_cmyk(photo, tmp_path):
    wide = photo[..., ::-1].astype(np.uint16) * 257
    cv2.imwrite(str(tmp_path / "wide.png"), wide)
    cv2.imwrite(str(tmp_path / "wide.tif"), wide)
    cv2.imwrite(str(tmp_path / "wide_grey.png"), wide[..., 0])
    picture = PillowImage.fromarray(photo)
    alpha = np.dstack([photo, np.full(photo.shape[:2], 128, np.uint8)])
    PillowImage.fromarray(alpha).save(tmp_path / "alpha.png")
    picture.convert("L").save(tmp_path / "grey.png")
    picture.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=98, subsampling=0)
    for name in ("wide.png", "wide.tif", "alpha.png"):
        assert error(read_image(tmp_path / name), photo) <= 1, name
    assert error(read_image(tmp_path / "cmyk.jpg"), photo) <= 8
    assert error(read_image(tmp_path / "wide_grey.png"), photo[..., 2:].repeat(3, 2)) <= 1
    grey = np.asarray(picture.convert("L"))[..., None].repeat(3, 2)
    assert error(read_image(tmp_path / "grey.png"), grey) == 0


@pytest.mark.parametrize(("name", "channels"), [("a.tif", 3), ("grey.tif", 1), ("grey.png", 1)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_bits_per_channel(tmp_path, name, channels, kind):
    cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, channels), kind))
    assert read_photo(tmp_path / name)[1] == np.dtype(kind).itemsize * 8


@pytest.mark.parametrize("name", ["a.png", "a.tif", "grey.png", "grey.tif", "alpha.png"])
def test_sixteen_bits_are_rounded(tmp_path, name):
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    channels = {"a": 3, "g": 1, "l": 4}["l" if name == "alpha.png" else name[0]]
    cv2.imwrite(str(tmp_path / name), np.dstack([ramp] * channels))
    expected = np.rint(ramp / 257).astype(np.uint8)
    assert np.array_equal(read_image(tmp_path / name), np.dstack([expected] * 3))


def test_lossless_webp(photo, tmp_path):
    data = encode_image(photo, ".webp", lossless=True)
    (tmp_path / "a.webp").write_bytes(data)
    assert np.array_equal(read_image(tmp_path / "a.webp"), photo)
    assert len(data) < len(encode_image(photo, ".png"))


def test_embedded_colour_profile_is_applied(photo, tmp_path):
    # A profile whose red and blue are exchanged shows plainly whether it was used.
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    entries = {bytes(srgb[o : o + 4]): o for o in range(132, 132 + 12 * srgb[131], 12)}
    swapped = bytearray(srgb)
    red, blue = entries[b"rXYZ"] + 4, entries[b"bXYZ"] + 4
    swapped[red : red + 8], swapped[blue : blue + 8] = srgb[blue : blue + 8], srgb[red : red + 8]
    swapped = swapped.replace(b"sRGB", b"test").replace("sRGB".encode("utf-16-be"), b"\0t\0e\0s\0t")
    PillowImage.fromarray(photo).save(tmp_path / "a.png", icc_profile=bytes(swapped))
    assert error(read_image(tmp_path / "a.png"), photo[..., ::-1]) <= 3
    PillowImage.fromarray(photo).save(tmp_path / "b.png", icc_profile=srgb)
    assert error(read_image(tmp_path / "b.png"), photo) == 0


def test_what_is_not_an_image(photo, tmp_path):
    jpeg = encode_image(photo, ".jpg")
    png = encode_image(photo, ".png")
    cases = {
        "absent.png": None,
        "empty.png": b"",
        "text.jpg": b"hello",
        "short.jpg": jpeg[: len(jpeg) // 2],
        "short.png": png[: len(png) // 2],
    }
    for name, data in cases.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(MediaError) as caught:
            read_image(tmp_path / name)
        assert name in caught.value.message
        assert caught.value.hint


def test_thumbnail_does_not_hide_a_cut(photo, tmp_path):
    thumbnail = b"\xff\xe1\x00\x10Exif\x00\x00\xff\xd9thum"
    jpeg = encode_image(photo, ".jpg")
    whole = jpeg[:2] + thumbnail + jpeg[2:]
    (tmp_path / "a.jpg").write_bytes(whole)
    assert error(read_image(tmp_path / "a.jpg"), photo) <= 8
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(MediaError, match="truncated"):
        read_image(tmp_path / "a.jpg")


def test_written_images_read_back(photo, tmp_path):
    for suffix, tolerance in ((".png", 0), (".jpg", 8), (".webp", 16), (".bmp", 0), (".tif", 0)):
        path = tmp_path / f"new folder/a{suffix}"
        write_image(path, photo)
        assert error(read_image(path), photo) <= tolerance
    assert len(list((tmp_path / "new folder").iterdir())) == 5
    with pytest.raises(MediaError, match="gif"):
        write_image(tmp_path / "a.gif", photo)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_every_format(photo, tmp_path, suffix, orientation):
    path = tmp_path / f"a{suffix}"
    quality: dict[str, Any] = {} if suffix in (".png", ".tif") else {"quality": 98}
    best: dict[str, Any] = {"quality": 98, "subsampling": 0}
    for file, options in ((path, quality), (tmp_path / "a.jpg", best)):
        exif = PillowImage.Exif()  # saving may remove the tag from it
        exif[0x112] = orientation
        PillowImage.fromarray(photo).save(file, exif=exif, **options)
    assert error(read_image(path), read_image(tmp_path / "a.jpg")) <= 24


def _chunk(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return struct.pack(">I", size) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(width: int, height: int, *, data_length: int | None = None) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    chunks = [_chunk(b"IHDR", header), _chunk(b"IDAT", data, data_length), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_sizes_are_checked_before_they_are_believed(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(_png(32000, 32000))
    monkeypatch.setattr(cv2, "imdecode", pytest.fail)
    with pytest.raises(MediaError, match="than the limit of 200000000 pixels") as caught:
        read_image(path)
    assert "FACESWAP_MAX_IMAGE_PIXELS" in caught.value.hint
    path.write_bytes(_png(64, 64, data_length=0xFFFFFFFF))
    with pytest.raises(MediaError, match="truncated"):
        read_image(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_the_limit_can_be_set(photo, tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", photo)
    monkeypatch.setenv("FACESWAP_MAX_IMAGE_PIXELS", "6143")
    with pytest.raises(MediaError, match="6143 pixels"):
        read_image(tmp_path / "a.png")
    monkeypatch.setenv("FACESWAP_MAX_IMAGE_PIXELS", "6144")
    assert error(read_image(tmp_path / "a.png"), photo) == 0
    monkeypatch.setenv("FACESWAP_MAX_IMAGE_PIXELS", "many")
    with pytest.raises(ConfigError, match="found 'many'"):
        read_image(tmp_path / "a.png")


def test_jpeg_2000_whose_two_sizes_differ(photo, tmp_path):
    PillowImage.fromarray(photo).save(tmp_path / "a.jp2")
    data = bytearray((tmp_path / "a.jp2").read_bytes())
    start = data.find(b"\xff\x4f\xff\x51")
    data[start + 8 : start + 16] = struct.pack(">II", 32000, 32000)
    (tmp_path / "a.jp2").write_bytes(data)
    with pytest.raises(MediaError, match="32000 x 32000 pixels"):
        read_image(tmp_path / "a.jp2")


def test_damaged_headers_and_special_files(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6\n64 4\x18\n255\n" + bytes(99))
    with pytest.raises(MediaError, match="damaged"):
        read_image(tmp_path / "a.ppm")
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(MediaError, match="pipe"):
        read_image(tmp_path / "pipe.jpg")
    (tmp_path / "a.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(MediaError, match="HEIC image, which cannot be read") as caught:
        read_image(tmp_path / "a.jpg")
    assert caught.value.hint == "Save it as JPEG."


def test_a_file_much_larger_than_its_picture_is_not_read(photo, tmp_path):
    path = tmp_path / "a.png"
    write_image(path, photo)
    os.truncate(path, 1 << 30)  # sparse
    with pytest.raises(MediaError, match="much larger than one image of 96 x 64"):
        read_image(path)


def test_a_box_of_absurd_length(photo, tmp_path):
    PillowImage.fromarray(photo).save(tmp_path / "a.jp2")
    data = bytearray((tmp_path / "a.jp2").read_bytes())
    data[32:36] = b"\xff\xff\xff\x2d"
    (tmp_path / "a.jp2").write_bytes(data)
    with pytest.raises(MediaError):
        read_image(tmp_path / "a.jp2")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bits_are_written(tmp_path, suffix, channels):
    image = np.random.default_rng(2).integers(0, 1 << 16, (21, 34, channels), np.uint16)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encode_image(image, suffix, xmp=xmp_packet()))
    back = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert back is not None
    order = [2, 1, 0, 3][:channels]
    np.testing.assert_array_equal(back[..., order], image)
    with av.open(str(path)) as container:  # another reader
        (frame,) = container.decode(video=0)
        assert frame.format.name.startswith("rgba64" if channels == 4 else "rgb48")
        np.testing.assert_array_equal(frame.to_ndarray(), image)
    assert xmp_source_type(path) == COMPOSITE


def test_16_bits_where_there_are_8():
    with pytest.raises(MediaError, match=r"16 bits cannot be written as '\.jpg'"):
        encode_image(np.zeros((4, 4, 3), np.uint16), ".jpg")
