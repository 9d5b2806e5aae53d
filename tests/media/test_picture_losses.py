"""What frames lose as 8-bit RGB is said."""

import av
import numpy as np
import pytest

from faceswap.media.video import VideoReader


def read(path):
    reader = VideoReader(path)
    list(reader)
    return reader


def lines(path):
    reader = read(path)
    return [*reader.notes, *reader.losses]


def write(path, codec, pixel_format, images, source_format="rgba", **context):
    with av.open(str(path), "w") as output:
        # VP8 has no hidden frames where there is opacity.
        options = {"auto-alt-ref": "0"} if codec == "libvpx" else {}
        stream = output.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixel_format
        for name, value in context.items():
            setattr(stream.codec_context, name, value)
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, source_format).reformat(format=pixel_format)
            frame.pts = index
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


OPAQUE = np.full((64, 96, 4), 255, np.uint8)
GLASS = np.concatenate([OPAQUE[..., :3], np.full((64, 96, 1), 90, np.uint8)], axis=-1)


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mov", "qtrle", "argb"),
        ("a.mov", "png", "rgba"),
        ("a.mkv", "ffv1", "yuva420p"),
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.webm", "libvpx", "yuva420p"),
    ],
)
def test_transparency(tmp_path, name, codec, pixel_format):
    assert any(
        "transparency" in line
        for line in lines(write(tmp_path / name, codec, pixel_format, [OPAQUE, GLASS]))
    )
    path = write(tmp_path / name, codec, pixel_format, [OPAQUE, OPAQUE])
    assert not any("transparency" in line for line in lines(path))


@pytest.mark.parametrize(("transfer", "words"), [(1, "10 bits"), (16, "HDR (PQ)"), (18, "HLG")])
def test_more_bits_and_hdr(tmp_path, transfer, words):
    path = write(tmp_path / "a.mp4", "libx265", "yuv420p10le", [OPAQUE] * 3, color_trc=transfer)
    (line,) = lines(path)
    assert words in line
    assert "10 bits" in line
    assert ("tone mapped" in line) == (transfer != 1)


def test_interlacing(tmp_path, make_video):
    options = {"flags": "+ildct+ilme", "top": "1"}
    path = make_video(tmp_path / "a.mpg", codec="mpeg2video", options=options)
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    (line,) = lines(path)
    assert "deinterlace" in line


def test_an_ordinary_video_loses_nothing(make_video, tmp_path):
    assert lines(make_video(tmp_path / "a.mp4")) == []
    assert lines(make_video(tmp_path / "a.gif", codec="gif", pixel_format="rgb8")) == []
