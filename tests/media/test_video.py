from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from faceswap.core.errors import MediaError
from faceswap.media.frame import Frame
from faceswap.media.orientation import Orientation
from faceswap.media.video import VideoInfo, VideoReader, probe
from tests.footage import undecodable


def close(image, expected, tolerance=6.0):
    assert image.shape == expected.shape
    return np.abs(image.astype(float) - expected).mean() < tolerance


def test_probe_describes_the_video(make_video, make_sound, tmp_path):
    path = make_video(tmp_path / "a.mp4", frames=50, sounds=[make_sound(), make_sound()])
    info = probe(path)
    assert (info.width, info.height, info.fps, info.frames) == (96, 64, 25, 50)
    assert info.duration == pytest.approx(2.0)
    assert (info.rotation, info.audio_streams, info.codec) == (0, 2, "h264")


def test_frames_come_in_order_with_their_pictures(make_video, make_picture, tmp_path):
    path = make_video(tmp_path / "a.mp4", options={"bf": "3", "crf": "10"})
    reader = VideoReader(path)
    frames = list(reader)
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.time for frame in frames] == pytest.approx([i / 25 for i in range(30)])
    assert all(close(f.image, make_picture(f.index, 96, 64)) for f in frames)
    image = frames[0].image
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image.flags.writeable
    assert reader.damage is None
    assert reader.total == 30


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_rotated_video_comes_upright(make_video, make_picture, tmp_path, rotation):
    upright = make_picture(0, 64, 96) if rotation % 180 else make_picture(0, 96, 64)
    # The camera stores the picture turned the other way and asks the player to turn it back.
    stored = np.ascontiguousarray(np.rot90(upright, -rotation // 90))
    path = make_video(tmp_path / "a.mp4", frames=3, rotation=rotation, picture=lambda *_: stored)
    info = probe(path)
    assert (info.height, info.width) == upright.shape[:2]
    assert info.rotation == -rotation % 360
    assert close(next(iter(VideoReader(path))).image, upright)


def test_mirrored_display_matrix():
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    matrix = np.array([-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30], np.int32).tobytes()
    orientation = Orientation.of_matrix(matrix)
    assert orientation == Orientation(transpose=False, flip_x=True, flip_y=False)
    assert np.array_equal(orientation.apply(image), image[:, ::-1])


def _yuv_video(path, values, matrix, colour_range, size):
    """A lossless video of one YUV colour."""
    width, height = size
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = colour_range
        planes = [
            np.full(width * height // part, v, np.uint8)
            for part, v in zip((1, 4, 4), values, strict=True)
        ]
        frame = av.VideoFrame.from_ndarray(np.concatenate(planes).reshape(-1, width), "yuv420p")
        frame.colorspace, frame.color_range = matrix, colour_range
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("matrix", "colour_range", "size", "red", "blue"),
    [
        (1, 1, (64, 48), 0.2126, 0.0722),
        (1, 2, (64, 48), 0.2126, 0.0722),
        (6, 1, (64, 48), 0.299, 0.114),
        (5, 2, (64, 48), 0.299, 0.114),
        (9, 1, (64, 48), 0.2627, 0.0593),
        (9, 2, (64, 48), 0.2627, 0.0593),
        (2, 0, (64, 48), 0.299, 0.114),
        (2, 0, (1280, 16), 0.2126, 0.0722),
    ],
)
def test_matrix_and_range_of_the_stream(tmp_path, matrix, colour_range, size, red, blue):
    y, u, v = 120, 90, 160
    path = _yuv_video(tmp_path / "a.mkv", (y, u, v), matrix, colour_range, size)
    if colour_range == 2:
        luma, cb, cr = y / 255, (u - 128) / 255, (v - 128) / 255
    else:
        luma, cb, cr = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    g = (luma - red * r - blue * b) / (1 - red - blue)
    image = next(iter(VideoReader(path))).image
    assert np.abs(image.reshape(-1, 3) - 255 * np.array([r, g, b])).max() < 0.6


def test_variable_frame_rate_is_exact(make_video, tmp_path):
    steps = np.random.default_rng(1).integers(1, 9000, 40)
    pts = [0, *np.cumsum(steps).tolist()]
    path = make_video(
        tmp_path / "a.mp4",
        frames=41,
        pts=pts,
        time_base=Fraction(1, 90000),
        muxer={"video_track_timescale": "90000"},
    )
    reader = VideoReader(path)
    frames = list(reader)
    assert [frame.pts for frame in frames] == pts
    assert reader.info.time_base == Fraction(1, 90000)
    assert frames[-1].time == pytest.approx(pts[-1] / 90000)


RESUMABLE = [
    ("closed.mp4", "libx264", {"x264-params": "keyint=12:bframes=3"}, {}),
    ("open.mp4", "libx264", {"x264-params": "open-gop=1:keyint=10:bframes=3:b-pyramid=normal"}, {}),
    ("a.mkv", "libx264", {"x264-params": "keyint=12:bframes=3"}, {}),
    ("a.ts", "libx264", {"x264-params": "keyint=12:bframes=3"}, {}),
    ("hidden.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "16", "b": "200000"}, {}),
    ("nostamps.avi", "libx264", {"bf": "2"}, {}),
    ("fragments.mp4", "libx264", {"g": "10"}, {"movflags": "frag_keyframe+empty_moov"}),
    ("refresh.mp4", "libx264", {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}, {}),
    ("refresh.mkv", "libx264", {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}, {}),
    ("refresh.ts", "libx264", {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}, {}),
]


def assert_same(frames, expected):
    assert [(f.index, f.pts, f.faulty) for f in frames] == [
        (f.index, f.pts, f.faulty) for f in expected
    ]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, expected, strict=True))


@pytest.mark.parametrize(("name", "codec", "options", "muxer"), RESUMABLE)
def test_reading_on_gives_the_same_frames(make_video, tmp_path, name, codec, options, muxer):
    path = make_video(tmp_path / name, frames=40, codec=codec, options=options, muxer=muxer)
    whole = list(VideoReader(path))
    assert [frame.index for frame in whole] == list(range(40))
    assert np.all(np.diff([frame.pts for frame in whole]) > 0)
    for start in (1, 11, 12, 23, 39, 40):
        reader = VideoReader(path, start)
        assert_same(list(reader), whole[start:])
        assert (reader.damage, reader.notes) == (None, [])
        assert reader.inexact == (name.startswith("refresh") and start in (12, 23, 39))


@pytest.mark.parametrize(
    ("kept", "damage"),
    [(0, "1 of 40 frames could not be decoded"), (0.5, "1 frame decoded with errors")],
)
def test_reading_on_after_a_damaged_key_frame(make_video, tmp_path, kept, damage):
    """Damage is concealed with earlier pictures."""
    sound = make_video(tmp_path / "sound.mp4", frames=40, codec="mpeg4", options={"g": "20"})
    path = undecodable(sound, tmp_path / "a.mp4", [20], kept)
    whole = list(VideoReader(path))
    for start in (19, 20, 21, 39):
        reader = VideoReader(path, start)
        assert_same(list(reader), [frame for frame in whole if frame.index >= start])
        assert reader.damage == damage


def test_avi_frames_are_evenly_spaced(make_video, tmp_path):
    path = make_video(tmp_path / "a.avi", options={"bf": "2"})
    assert [frame.time for frame in VideoReader(path)] == pytest.approx([i / 25 for i in range(30)])


def test_truncated_file_keeps_what_decodes(make_video, make_picture, tmp_path):
    path = make_video(
        tmp_path / "a.mp4", frames=100, muxer={"movflags": "faststart"}, options={"g": "10"}
    )
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    reader = VideoReader(path)
    frames = list(reader)
    assert 30 < len(frames) < 90
    assert all(close(f.image, make_picture(f.index, 96, 64), 8) for f in frames)
    assert reader.damage is not None
    assert f"truncated after {len(frames) + 1} of 100 frames" in reader.damage
    assert "1 of" in reader.damage


def test_truncated_matroska_tells_the_time(make_video, tmp_path):
    path = make_video(tmp_path / "a.mkv", frames=100)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    reader = VideoReader(path)
    assert 10 < len(list(reader)) < 100
    assert "of 4.0 seconds" in str(reader.damage)


def test_hole_in_the_file_shifts_no_index(make_video, tmp_path):
    path = make_video(
        tmp_path / "a.mp4", frames=100, muxer={"movflags": "faststart"}, options={"g": "10"}
    )
    sound = {frame.index: frame.pts for frame in VideoReader(path)}
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1500] = bytes(1500)
    path.write_bytes(data)
    reader = VideoReader(path)
    frames = list(reader)
    assert len(frames) < 100
    assert frames[-1].index == 99
    assert all(sound[frame.index] == frame.pts for frame in frames)
    assert f"{100 - len(frames)} of 100 frames could not be decoded" in str(reader.damage)
    late = list(VideoReader(path, 90))
    assert [(f.index, f.pts) for f in late] == [(f.index, f.pts) for f in frames if f.index >= 90]


def test_a_change_of_size_is_scaled_away(make_video, make_picture, tmp_path):
    parts = [make_video(tmp_path / f"{w}.h264", frames=10, size=(w, 64)) for w in (96, 128)]
    path = tmp_path / "a.h264"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = list(VideoReader(path))
    assert len(frames) == 20
    assert all(close(frame.image, make_picture(i % 10, 96, 64)) for i, frame in enumerate(frames))


def test_ten_bits_become_eight(make_video, make_picture, tmp_path):
    path = make_video(
        tmp_path / "a.mkv", frames=2, codec="ffv1", pixel_format="yuv420p10le", colour=(9, 1)
    )
    assert close(next(iter(VideoReader(path))).image, make_picture(0, 96, 64), 1.5)


def test_what_is_not_a_video(make_video, make_sound, tmp_path):
    text = tmp_path / "text.mp4"
    text.write_text("not a video\n" * 500)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    headless = make_video(tmp_path / "headless.mp4")
    content = headless.read_bytes()
    headless.write_bytes(content[: content.index(b"moov")])
    expected = {
        tmp_path / "absent.mp4": "There is no file",
        tmp_path: "not a file",
        text: "cannot be read",
        empty: "cannot be read",
        headless: "cannot be read",
    }
    for path, words in expected.items():
        with pytest.raises(MediaError, match=words) as caught:
            VideoReader(path)
        assert caught.value.hint
        assert str(path) in caught.value.message
    with pytest.raises(MediaError) as caught:
        probe(headless)
    assert "index" in caught.value.hint


def test_audio_only(make_sound, tmp_path):
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=44100)
        samples = np.zeros((1, 44100), np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.rate = 44100
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(MediaError, match="found audio"):
        probe(path)


def test_real_footage_resumes_exactly(shared_data):
    path = shared_data / "video" / "vr_1.mp4"
    whole = list(VideoReader(path))
    assert len(whole) == 135
    rest = list(VideoReader(path, 100))
    assert [f.pts for f in rest] == [f.pts for f in whole[100:]]
    assert np.array_equal(rest[0].image, whole[100].image)


def test_display_proportions():
    image = np.zeros((12, 30, 3), np.uint8)
    image[:, 15:] = 200
    square = Frame(0, 0, 0.0, image)
    assert square.displayed() is image
    for aspect, width in ((4 / 3, 40), (0.5, 15)):
        shown = Frame(0, 0, 0.0, image, pixel_aspect=aspect).displayed()
        assert shown.shape == (12, width, 3)
        assert shown[0, 0, 0] == 0
        assert shown[0, -1, 0] == 200


def test_claims_of_absurd_pixels_are_not_believed():
    info = VideoInfo.for_new(16, 16, 25)
    assert replace(info, pixel_aspect=Fraction(64, 45)).display_aspect == pytest.approx(64 / 45)
    assert replace(info, pixel_aspect=Fraction(1, 255)).display_aspect == 1
