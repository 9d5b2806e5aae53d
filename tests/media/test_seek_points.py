import numpy as np
import pytest

from faceswap.media.clock import PictureClock
from faceswap.media.container import open_media, video_stream
from faceswap.media.seek_points import find_seek_point
from faceswap.media.video import VideoReader


@pytest.mark.parametrize(
    ("suffix", "codec", "first", "frames", "start"),
    [(".ts", "libx264", 100, 150, 36), (".mpg", "mpeg2video", 0, 100, 8)],
)
def test_seeking_never_reaches_a_later_part(
    make_video, make_picture, tmp_path, suffix, codec, first, frames, start
):
    """Where a joined recording sets its clock back, both parts have the time stamps sought."""
    options = {"g": "10"}
    stamps = [first + i for i in range(frames)]
    parts = [
        make_video(
            tmp_path / f"a{suffix}", frames=frames, codec=codec, pts=stamps, options=options
        ),
        make_video(
            tmp_path / f"b{suffix}",
            frames=frames,
            codec=codec,
            options=options,
            picture=lambda *place: 255 - make_picture(*place),
        ),
    ]
    path = tmp_path / f"joined{suffix}"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    reader = VideoReader(path, start)
    frame = next(iter(reader))
    expected = next(iter(VideoReader(parts[0], start)))
    assert np.array_equal(frame.image, expected.image)
    assert (frame.index, reader.inexact) == (start, True)


@pytest.mark.parametrize(
    ("name", "codec", "muxer"),
    [
        ("a.mp4", "libx264", {}),
        ("fragments.mp4", "libx264", {"movflags": "frag_keyframe+empty_moov"}),
        ("a.mkv", "libx264", {}),
        ("a.webm", "libvpx", {}),
        ("a.ts", "libx264", {}),
        ("a.flv", "libx264", {}),
    ],
)
def test_decoding_begins_near_the_frame(make_video, tmp_path, name, codec, muxer):
    options = {"g": "10", "x264-params": "scenecut=0:bframes=2"}
    path = make_video(tmp_path / name, frames=60, codec=codec, options=options, muxer=muxer)
    point = find_seek_point(path, 45)
    assert point is not None
    with open_media(path) as container:
        stream = video_stream(container, path)
        clock = PictureClock(container, stream)
        packets, key = point.arrive(container, stream, clock)
        first = next(packets)
        assert first.pts is not None
        assert (first.is_keyframe, clock.move(first.pts)) == (True, key.pts)
        # Formats that are searched by presentation time stamps give the key frame before it.
        assert key.index in (30, 40)
