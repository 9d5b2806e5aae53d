"""Pixel formats of video that is written at full depth: the nearest, or the one asked for."""

import av
import numpy as np
import pytest

from faceswap.core.errors import MediaError
from faceswap.media.encoders import VideoEncoding
from faceswap.media.output_format import choose_deep_format
from faceswap.media.picture import RgbPicture
from faceswap.media.pixel_layout import pixel_layout
from faceswap.media.video import VideoReader, probe
from faceswap.media.writer import VideoWriter
from tests.media.deep import convert
from tests.planes import video_planes


@pytest.mark.parametrize(
    ("encoder", "name", "pixel_format", "expected", "words"),
    [
        ("libsvtav1", "a.mp4", "yuv420p10le", "yuv420p10le", []),
        ("libsvtav1", "a.mp4", "yuv422p10le", "yuv420p10le", ["4:2:2 to 4:2:0"]),
        ("libsvtav1", "a.mp4", "yuv444p12le", "yuv420p10le", ["12 bits", "4:4:4 to 4:2:0"]),
        ("libx264", "a.mp4", "yuv420p12le", "yuv420p10le", ["12 bits"]),
        ("prores_ks", "a.mov", "yuv420p", "yuv422p10le", []),
        ("prores_ks", "a.mov", "yuv444p10le", "yuv444p12le", []),
        ("prores_ks", "a.mov", "yuva444p10le", "yuva444p12le", []),
        ("libvpx-vp9", "a.webm", "yuv420p10le", "yuv420p", ["10 bits"]),
        ("libx264", "a.mp4", "bgr0", "yuv420p", ["RGB"]),
        ("libx264", "a.mp4", "gray", "yuv420p", []),
        ("libx264", "a.mp4", "gray10le", "yuv420p10le", []),
        ("mpeg2video", "a.ts", "yuv422p10le", "yuv422p", ["10 bits"]),
    ],
)
def test_the_nearest_format(make_video, tmp_path, encoder, name, pixel_format, expected, words):
    source = make_video(
        tmp_path / "source.mkv",
        frames=3,
        codec="ffv1",
        pixel_format=pixel_format,
        colour=(0, 2) if pixel_format == "bgr0" else (1, 1),
    )
    notes = convert(source, tmp_path / name, encoder, change=False, lossless=False)
    assert probe(tmp_path / name).pixel_format == expected
    assert len(notes) == len(words)
    assert all(any(word in note for note in notes) for word in words)
    pairs = zip(VideoReader(source), VideoReader(tmp_path / name), strict=True)
    assert all(np.abs(a.image.astype(int) - b.image).mean() < 4 for a, b in pairs)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.avi", "rawvideo", "bgr24"),
        ("a.avi", "rawvideo", "yuyv422"),
        ("a.mov", "qtrle", "argb"),
        ("a.mov", "png", "rgb48be"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mov", "v210", "yuv422p10le"),
        ("a.mov", "jpeg2000", "rgb24"),
        ("a.mkv", "ffv1", "ya8"),
        ("a.avi", "utvideo", "gbrp"),
        ("a.mpg", "mpeg1video", "yuv420p"),
    ],
)
def test_archives_of_any_source_show_the_same(make_video, tmp_path, name, codec, pixel_format):
    source = make_video(tmp_path / name, frames=2, codec=codec, pixel_format=pixel_format)
    assert convert(source, tmp_path / "out.mkv", "ffv1", change=False) == []
    pairs = zip(VideoReader(source), VideoReader(tmp_path / "out.mkv"), strict=True)
    assert all(np.array_equal(one.image, other.image) for one, other in pairs)


def test_a_format_that_is_asked_for(make_video, tmp_path):
    source = make_video(
        tmp_path / "source.mkv", frames=3, codec="ffv1", pixel_format="yuv444p10le", colour=(1, 1)
    )
    notes = convert(source, tmp_path / "a.mp4", "libx264", lossless=False, pixel_format="yuv420p")
    assert probe(tmp_path / "a.mp4").pixel_format == "yuv420p"
    assert [note.split()[0] for note in notes] == ["10", "the"]
    with pytest.raises(MediaError, match="no pixel format 'gbrp'") as caught:
        convert(source, tmp_path / "b.mp4", "libx264", pixel_format="gbrp")
    assert "yuv420p10le" in caught.value.hint


def test_opacity_that_is_lost_is_told(make_video, tmp_path):
    def with_alpha(opacity):
        def picture(number, width, height):
            return np.full((height, width, 4), (90, 120, 150, opacity), np.uint8)

        return picture

    for opacity in (255, 90):
        source = tmp_path / f"{opacity}.mkv"
        with av.open(str(source), "w") as output:
            stream = output.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuva420p"
            for number in range(3):
                array = with_alpha(opacity)(number, 96, 64)
                frame = av.VideoFrame.from_ndarray(array, "rgba").reformat(format="yuva420p")
                frame.pts = number
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        notes = convert(source, tmp_path / "a.mp4", "libx264")
        assert [note for note in notes if "transparency" in note] == notes
        assert len(notes) == (opacity != 255)
        assert not any("transparency" in n for n in convert(source, tmp_path / "b.mkv", "ffv1"))
        (_, stored), *_ = video_planes(tmp_path / "b.mkv")
        assert (stored[3] == opacity).all()


@pytest.mark.parametrize(
    ("encoder", "source", "expected"),
    [
        ("libx264", "yuv420p", "yuv420p"),
        ("libx264", "yuv440p", "yuv444p"),
        ("libx264", "pal8", "yuv420p"),
        ("libx264", "rgb48le", "yuv420p10le"),
        ("libx265", "gbrp12le", "yuv420p12le"),
        ("libx265", "yuva420p", "yuv420p"),
        ("libvpx-vp9", "yuva444p", "yuva420p"),
        ("prores_ks", "gbrap", "yuva444p10le"),
        ("ffv1", "rgba", "bgra"),
        ("ffv1", "yuv411p", "yuv444p"),
        ("mpeg4", "yuv444p16le", "yuv420p"),
        ("png", "gbrp16le", "rgb48be"),
    ],
)
def test_choice(encoder, source, expected):
    assert choose_deep_format(encoder, pixel_layout(source), 64, 48) == expected


@pytest.mark.parametrize(
    ("encoder", "pixel_format"),
    [
        ("libx264", "yuv420p10le"),
        ("ffv1", "gbrp10le"),
        ("ffv1", "yuva444p16le"),
        ("ffv1", "gray10le"),
    ],
)
def test_other_pictures_are_written_at_full_depth(make_video, tmp_path, encoder, pixel_format):
    source = make_video(
        tmp_path / "source.mkv", frames=2, codec="ffv1", pixel_format=pixel_format, colour=(9, 1)
    )
    # A ramp whose steps are far finer than those of 8 bits, and colours that change across.
    ramp = np.linspace(20000, 21000, 96 * 64).reshape(64, 96)
    opacity = np.linspace(0, 65535, 64)[:, None].repeat(96, 1)
    grey = pixel_format.startswith("gray")
    channels = [ramp] * 3 if grey else [ramp, 40000 - ramp, ramp / 2]
    pixels = np.rint(np.dstack([*channels, opacity])).astype(np.uint16)
    writer = VideoWriter(
        tmp_path / "a.mkv",
        probe(source),
        encoding=VideoEncoding(encoder, lossless=True),
        full_depth=True,
    )
    with writer:
        for number in range(2):
            writer.write(RgbPicture(pixels), number)
    written = probe(tmp_path / "a.mkv")
    frames = [frame.picture for frame in VideoReader(tmp_path / "a.mkv", full_depth=True)]
    assert written.colour.matrix == (0 if pixel_format == "gbrp10le" else 9)
    assert written.pixel_format in (pixel_format, "yuv420p10le")
    step = 1 / (2 ** frames[0].bits - 1)
    found = frames[1].read(0, 0, 96, 64)
    # Of limited range a step is wider, and each of three values is rounded.
    assert np.abs(found - pixels[..., :3] / 65535)[1:-1, 1:-1].max() < 2.5 * step
    held = frames[1].alpha
    assert (held is None) == (pixel_format[:4] != "yuva")
    assert held is None or np.abs(held.astype(int) - pixels[..., 3]).max() <= 1
    assert len([note for note in writer.notes if "transparency" in note]) == (held is None)


def test_eight_bits_of_rgb_are_kept(make_video, tmp_path):
    source = make_video(tmp_path / "source.mkv", frames=1, codec="ffv1", pixel_format="bgr0")
    pixels = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    encoding = VideoEncoding("ffv1")
    with VideoWriter(tmp_path / "a.mkv", probe(source), encoding=encoding, full_depth=True) as file:
        file.write(pixels, 0)
    (frame,) = VideoReader(tmp_path / "a.mkv")
    assert np.array_equal(frame.image, pixels)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "yuv444p10le"])
def test_rgb_that_is_asked_for_shows_the_same(make_video, tmp_path, pixel_format):
    colour = (1, 2) if pixel_format == "yuvj420p" else (1, 1)
    codec = "mjpeg" if pixel_format == "yuvj420p" else "ffv1"
    source = make_video(
        tmp_path / "source.mkv", frames=2, codec=codec, pixel_format=pixel_format, colour=colour
    )
    convert(source, tmp_path / "a.mkv", "ffv1", change=False, pixel_format="bgr0")
    pairs = zip(VideoReader(source), VideoReader(tmp_path / "a.mkv"), strict=True)
    assert all(np.abs(one.image.astype(int) - other.image).max() <= 1 for one, other in pairs)
