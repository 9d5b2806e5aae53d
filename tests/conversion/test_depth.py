"""Conversions keep what they do not swap to the bit, in every depth and layout of pictures."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from faceswap.conversion.pipeline import EncodeSettings, convert_source
from faceswap.media.colour import ColourTags
from faceswap.media.encoders import VideoEncoding
from faceswap.media.filters import FrameFilter
from faceswap.media.photos import ImageReader
from faceswap.media.picture import RgbPicture
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader, probe
from faceswap.media.video_picture import VideoPicture
from tests.conversion.test_pipeline import swapper
from tests.footage import moving_portrait
from tests.planes import video_planes

FRAMES = 4
LIGHT = (
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    ":max-cll=1000,400"
)


def picture(index: int) -> np.ndarray:
    """The moving portrait of which a strip is transparent, ``(256, 256, 4) uint16`` RGBA."""
    opacity = np.full((256, 256, 1), 65535, np.uint16)
    opacity[:, :20] = 12345
    noise = np.random.default_rng(index).integers(0, 257, (256, 256, 3)).astype(np.uint16)
    return np.dstack([moving_portrait(index).astype(np.uint16) * 256 + noise, opacity])


def write(path, codec, pixel_format, options=None, fields="", rotation=None):
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options or {})
        stream.width = stream.height = 256
        stream.pix_fmt = pixel_format
        context = stream.codec_context
        context.colorspace, context.color_range = 9, 1
        context.color_primaries, context.color_trc = 9, 16
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for index in range(FRAMES):
            stored = np.ascontiguousarray(np.rot90(picture(index), -(rotation or 0) // 90))
            frame = av.VideoFrame.from_ndarray(stored, "rgba64le").reformat(
                format=pixel_format, dst_colorspace=9, dst_color_range=1
            )
            if fields:
                frame = FrameFilter(frame, [("setfield", fields)])(frame)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def opacities(path: Path) -> list[np.ndarray]:
    found = []
    for frame in VideoReader(path, full_depth=True):
        assert isinstance(frame.picture, VideoPicture)
        assert frame.picture.alpha is not None
        found.append(frame.picture.alpha.copy())
    return found


def check_one_region(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Checks that one region of a plane was changed, and gives the pixels around it."""
    changed = (before != after).astype(np.uint8)
    assert 0.05 < changed.mean() < 0.4
    closed = cv2.morphologyEx(changed, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    regions, _ = cv2.connectedComponents(closed)
    assert regions == 2  # one is what was not changed
    return closed


CASES = {
    "pq": ("libx265", "yuv420p10le", {"x265-params": f"{LIGHT}:log-level=error"}, "", None, ".mp4"),
    "eight bits": ("libx264", "yuv420p", {}, "", None, ".mp4"),
    "4:2:2": ("libx264", "yuv422p10le", {}, "", None, ".mkv"),
    "fields": ("libx264", "yuv420p", {"flags": "+ildct+ilme"}, "tff", None, ".mov"),
    "phone": ("libx264", "yuv420p10le", {}, "", 90, ".mov"),
    "opacity of VP9": ("libvpx-vp9", "yuva420p", {"crf": "10", "b": "0"}, "", None, ".webm"),
    "opacity": ("ffv1", "yuva444p16le", {}, "", None, ".mkv"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_swapped_keeps_its_bits(tmp_path, name):
    codec, pixel_format, options, fields, rotation, suffix = CASES[name]
    source = write(tmp_path / f"source{suffix}", codec, pixel_format, options, fields, rotation)
    target = tmp_path / f"out{suffix}"
    report = convert_source(
        find_sources([source])[0],
        target,
        swapper(),
        encode=EncodeSettings(VideoEncoding(codec, lossless=True)),
    )
    assert report.faces_swapped == FRAMES
    before, after = probe(source), probe(target)
    assert (after.pixel_format, after.colour, after.light, after.fields) == (
        before.pixel_format,
        before.colour,
        before.light,
        before.fields,
    )
    assert (before.light is not None) == (name == "pq")
    assert after.rotation == 0
    for (_, old), (_, new) in zip(video_planes(source), video_planes(target), strict=True):
        old = [np.rot90(plane, (rotation or 0) // 90) for plane in old]
        region = check_one_region(old[0], new[0])
        for one, two in zip(old[1:], new[1:], strict=True):
            # Chroma of pixels beside a face is partly that of the face.
            near = cv2.dilate(region, np.ones((7, 7), np.uint8))
            near = cv2.resize(near, one.shape[::-1], interpolation=cv2.INTER_NEAREST)
            assert np.array_equal(one[near == 0], two[near == 0])
    if name.startswith("opacity"):
        pairs = zip(opacities(source), opacities(target), strict=True)
        assert all(np.array_equal(one, two) and one.min() < one.max() / 2 for one, two in pairs)


def test_a_photo_of_sixteen_bits(tmp_path):
    deep = picture(0)
    cv2.imwrite(str(tmp_path / "a.png"), cv2.cvtColor(deep, cv2.COLOR_RGBA2BGRA))
    report = convert_source(find_sources([tmp_path / "a.png"])[0], tmp_path / "b.png", swapper())
    assert report.notes == ()
    (frame,) = ImageReader([tmp_path / "b.png"], full_depth=True)
    assert isinstance(frame.picture, RgbPicture)
    written = frame.picture.pixels
    assert written.dtype == np.uint16
    assert np.array_equal(written[..., 3], deep[..., 3])
    check_one_region(deep[..., 1], written[..., 1])


def viewed(source, target, view, **encoding):
    """Writes a view of a video, and reads its pictures and those of the source."""
    encode = EncodeSettings(VideoEncoding(**encoding), view=view)
    convert_source(find_sources([source])[0], target, swapper(), encode=encode)
    return [
        [frame.picture for frame in VideoReader(path, full_depth=True)] for path in (target, source)
    ]


def whole(picture):
    return picture.read(0, 0, picture.width, picture.height)


def test_the_source_beside_the_converted_frame_keeps_its_bits(tmp_path):
    codec, pixel_format, options, *_ = CASES["pq"]
    source = write(tmp_path / "source.mp4", codec, pixel_format, options)
    plain = tmp_path / "plain.mp4"
    lossless = VideoEncoding(codec, lossless=True)
    convert_source(find_sources([source])[0], plain, swapper(), encode=EncodeSettings(lossless))
    both = tmp_path / "both.mp4"
    viewed(source, both, "side-by-side", encoder=codec, lossless=True)
    before, after = probe(source), probe(both)
    assert (after.width, after.height, after.pixel_format) == (512, 256, pixel_format)
    assert (after.colour, after.light, after.chroma) == (before.colour, before.light, before.chroma)
    halves = zip(video_planes(source), video_planes(plain), video_planes(both), strict=True)
    for (_, left), (_, right), (_, wide) in halves:
        assert left[0].max() > 255  # of ten bits
        for one, other, joined in zip(left, right, wide, strict=True):
            assert np.array_equal(joined, np.hstack([one, other]))


def test_the_difference_of_ten_bits(tmp_path):
    source = write(tmp_path / "source.mkv", "ffv1", "yuv444p10le")
    plain, _ = viewed(source, tmp_path / "plain.mkv", "swap", encoder="ffv1")
    found, before = viewed(source, tmp_path / "apart.mkv", "difference", encoder="ffv1")
    assert found[0].bits == 10
    for one, other, apart in zip(before, plain, found, strict=True):
        expected = np.minimum(8 * np.abs(whole(other) - whole(one)), 1)
        assert np.abs(whole(apart) - expected).max() < 4 / 1023
        assert len(np.unique(whole(apart)[..., 1].round(4))) > 256


@pytest.mark.parametrize("view", ["side-by-side", "difference", "alpha"])
def test_views_are_tagged_as_the_source_is(tmp_path, view):
    source = write(tmp_path / "source.mkv", "ffv1", "yuv420p10le")
    viewed(source, tmp_path / "a.mov", view, encoder="prores")
    assert probe(tmp_path / "a.mov").colour == probe(source).colour == ColourTags(9, 1, 9, 16)


@pytest.mark.parametrize("view", ["swap", "side-by-side", "difference"])
@pytest.mark.parametrize("fields", ["tff", "bff"])
def test_views_keep_the_order_of_fields(tmp_path, view, fields):
    codec, pixel_format, options, *_ = CASES["fields"]
    source = write(tmp_path / "source.mov", codec, pixel_format, options, fields)
    viewed(source, tmp_path / "out.mov", view)
    assert probe(tmp_path / "out.mov").fields == probe(source).fields == fields


@pytest.mark.parametrize(
    ("name", "encoder", "pixel_format", "close"),
    [
        ("a.mkv", "ffv1", "yuva444p10le", 0.002),
        ("a.mov", "prores", "yuva444p12le", 0.02),
        ("a.webm", None, "yuva420p", 0.03),
    ],
)
def test_faces_alone_as_video(tmp_path, name, encoder, pixel_format, close):
    source = write(tmp_path / "source.mkv", "ffv1", "yuv444p10le")
    plain, _ = viewed(source, tmp_path / "plain.mkv", "swap", encoder="ffv1")
    layers, before = viewed(source, tmp_path / name, "alpha", encoder=encoder)
    assert probe(tmp_path / name).pixel_format == pixel_format
    for one, other, layer in zip(before, plain, layers, strict=True):
        assert layer.alpha is not None
        alpha = (layer.alpha / (2**layer.bits - 1))[..., None]
        assert 0.02 < (alpha > 0.5).mean() < 0.4
        assert alpha[:40].max() == 0
        over = whole(one) * (1 - alpha) + whole(layer) * alpha
        assert np.abs(over - whole(other)).mean() < close / 4
        assert np.quantile(np.abs(over - whole(other)), 0.98) < close


def test_faces_alone_as_an_animation(tmp_path):
    source = write(tmp_path / "source.mkv", "ffv1", "yuv420p")
    encode = EncodeSettings(view="alpha")
    convert_source(find_sources([source])[0], tmp_path / "a.webp", swapper(), encode=encode)
    with Image.open(tmp_path / "a.webp") as shown:
        for number in range(FRAMES):
            shown.seek(number)
            alpha = np.asarray(shown.convert("RGBA"))[..., 3]
            assert 0.02 < (alpha > 127).mean() < 0.4
            assert alpha[:40].max() == 0
