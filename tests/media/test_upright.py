"""Videos read at full depth: every pixel format, upright, with the values that are stored."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from faceswap.media.colour import ColourTags
from faceswap.media.filters import FrameFilter, fields_of
from faceswap.media.orientation import Orientation
from faceswap.media.pixel_layout import pixel_layout
from faceswap.media.upright import UprightPictures
from faceswap.media.video import VideoReader, probe
from faceswap.media.video_info import VideoInfo
from tests.planes import frame_planes

ORIENTATIONS = [
    Orientation(transpose, flip_x, flip_y)
    for transpose in (False, True)
    for flip_x in (False, True)
    for flip_y in (False, True)
]
UPRIGHT = Orientation()


def noise(name, width=38, height=26):
    """A frame of noise, faint enough that chroma is legal."""
    frame = av.VideoFrame(width, height, name)
    generator = np.random.default_rng(1)
    bits = pixel_layout(name).bits
    for plane in frame.planes:
        rows = np.frombuffer(memoryview(plane), np.uint16 if bits > 8 else np.uint8)
        rows[:] = 2 ** (bits - 1) + generator.integers(
            -(2 ** (bits - 3)), 2 ** (bits - 3), rows.shape
        )
    return frame


def described(frame, orientation=UPRIGHT, colour_range=1):
    width, height = orientation.size(frame.width, frame.height)
    return VideoInfo(
        path=Path(),
        width=width,
        height=height,
        fps=Fraction(25),
        frames=1,
        duration=0.04,
        orientation=orientation,
        time_base=Fraction(1, 25),
        audio_streams=0,
        colour=ColourTags(1, colour_range),
        pixel_aspect=Fraction(1),
        pixel_format=frame.format.name,
        codec="",
    )


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "yuva444p12le", "gbrp16le", "gray10le"])
def test_planar_frames_are_taken_as_they_are(name):
    frame = noise(name)
    picture = UprightPictures(described(frame))(frame)
    assert picture.frame is frame


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("nv12", "yuv420p"),
        ("yuyv422", "yuv422p"),
        ("yuv420p10be", "yuv420p10le"),
        ("p010le", "yuv420p10le"),
        ("bgr0", "gbrp"),
        ("rgb48le", "gbrp16le"),
        ("rgba", "gbrap"),
        ("yuvj420p", "yuv420p"),
    ],
)
@pytest.mark.parametrize("colour_range", [1, 2])
def test_other_orders_of_the_same_values(name, source, colour_range):
    frame = noise(source)
    expected = frame_planes(frame)
    if name == "yuvj420p":
        stored = av.VideoFrame(38, 26, name)
        for ours, theirs in zip(stored.planes, frame.planes, strict=True):
            ours.update(bytes(theirs))
    else:
        stored = frame.reformat(format=name, src_color_range=1, dst_color_range=1)
    picture = UprightPictures(described(stored, colour_range=colour_range))(stored)
    assert picture.frame.format.name == source
    for ours, theirs in zip(frame_planes(picture.frame), expected, strict=True):
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)
@pytest.mark.parametrize("name", ["yuv420p10le", "yuv444p", "gbrp10le", "gray", "yuv422p"])
@pytest.mark.parametrize("size", [(38, 26), (37, 26)])
def test_turned_pictures_show_the_same(name, orientation, size):
    frame = noise(name, *size)
    upright = UprightPictures(described(frame))(frame).read(0, 0, *size)
    turned = UprightPictures(described(frame, orientation))(frame)
    seen = turned.read(0, 0, turned.width, turned.height)
    expected = orientation.apply(upright)
    assert seen.shape == expected.shape
    assert turned.frame.format.name == name
    # Luma is never touched; noise in chroma is blurred where it has to move by half a pixel.
    luma = np.array([0.2126, 0.7152, 0.0722])
    assert np.abs((seen - expected) @ luma).max() < 0.003
    assert np.abs((seen - expected).mean((0, 1))).max() < 0.01
    moves = name.startswith("yuv42") and (
        (orientation.flip_x if not orientation.transpose else orientation.flip_y)
        and size[0] % 2 == 0
    )
    if name == "yuv422p":
        moves = moves or orientation.transpose
    if orientation.transpose and name == "yuv420p10le" and orientation.flip_y:
        moves = False  # bottom, as files can describe it
    if not moves:
        assert np.abs(seen - expected).max() < 1e-5


def test_the_size_of_a_stream_may_change():
    frame = noise("yuv420p10le")
    make = UprightPictures(described(frame))
    picture = make(noise("yuv420p10le", 64, 48))
    assert (picture.width, picture.height) == (38, 26)
    assert make(noise("yuv420p")).bits == 10


def test_rows_in_reverse():
    frame = noise("yuv420p")
    expected = frame_planes(frame)
    (reverse,) = FrameFilter(frame, [("vflip", "")]).push(frame)
    assert reverse.planes[0].line_size < 0
    picture = UprightPictures(described(frame))(reverse)
    for ours, theirs in zip(frame_planes(picture.frame), expected, strict=True):
        assert np.array_equal(ours, theirs[::-1])


@pytest.mark.parametrize("location", ["left", "center", "topleft", "top", "bottomleft", "bottom"])
def test_place_of_chroma_of_a_file(make_video, tmp_path, location):
    path = make_video(
        tmp_path / "a.mp4", frames=1, options={"chroma_sample_location": location, "crf": "1"}
    )
    across = 0.0 if location.endswith("left") else 0.5
    down = {"t": 0.0, "b": 1.0}.get(location[0], 0.5)
    assert probe(path).chroma == (across, down)


@pytest.mark.parametrize("order", ["", "tff", "bff"])
@pytest.mark.parametrize(("name", "codec"), [("a.mpg", "mpeg2video"), ("a.mp4", "libx264")])
def test_order_of_fields(make_video, tmp_path, name, codec, order):
    options = {"flags": "+ildct+ilme"} if order else {}
    path = make_video(tmp_path / name, frames=3, codec=codec, options=options, fields=order)
    with av.open(str(path)) as container:
        assert fields_of(next(container.decode(video=0))) == order
    assert probe(path).fields == order


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_ten_bits_of_a_phone(make_video, tmp_path, rotation):
    path = make_video(
        tmp_path / "a.mov",
        frames=4,
        codec="libx264",
        pixel_format="yuv420p10le",
        colour=(9, 1),
        rotation=rotation,
    )
    eight, full = list(VideoReader(path)), list(VideoReader(path, full_depth=True))
    for one, other in zip(eight, full, strict=True):
        assert (one.index, one.pts, one.duration) == (other.index, other.pts, other.duration)
        assert other.picture.bits == 10
        assert np.abs(one.image.astype(int) - other.image).max() <= 2
        shape = (other.picture.height, other.picture.width, 3)
        assert one.image.shape == shape


def test_deinterlacing(make_video, tmp_path):
    path = make_video(
        tmp_path / "a.mkv",
        frames=9,
        options={"flags": "+ildct+ilme", "crf": "5"},
        picture=lambda n, w, h: (
            np.where((np.arange(h) % 2 == 0)[:, None, None], 60 + 10 * n, 160 - 10 * n)
            .repeat(w, 1)
            .repeat(3, 2)
            .astype(np.uint8)
        ),
    )
    assert probe(path).fields
    combed = list(VideoReader(path, full_depth=True))
    reader = VideoReader(path, full_depth=True, deinterlace=True)
    assert reader.info.fields == ""
    plain = list(reader)
    assert [(f.index, f.pts) for f in plain] == [(f.index, f.pts) for f in combed]

    def combs(frames):
        rows = np.stack([frame.picture.read(20, 10, 60, 50) for frame in frames[2:-2]])
        return np.abs(np.diff(rows, axis=1)).mean()

    assert combs(plain) < combs(combed) / 4
