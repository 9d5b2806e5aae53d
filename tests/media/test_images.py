import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageCms

from faceswap.core.errors import MediaError
from faceswap.media.images import ImageReader, ImageWriter, encode_image, read_image, write_image


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
    assert reader.damage == "1 of 4 images cannot be read: 1.png"
    assert [f.index for f in ImageReader(files, start=2)] == [2, 3]


def test_writer_keeps_names(photo, tmp_path):
    writer = ImageWriter(tmp_path / "out")
    assert writer.write("a.png", photo) == tmp_path / "out/a.png"
    assert writer.write("b.avif", photo) == tmp_path / "out/b.png"
    assert error(read_image(tmp_path / "out/b.png"), photo) == 0
