import dataclasses
import errno
from fractions import Fraction

import av
import numpy as np
import pytest

from faceswap.core.errors import MediaError, StorageFullError
from faceswap.media import movie_file
from faceswap.media.colour import ColourTags
from faceswap.media.encoders import VideoEncoding, choose_pixel_format, usable_encoders
from faceswap.media.light import LightMetadata
from faceswap.media.video import VideoInfo, VideoReader, probe
from faceswap.media.writer import VideoWriter


def copy(source, target, **options):
    """Writes a video over unchanged; gives the frames that went in and the writer."""
    reader = VideoReader(source)
    frames = list(reader)
    with VideoWriter(target, reader.info, audio_from=source, **options) as writer:
        for frame in frames:
            writer.write(frame.image, frame.pts, frame.duration)
    return frames, writer


def mean_error(frames, others):
    pairs = zip(frames, others, strict=True)
    return np.mean([np.abs(a.image.astype(int) - b.image).mean() for a, b in pairs])


@pytest.fixture
def vfr(make_video, tmp_path):
    pts = [777, *(777 + np.cumsum(np.random.default_rng(2).integers(1, 9000, 29))).tolist()]
    return make_video(
        tmp_path / "vfr.mp4",
        pts=pts,
        time_base=Fraction(1, 90000),
        muxer={"video_track_timescale": "90000", "movie_timescale": "90000"},
        colour=(1, 1),
    )


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_times_are_exact(vfr, tmp_path, suffix):
    frames, _ = copy(vfr, tmp_path / f"out{suffix}")
    back = VideoReader(tmp_path / f"out{suffix}")
    assert back.info.time_base == Fraction(1, 90000)
    assert [frame.pts for frame in back] == [frame.pts for frame in frames]
    assert frames[0].pts == 0  # the file begins at 777


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_matroska_times_are_exact_to_the_millisecond(make_video, tmp_path, suffix):
    source = make_video(
        tmp_path / "a.mp4", pts=[n * n + 40 for n in range(30)], time_base=Fraction(1, 600)
    )
    frames, _ = copy(source, tmp_path / f"out{suffix}")
    back = list(VideoReader(tmp_path / f"out{suffix}"))
    assert len(back) == 30
    assert max(abs(a.time - b.time) for a, b in zip(frames, back, strict=True)) <= 0.0005


@pytest.mark.parametrize(
    "colour", [(1, 1), (1, 2), (6, 1), (5, 1), (6, 2), (9, 1), (2, 0)], ids=str
)
def test_unmodified_frames_survive(make_video, tmp_path, colour):
    source = make_video(tmp_path / "a.mkv", frames=8, codec="ffv1", colour=colour)
    frames, _ = copy(source, tmp_path / "out.mp4", encoding=VideoEncoding(crf=12))
    back = VideoReader(tmp_path / "out.mp4")
    assert (back.info.colour.matrix, back.info.colour.range) == colour
    again = list(back)
    assert mean_error(frames, again) < 1.5
    tint = [a.image.mean((0, 1)) - b.image.mean((0, 1)) for a, b in zip(frames, again, strict=True)]
    assert np.abs(np.mean(tint, axis=0)).max() < 0.8


@pytest.mark.parametrize(
    ("name", "codec", "pixel_format"),
    [("a.gif", "gif", "rgb8"), ("a.mkv", "ffv1", "bgr0"), ("a.avi", "mjpeg", "yuvj420p")],
)
def test_sources_of_other_pixel_formats(make_video, tmp_path, name, codec, pixel_format):
    source = make_video(
        tmp_path / name, frames=5, codec=codec, pixel_format=pixel_format, colour=(2, 2)
    )
    frames, _ = copy(source, tmp_path / "out.mp4", encoding=VideoEncoding(crf=6))
    back = VideoReader(tmp_path / "out.mp4")
    # The dither of a palette is lost in 4:2:0, but not the colour it makes.
    for before, after in zip(frames, back, strict=True):
        assert np.abs(before.image.mean((0, 1)) - after.image.mean((0, 1))).max() < 1.0
    assert (back.info.colour.range == 1) == (codec != "mjpeg")


@pytest.mark.parametrize("colour", [(1, 1), (1, 2), (5, 1), (9, 2)], ids=str)
def test_stored_numbers_hardly_change(make_video, tmp_path, colour):
    # Lossless coding shows the conversion alone: YUV to RGB and back.
    options = {"chroma_sample_location": "left"}
    source = make_video(tmp_path / "a.mkv", frames=4, codec="ffv1", colour=colour, options=options)
    copy(source, tmp_path / "out.mkv", encoding=VideoEncoding("ffv1"))
    with av.open(str(source)) as one, av.open(str(tmp_path / "out.mkv")) as two:
        for a, b in zip(one.decode(video=0), two.decode(video=0), strict=True):
            assert a.format.name == b.format.name == "yuv420p"
            change = b.to_ndarray().astype(int) - a.to_ndarray()
            assert np.abs(change).max() <= 1
            assert np.abs(change).mean() < 0.1
            assert abs(change[64:].mean()) < 0.05


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotated_source_is_written_upright(make_video, tmp_path, rotation):
    source = make_video(tmp_path / "a.mp4", frames=5, rotation=rotation, size=(640, 580))
    frames, _ = copy(source, tmp_path / "out.mp4")
    back = VideoReader(tmp_path / "out.mp4")
    assert back.info.rotation == 0
    assert (back.info.width, back.info.height) == (probe(source).width, probe(source).height)
    assert mean_error(frames, back) < 1.0


def test_pixel_shape_is_kept_and_turned(make_video, tmp_path):
    source = make_video(tmp_path / "a.mp4", frames=2)
    info = dataclasses.replace(probe(source), pixel_aspect=Fraction(4, 3))
    with VideoWriter(tmp_path / "out.mp4", info) as writer:
        writer.write(np.zeros((64, 96, 3), np.uint8), 0)
    assert probe(tmp_path / "out.mp4").pixel_aspect == Fraction(4, 3)


@pytest.mark.parametrize(
    ("encoder", "name", "pixel_format"),
    [
        ("libx264", "a.mp4", "yuv444p"),
        ("libx265", "a.mp4", "yuv444p"),
        ("libvpx-vp9", "a.webm", "yuv420p"),
    ],
)
def test_odd_sizes_are_kept(tmp_path, make_picture, encoder, name, pixel_format):
    picture, encoding = make_picture(0, 97, 63), VideoEncoding(encoder)
    with VideoWriter(tmp_path / name, VideoInfo.for_new(97, 63, 25), encoding=encoding) as writer:
        for pts in range(3):
            writer.write(picture, pts)
    back = VideoReader(tmp_path / name)
    assert (back.info.width, back.info.height, back.info.pixel_format) == (97, 63, pixel_format)
    assert np.abs(next(iter(back)).image.astype(int) - picture).mean() < 2


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libvpx-vp9"])
def test_the_shortest_films(tmp_path, make_picture, encoder, frames):
    for _ in range(4):
        info = VideoInfo.for_new(96, 64, 25)
        with VideoWriter(tmp_path / "a.mp4", info, encoding=VideoEncoding(encoder)) as writer:
            for pts in range(frames):
                writer.write(make_picture(pts, 96, 64), pts)
        assert [frame.pts for frame in VideoReader(tmp_path / "a.mp4")] == list(range(frames))


def test_chroma_stays_where_it_is(tmp_path):
    # Red rises to the right: a shift of the chroma by half a pixel would show in its mean.
    ramp = np.tile(np.linspace(40, 230, 96)[None, :, None], (64, 1, 3))
    picture = (ramp * np.array([1, 0.2, 0.2]) + np.array([0, 80, 80])).astype(np.uint8)
    for name, encoder in (("a.mp4", "libx264"), ("a.mkv", "ffv1"), ("a.webm", "libvpx-vp9")):
        crf = None if encoder == "ffv1" else 2
        info = VideoInfo.for_new(96, 64, 25)
        with VideoWriter(tmp_path / name, info, encoding=VideoEncoding(encoder, crf)) as writer:
            writer.write(picture, 0)
        (frame,) = VideoReader(tmp_path / name)
        error = frame.image[8:-8, 8:-8].astype(float) - picture[8:-8, 8:-8]
        assert np.abs(error.mean((0, 1))).max() < 0.3, encoder


def test_odd_size_for_an_encoder_that_cannot():
    with pytest.raises(MediaError, match="even sizes only"):
        choose_pixel_format("libsvtav1", 97, 63)


def test_any_metadata_survives(make_video, tmp_path):
    tags = {"title": "A film", "synthetic": "yes: faces were swapped", "com.example.model": "1 ä"}
    source = make_video(tmp_path / "a.mp4", frames=2)
    for suffix in (".mp4", ".mov", ".mkv", ".webm"):
        copy(source, tmp_path / f"out{suffix}", metadata=tags)
        with av.open(str(tmp_path / f"out{suffix}")) as container:
            found = {key.lower(): value for key, value in container.metadata.items()}
        assert tags.items() <= found.items(), suffix


def test_a_video_from_nothing(tmp_path, make_picture):
    with VideoWriter(
        tmp_path / "a.mp4", VideoInfo.for_new(64, 48, Fraction(30000, 1001))
    ) as writer:
        for index in range(10):
            writer.write(make_picture(index, 64, 48), index)
    info = probe(tmp_path / "a.mp4")
    assert (info.frames, info.fps) == (10, Fraction(30000, 1001))
    assert [frame.time for frame in VideoReader(tmp_path / "a.mp4")] == pytest.approx(
        [index * 1001 / 30000 for index in range(10)], abs=1e-9
    )


def test_wrong_wishes(tmp_path):
    info = VideoInfo.for_new(64, 48, 25)
    picture = np.zeros((48, 64, 3), np.uint8)
    with pytest.raises(MediaError, match=r"cannot be written as '\.wmv'") as caught:
        VideoWriter(tmp_path / "a.wmv", info)
    assert ".mp4" in caught.value.hint
    wrong = [
        ({"encoder": "x264"}, "no video encoder 'x264'", "libx264"),
        ({"encoder": "aac"}, "no video encoder 'aac'", "libx264"),
        ({"encoder": "libx264"}, "does not support", "libvpx-vp9"),
        ({"encoder": "libvpx-vp9", "options": {"crf": "99"}}, "cannot be started", "options"),
        ({"preset": "warp"}, "cannot be started", "options"),
    ]
    for wishes, message, hint in wrong:
        name = (
            "a.webm"
            if wishes["encoder" if "encoder" in wishes else "preset"] == "libx264"
            else "a.mkv"
        )
        with (
            pytest.raises(MediaError, match=message) as caught,
            VideoWriter(tmp_path / name, info, encoding=VideoEncoding(**wishes)) as writer,
        ):
            writer.write(picture, 0)
        assert hint in caught.value.hint
    with (
        pytest.raises(MediaError, match="no crf"),
        VideoWriter(tmp_path / "a.mkv", info, encoding=VideoEncoding("ffv1", 3)),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_usable_encoders_fit_the_container():
    assert usable_encoders()[:2] == ["libx264", "libx265"]
    assert "libx264" not in usable_encoders({"vp9", "av1"})


def test_nothing_is_left_after_an_error(make_video, tmp_path):
    source = make_video(tmp_path / "a.mp4", frames=4)
    target = tmp_path / "out.mp4"
    target.write_bytes(b"an older file")
    info = probe(source)
    with pytest.raises(ZeroDivisionError), VideoWriter(target, info) as writer:
        writer.write(np.zeros((64, 96, 3), np.uint8), 1 // (info.width - 96))
    with pytest.raises(MediaError, match="at least one frame"), VideoWriter(target, info):
        pass
    with pytest.raises(ValueError, match="expected 64 x 96"), VideoWriter(target, info) as writer:
        writer.write(np.zeros((32, 96, 3), np.uint8), 0)
    assert target.read_bytes() == b"an older file"
    assert sorted(tmp_path.iterdir()) == [source, target]


class _FullDisk:
    """An output that finds the disk full at the third packet, as FFmpeg would."""

    def __init__(self, output):
        self._output = output
        self._packets = 0

    def __getattr__(self, name):
        return getattr(self._output, name)

    def mux(self, packets):
        self._packets += 1
        if self._packets > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._output.mux(packets)


def test_full_disk(make_video, tmp_path, monkeypatch):
    source = make_video(tmp_path / "a.mp4")
    real = av.open

    def opened(*arguments, **options):
        container = real(*arguments, **options)
        return _FullDisk(container) if "w" in arguments[1:] else container

    monkeypatch.setattr(movie_file.av, "open", opened)
    with pytest.raises(StorageFullError, match="full"):
        copy(source, tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("frames", [1, 2, 6])
def test_the_last_frame_keeps_its_duration(make_picture, tmp_path, suffix, frames):
    info = dataclasses.replace(VideoInfo.for_new(96, 64, 10), time_base=Fraction(1, 100))
    for turn, gap in enumerate((10, 37)):
        path = tmp_path / f"{turn}{suffix}"
        with VideoWriter(path, info) as writer:
            for index in range(frames):
                last = index == frames - 1
                writer.write(make_picture(index, 96, 64), gap * index, 300 if last else gap)
        with av.open(str(path)) as container:
            length = gap * (frames - 1) + 300
            assert container.duration == pytest.approx(10_000 * length, abs=11_000)
        assert [f.time for f in VideoReader(path)] == pytest.approx(
            [gap * index / 100 for index in range(frames)], abs=0.002
        )


def test_the_last_picture_of_a_gif_is_held(make_video, tmp_path):
    source = make_video(
        tmp_path / "a.gif",
        frames=5,
        codec="gif",
        pixel_format="rgb8",
        time_base=Fraction(1, 100),
        pts=[0, 10, 20, 50, 60],
        muxer={"final_delay": "300"},
    )
    for suffix in (".mp4", ".mkv"):
        copy(source, tmp_path / f"out{suffix}")
        with av.open(str(tmp_path / f"out{suffix}")) as container:
            assert container.duration == pytest.approx(3_600_000, abs=2000)


@pytest.mark.parametrize("encoder", ["libx264", "libx265", "libsvtav1"])
def test_light_metadata_is_kept(make_picture, tmp_path, encoder):
    display = [Fraction(n, 50000) for n in (34000, 16000, 13250, 34500, 7500, 3000, 15635, 16450)]
    light = LightMetadata((*display, Fraction(1, 10000), Fraction(1000)), (1000, 400))
    info = dataclasses.replace(
        VideoInfo.for_new(96, 64, 25),
        light=light,
        colour=ColourTags(matrix=9, range=1, primaries=9, transfer=16),
    )
    path = tmp_path / "a.mp4"
    with VideoWriter(path, info, encoding=VideoEncoding(encoder)) as writer:
        for index in range(3):
            writer.write(make_picture(index, 96, 64), index)
    assert writer.notes == []
    found = probe(path)
    assert found.colour.transfer == 16
    assert found.light is not None
    assert found.light.levels == light.levels
    assert [float(value) for value in found.light.display] == pytest.approx(
        [float(value) for value in light.display], rel=1e-3, abs=1e-4
    )


def test_light_metadata_that_an_encoder_cannot_write(make_picture, tmp_path):
    info = dataclasses.replace(VideoInfo.for_new(96, 64, 25), light=LightMetadata((), (1000, 400)))
    with VideoWriter(tmp_path / "a.webm", info) as writer:
        writer.write(make_picture(0, 96, 64), 0)
    (note,) = writer.notes
    assert "light metadata was dropped" in note
