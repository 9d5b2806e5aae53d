"""Reading and changing pictures at full depth, in every layout."""

import av
import numpy as np
import pytest

from faceswap.media.colour import ColourTags, rgb_to_yuv
from faceswap.media.filters import FrameFilter, chroma_place, fields_of
from faceswap.media.frame import Frame
from faceswap.media.picture import RgbPicture
from faceswap.media.pixel_layout import PixelLayout, pixel_layout, with_alpha
from faceswap.media.video_picture import LEFT, PictureFormat, VideoPicture
from tests.planes import frame_planes

PLACES = [LEFT, (0.5, 0.5), (0.0, 0.0), (0.5, 0.0), (0.5, 1.0)]
YUV = [
    f"yuv{alpha}{ratio}p{depth}"
    for alpha, ratio, depths in [
        ("", "420", ("", "10le", "12le", "16le")),
        ("", "422", ("", "10le")),
        ("", "444", ("", "10le", "16le")),
        ("", "440", ("",)),
        ("a", "420", ("", "10le")),
        ("a", "444", ("10le",)),
    ]
    for depth in depths
]
BT709 = ColourTags(1, 1)
OTHER = ["gbrp", "gbrp10le", "gbrap", "gbrap16le", "gray", "gray10le", "gray16le", "yuvj420p"]


def smooth(height, width, phase):
    y, x = np.mgrid[:height, :width] / 24
    return 0.5 + 0.3 * np.sin(x + phase) * np.cos(y - phase)


def video_picture(name, colour=(1, 1), size=(38, 26), place=LEFT):
    """A picture with smooth values that are legal in both ranges."""
    width, height = size
    frame = av.VideoFrame(width, height, name)
    bits = pixel_layout(name).bits
    for number, plane in enumerate(frame.planes):
        values = smooth(plane.height, plane.width, number)
        if number and pixel_layout(name).kind == "yuv":
            values = 0.5 + (values - 0.5) / 4
        values *= 2**bits
        rows = np.frombuffer(memoryview(plane), np.uint16 if bits > 8 else np.uint8)
        rows.reshape(plane.height, -1)[:, : plane.width] = values
    matrix, colour_range = colour
    kept = PictureFormat(width, height, name, ColourTags(matrix, colour_range), place)
    return VideoPicture(frame, kept)


def expected_rgb(picture, matrix, full):
    """RGB by the formulas of H.273, one pixel at a time."""
    layout = pixel_layout(picture.frame.format.name)
    stored, most = frame_planes(picture.frame), 2**layout.bits - 1
    if layout.kind == "rgb":
        return np.stack([stored[2], stored[0], stored[1]], -1) / most
    unit = 2 ** (layout.bits - 8)
    luma = stored[0] / most if full else (stored[0] - 16 * unit) / (219 * unit)
    if layout.kind == "grey":
        return np.stack([luma] * 3, -1)
    chroma = []
    for plane in stored[1:3]:
        values = (plane - 128 * unit) / (most if full else 224 * unit)
        if layout.down == 2:
            rows = np.clip((np.arange(picture.height) - 0.5) / 2, 0, len(values) - 1)
            low = np.floor(rows).astype(int)
            high, part = np.minimum(low + 1, len(values) - 1), (rows - low)[:, None]
            values = values[low] * (1 - part) + values[high] * part
        if layout.across == 2:
            columns = np.clip(np.arange(picture.width) / 2, 0, values.shape[1] - 1)
            low = np.floor(columns).astype(int)
            high, part = np.minimum(low + 1, values.shape[1] - 1), columns - low
            values = values[:, low] * (1 - part) + values[:, high] * part
        chroma.append(values)
    yuv = np.stack([luma, *chroma], -1)
    return yuv @ np.linalg.inv(rgb_to_yuv(matrix)).T


@pytest.mark.parametrize("name", YUV + OTHER)
@pytest.mark.parametrize("colour", [(1, 1), (9, 2)])
@pytest.mark.parametrize("size", [(38, 26), (37, 25)])
def test_read_follows_the_standard(name, colour, size):
    picture = video_picture(name, colour, size)
    full = colour[1] == 2 or name == "yuvj420p"
    expected = expected_rgb(picture, colour[0], full)
    width, height = size
    assert np.abs(picture.read(0, 0, width, height) - expected).max() < 2e-6
    for x0, y0, x1, y1 in [(0, 0, 1, 1), (3, 5, 10, 12), (4, 2, 9, 7), (11, 7, width, height)]:
        part = picture.read(x0, y0, x1, y1)
        assert part.dtype == np.float32
        assert np.abs(part - expected[y0:y1, x0:x1]).max() < 2e-6


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuv444p16le", "gbrp10le"])
@pytest.mark.parametrize("colour", [(1, 1), (6, 2)])
def test_eight_bits_are_the_same_picture(name, colour):
    picture = video_picture(name, colour)
    difference = picture.rgb8() - 255 * picture.read(0, 0, 38, 26).clip(0, 1)
    assert np.abs(difference).max() < 2
    assert abs(difference.mean()) < 0.8  # more than 8 bits are rounded up


@pytest.mark.parametrize("name", YUV + OTHER)
@pytest.mark.parametrize("size", [(38, 26), (37, 25)])
def test_what_is_added_is_read_back(name, size):
    width, height = size
    for place in PLACES:
        picture = video_picture(name, size=size, place=place)
        before = picture.read(0, 0, width, height)
        grey = pixel_layout(name).kind == "grey"
        change = np.array([0.05, 0.05, 0.05] if grey else [0.06, -0.05, 0.03], np.float32)
        picture.add(0, 0, np.broadcast_to(change, before.shape).copy())
        after = picture.read(0, 0, width, height)
        kept = PictureFormat(width, height, name, ColourTags(matrix=1, range=1))
        # Half a code value of each channel, as the matrix adds them up.
        tolerance = 0.5 * np.abs(kept.to_rgb[:, :3]).sum(1)
        if pixel_layout(name).kind != "yuv":
            tolerance = 0.5 / kept.scale
        assert (np.abs(after - before - change) <= tolerance + 1e-6).all()


@pytest.mark.parametrize("place", PLACES)
def test_chroma_does_not_wander(place):
    # A smooth change that is read back from many small additions stays where it was added.
    picture = video_picture("yuv420p16le", size=(64, 48), place=place)
    before = picture.read(0, 0, 64, 48)
    change = np.stack([smooth(48, 64, phase) / 40 for phase in (0.3, 1.2, 2.0)], -1)
    for _ in range(8):
        picture.add(0, 0, change.astype(np.float32))
    error = picture.read(0, 0, 64, 48) - before - 8 * change
    assert np.abs(error[4:-4, 4:-4]).max() < 2e-3
    assert np.abs(error[4:-4, 4:-4].mean((0, 1))).max() < 1e-4


@pytest.mark.parametrize("name", YUV + OTHER)
def test_everything_else_keeps_its_bits(name):
    picture = video_picture(name, size=(41, 31))
    before, layout = frame_planes(picture.frame), pixel_layout(name)
    change = np.zeros((12, 14, 3), np.float32)
    change[2:-3, 3:-2] = 0.07
    picture.add(7, 9, change)
    after = frame_planes(picture.frame)
    touched = np.zeros((31, 41), bool)
    touched[11:18, 10:19] = True
    colours = {"yuv": 1, "rgb": 3, "grey": 1}[layout.kind]
    for index, (one, other) in enumerate(zip(before, after, strict=True)):
        if index >= (4 if layout.kind == "rgb" else 3) or (layout.alpha and index == 3):
            assert np.array_equal(one, other)
        elif index < colours:
            assert np.array_equal(one != other, touched)
        else:
            assert np.array_equal(one, other)  # a change of grey has no chroma


@pytest.mark.parametrize("place", PLACES)
def test_chroma_reaches_no_further_than_its_pixels(place):
    picture = video_picture("yuv420p", place=place)
    before = frame_planes(picture.frame)
    change = np.zeros((26, 38, 3), np.float32)
    change[11:16, 10:19] = (0.3, -0.2, 0.1)
    picture.add(0, 0, change)
    for one, other in zip(before[1:], frame_planes(picture.frame)[1:], strict=True):
        rows, columns = np.nonzero(one != other)
        # Values at rows and columns of pixels 2k - 1 to 2k + 2.
        assert rows.min() >= 4
        assert rows.max() <= 8
        assert columns.min() >= 4
        assert columns.max() <= 9


def test_values_stay_legal():
    for name, colour, most in [("yuv420p", (1, 1), 235), ("yuv420p10le", (1, 1), 940)]:
        picture = video_picture(name, colour)
        picture.add(0, 0, np.full((26, 38, 3), 2, np.float32))
        assert (frame_planes(picture.frame)[0] == most).all()
        picture.add(0, 0, np.full((26, 38, 3), -2, np.float32))
        assert (frame_planes(picture.frame)[0] == 16 * (most // 235)).all()


def test_whiter_than_white_is_kept_and_comes_back():
    picture = video_picture("yuv420p")
    np.frombuffer(memoryview(picture.frame.planes[0]), np.uint8)[:] = 250
    for plane in picture.frame.planes[1:]:
        np.frombuffer(memoryview(plane), np.uint8)[:] = 128
    seen = picture.read(0, 0, 38, 26)
    assert seen.min() > 1.05
    faint = np.full_like(seen, -2 / 219)
    picture.add(0, 0, faint)
    assert (frame_planes(picture.frame)[0] == 248).all()
    picture.add(0, 0, 0.5 - picture.read(0, 0, 38, 26))
    assert np.abs(picture.read(0, 0, 38, 26) - 0.5).max() < 0.5 / 219 + 1e-6


def test_the_decoder_keeps_its_frame(make_video, tmp_path):
    path = make_video(tmp_path / "a.mp4", frames=12, options={"g": "12", "crf": "10"})

    def luma(amount):
        found = []
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                kept = PictureFormat(frame.width, frame.height, "yuv420p", ColourTags())
                VideoPicture(frame, kept).add(0, 0, np.full((64, 96, 3), amount, np.float32))
                found.append(frame.to_ndarray()[:64].mean())
        return np.array(found)

    shift = luma(0.2) - luma(0.0)
    assert min(shift) > 30
    assert max(shift) < 50  # and not more with every frame that is predicted from the last


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_rgb_arrays(dtype, channels):
    most = np.iinfo(dtype).max
    values = np.random.default_rng(0).integers(0, most, (9, 7, channels), endpoint=True)
    pixels = values.astype(dtype)
    before, picture = pixels.copy(), RgbPicture(pixels)
    assert (picture.width, picture.height) == (7, 9)
    assert picture.bits == 8 * pixels.itemsize
    assert np.allclose(picture.read(1, 2, 6, 8), before[2:8, 1:6, :3] / most, atol=1e-6)
    change = np.zeros((4, 3, 3), np.float32)
    change[1:3, 1] = (0.25, -0.25, 0.11)
    picture.add(2, 3, change)
    expected = before.astype(float)
    expected[4:6, 3, :3] += most * np.array([0.25, -0.25, 0.11])
    assert np.array_equal(pixels, np.rint(expected.clip(0, most)).astype(dtype))
    if dtype == np.uint8:
        assert np.array_equal(picture.rgb8(), pixels[..., :3])
        assert np.shares_memory(picture.rgb8(), pixels) == (channels == 3)
    else:
        assert np.abs(picture.rgb8() - pixels[..., :3] / 257).max() <= 0.5


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("nv12", PixelLayout("yuv", 8, 2, 2)),
        ("p010le", PixelLayout("yuv", 10, 2, 2)),
        ("yuyv422", PixelLayout("yuv", 8, 2, 1)),
        ("yuv420p10be", PixelLayout("yuv", 10, 2, 2)),
        ("yuva420p10le", PixelLayout("yuv", 10, 2, 2, alpha=True)),
        ("yuv411p", PixelLayout("yuv", 8, 1, 1)),
        ("pal8", PixelLayout("rgb", 8, alpha=True)),
        ("bgr0", PixelLayout("rgb", 8)),
        ("rgb8", PixelLayout("rgb", 8)),
        ("rgba64le", PixelLayout("rgb", 16, alpha=True)),
        ("gbrpf32le", PixelLayout("rgb", 16)),
        ("gray10le", PixelLayout("grey", 10)),
        ("ya8", PixelLayout("rgb", 8, alpha=True)),
        ("monob", PixelLayout("grey", 8)),
    ],
)
def test_layouts(name, layout):
    assert pixel_layout(name) == layout
    assert pixel_layout(layout.planar) == layout


def test_a_frame_has_its_picture_as_an_array():
    picture = video_picture("yuv420p10le")
    frame = Frame(0, 0, 0.0, picture)
    assert frame.picture is picture
    assert frame.image.shape == (26, 38, 3)
    assert frame.image is frame.image
    array = np.zeros((4, 5, 3), np.uint8)
    frame = Frame(0, 0, 0.0, array)
    assert frame.image is array
    frame.picture.add(1, 1, np.ones((1, 1, 3), np.float32))
    assert array[1, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "gbrp", "rgb"])
def test_a_copy_has_values_of_its_own(name):
    if name == "rgb":
        picture = RgbPicture(np.full((26, 38, 3), 90, np.uint8))
    else:
        picture = video_picture(name)
    before = picture.rgb8().copy()
    copied = picture.copy()
    picture.add(4, 4, np.full((10, 10, 3), 0.2, np.float32))
    np.testing.assert_array_equal(copied.rgb8(), before)
    assert (picture.rgb8() != before).any()


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("location", ["left", "topleft", "bottom"])
def test_a_copy_has_the_properties_of_the_frame(order, location):
    # Each field has whole rows of chroma: of others FFmpeg reads values behind the picture.
    picture, kept = video_picture("yuv420p", size=(40, 32)), PictureFormat(40, 32, "yuv420p", BT709)
    tags = f"field_mode={order}:chroma_location={location}"
    tags += ":color_primaries=bt2020:color_trc=smpte2084"
    # Chroma that differs from row to row and column to column tells where it was taken to be.
    for plane in picture.frame.planes[1:]:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
        rows[:] = np.random.default_rng(0).integers(80, 176, rows.shape)
    marked = VideoPicture(FrameFilter(picture.frame, [("setparams", tags)])(picture.frame), kept)
    copied = marked.copy()
    assert fields_of(copied.frame) == fields_of(marked.frame) == order
    assert chroma_place(copied.frame) == chroma_place(marked.frame)
    assert ColourTags.of_frame(copied.frame) == ColourTags.of_frame(marked.frame)
    assert copied.frame.color_trc == 16
    np.testing.assert_array_equal(copied.rgb8(), marked.rgb8())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("yuv420p", "yuva420p"),
        ("yuv420p12le", "yuva420p16le"),
        ("yuv440p", "yuva444p"),
        ("nv12", "yuva420p"),
        ("gray10le", "gbrap10le"),
        ("bgr0", "gbrap"),
        ("yuva444p10le", "yuva444p10le"),
    ],
)
def test_formats_with_opacity(name, expected):
    assert with_alpha(name) == expected
