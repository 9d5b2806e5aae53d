import av
import numpy as np
import pytest

from faceswap.media.clock import PictureClock
from faceswap.media.container import open_media, video_stream
from faceswap.media.seek_points import find_seek_point
from faceswap.media.video import VideoReader
from tests.footage import undecodable


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


@pytest.mark.parametrize("kept", [0, 0.5])
def test_pictures_that_may_rest_on_damage_are_decoded_from_the_beginning(
    make_video, tmp_path, kept
):
    """Every third picture is decoded before the two that are shown before it; 12 and 21 are keys.

    The damaged one is 18. Seeking to 21 in an MP4 file reaches 12.
    """
    options = {"g": "10", "bf": "2", "sc_threshold": "0"}
    sound = make_video(tmp_path / "sound.mp4", frames=40, codec="mpeg4", options=options)
    path = undecodable(sound, tmp_path / "a.mp4", [16], kept)
    whole = list(VideoReader(path))
    for start, inexact in (
        (15, False),
        (16, True),
        (17, True),
        (18, True),
        (21, True),
        (32, False),
    ):
        reader = VideoReader(path, start)
        frames = list(reader)
        expected = [frame for frame in whole if frame.index >= start]
        assert [frame.index for frame in frames] == [frame.index for frame in expected]
        pairs = zip(frames, expected, strict=True)
        assert all(np.array_equal(frame.image, other.image) for frame, other in pairs)
        assert reader.inexact == inexact, start


def test_no_more_pictures_are_held_back_than_decoders_reorder(make_video, tmp_path):
    source = make_video(tmp_path / "sound.mkv", frames=60, options={"bf": "0"})
    path = tmp_path / "a.mkv"
    with av.open(str(source)) as container, av.open(str(path), "w") as output:
        target = output.add_stream_from_template(container.streams.video[0])
        for number, packet in enumerate(container.demux(video=0)):
            if packet.pts is not None:
                packet.pts += 1620 if number == 5 else 0  # shown after the 45th
                packet.stream = target
                output.mux(packet)
    assert find_seek_point(path, 4) is not None
    assert find_seek_point(path, 10) is None
    assert find_seek_point(path, 20) is not None
