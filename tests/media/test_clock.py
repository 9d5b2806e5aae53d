"""One time for pictures and sound, whatever the time stamps in the file."""

from fractions import Fraction

import av
import numpy as np
import pytest

from faceswap.media.video import VideoReader
from faceswap.media.writer import VideoWriter
from tests.media.stamps import in_seconds


def convert(source, target):
    reader = VideoReader(source)
    with VideoWriter(target, reader.info, audio_from=source) as writer:
        for frame in reader:
            writer.write(frame.image, frame.pts, frame.duration)
    return reader


def content(path):
    """Times of the frames, and the times and contents of the packets of sound."""
    with av.open(str(path)) as container:
        sound = [
            (in_seconds(packet.pts, packet.time_base), bytes(packet))
            for packet in container.demux(audio=0)
            if packet.size
        ]
    return [frame.time for frame in VideoReader(path)], sound


def moved(source, target, seconds):
    """A copy of a file whose time stamps are greater, pictures and sound alike."""
    with av.open(str(source)) as before, av.open(str(target), "w", container_options=MUX) as after:
        streams = {
            stream.index: after.add_stream_from_template(stream) for stream in before.streams
        }
        for packet in before.demux():
            if packet.dts is not None:
                ticks = round(seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
                packet.stream = streams[packet.stream_index]
                after.mux(packet)
    return target


MUX = {"avoid_negative_ts": "disabled"}


@pytest.fixture
def part(make_video, make_sound, tmp_path):
    """A transport stream of 20 frames with sound."""
    return make_video(
        tmp_path / "part.ts", frames=20, options={"bf": "2"}, sounds=[make_sound(seconds=0.8)]
    )


@pytest.mark.parametrize("name", ["a.ts", "a.mkv", "a.mp4"])
@pytest.mark.parametrize("seconds", [0, 100, 3600])
def test_a_file_begins_at_0(part, tmp_path, name, seconds):
    first = moved(part, tmp_path / "first.ts", 0)
    source = moved(first, tmp_path / name, seconds)
    frames = list(VideoReader(source))
    expected = [frame.time for frame in VideoReader(part)]
    assert [frame.time for frame in frames] == pytest.approx(expected, abs=0.002)
    assert expected[0] < 0.1
    for suffix in (".mp4", ".mkv"):
        convert(source, tmp_path / f"out{suffix}")
        times, sound = content(tmp_path / f"out{suffix}")
        old_times, old_sound = content(part)
        assert times == pytest.approx(old_times, abs=0.003)
        assert len(sound) == len(old_sound)
        # The sound begins 23 ms before the pictures, as it did.
        assert sound[0][0] - times[0] == pytest.approx(-0.023, abs=0.003)


def test_a_program_stream_begins_at_0(make_video, make_sound, tmp_path):
    sounds = [make_sound(codec="mp2", seconds=0.8)]
    source = make_video(
        tmp_path / "a.mpg", frames=20, codec="mpeg2video", options={"bf": "2"}, sounds=sounds
    )
    convert(source, tmp_path / "out.mp4")
    times, _ = content(tmp_path / "out.mp4")
    assert times[0] < 0.1
    assert np.diff(times) == pytest.approx(0.04, abs=1e-3)
    source.write_bytes(source.read_bytes() * 2)
    convert(source, tmp_path / "out.mp4")
    times, sound = content(tmp_path / "out.mp4")
    assert len(times) == 40
    assert times[-1] == pytest.approx(times[0] + 39 * 0.04, abs=0.01)
    assert sound[-1][0] == pytest.approx(1.6, abs=0.1)


@pytest.mark.parametrize("seconds", [[0, 0], [0, 0, 0], [3600, 0], [0, 3600], [50, 20], [0, 90000]])
def test_a_jump_of_the_clock_is_continued(part, tmp_path, seconds):
    parts = [moved(part, tmp_path / f"{i}.ts", s).read_bytes() for i, s in enumerate(seconds)]
    source = tmp_path / "joined.ts"
    source.write_bytes(b"".join(parts))
    reader = VideoReader(source)
    frames = list(reader)
    count = len(parts)
    assert [frame.index for frame in frames] == list(range(20 * count))
    assert np.diff([frame.time for frame in frames]) == pytest.approx(0.04, abs=1e-4)
    assert reader.damage is None
    (note,) = reader.notes
    assert "time continues" in note
    for start in (7, 20, 25):
        rest = list(VideoReader(source, start))
        assert [(f.index, f.pts) for f in rest] == [(f.index, f.pts) for f in frames[start:]]
    _, single = content(part)
    for suffix in (".mp4", ".mkv"):
        convert(source, tmp_path / f"out{suffix}")
        times, sound = content(tmp_path / f"out{suffix}")
        assert np.diff(times) == pytest.approx(0.04, abs=2e-3)
        assert len(sound) == len(single) * count
        assert np.diff([time for time, _ in sound]).max() < 0.1
        # Every part of the sound begins with its part of the pictures.
        for number in range(1, count):
            shift = sound[number * len(single)][0] - times[number * 20]
            assert shift == pytest.approx(sound[0][0] - times[0], abs=0.1)


def test_parts_with_other_reordering(make_video, tmp_path):
    parts = [make_video(tmp_path / f"{bf}.ts", frames=15, options={"bf": bf}) for bf in "0303"]
    source = tmp_path / "joined.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    reader = VideoReader(source)
    frames = list(reader)
    assert [frame.index for frame in frames] == list(range(60))
    assert np.diff([frame.time for frame in frames]) == pytest.approx(0.04, abs=1e-4)


def test_sound_longer_than_the_pictures_of_each_part(make_video, make_sound, tmp_path):
    part = make_video(tmp_path / "part.ts", frames=10, sounds=[make_sound(seconds=0.9)])
    source = tmp_path / "joined.ts"
    source.write_bytes(part.read_bytes() * 3)
    convert(source, tmp_path / "out.mp4")
    times, sound = content(tmp_path / "out.mp4")
    assert np.diff(times) == pytest.approx(0.04, abs=1e-3)
    # MP4 stores the packets without the headers that they have in a transport stream.
    assert [len(data) + 7 for _, data in sound] == [len(data) for _, data in content(part)[1]] * 3
    assert np.all(np.diff([time for time, _ in sound]) > 0)


def test_encoded_sound_of_a_joined_recording(make_video, make_sound, tmp_path):
    sounds = [make_sound(codec="mp2", seconds=0.8)]
    part = make_video(tmp_path / "part.ts", frames=20, sounds=sounds)
    source = tmp_path / "joined.ts"
    source.write_bytes(part.read_bytes() * 2)
    convert(source, tmp_path / "out.webm")
    times, sound = content(tmp_path / "out.webm")
    assert len(times) == 40
    assert sound[-1][0] == pytest.approx(1.6, abs=0.1)
    assert np.diff([time for time, _ in sound]).max() < 0.05


def test_a_long_picture_is_no_jump(make_video, tmp_path):
    pts = [0, 1, 2, 25 * 60, 25 * 60 + 1]
    for name in ("a.mp4", "a.mkv"):
        source = make_video(tmp_path / name, frames=5, pts=pts)
        frames = list(VideoReader(source))
        assert [frame.time for frame in frames] == pytest.approx([n / 25 for n in pts], abs=1e-3)


def test_sound_before_0_is_priming(make_video, make_sound, tmp_path):
    source = make_video(
        tmp_path / "a.mkv", sounds=[make_sound(codec="libopus", rate=48000, seconds=1)]
    )
    assert next(iter(VideoReader(source))).time == pytest.approx(
        in_seconds(av.open(str(source)).streams.video[0].start_time, Fraction(1, 1000)), abs=1e-6
    )


def test_a_part_without_sound(part, make_video, tmp_path):
    quiet = make_video(tmp_path / "quiet.ts", frames=20, options={"bf": "2"})
    source = tmp_path / "joined.ts"
    source.write_bytes(part.read_bytes() + quiet.read_bytes() + part.read_bytes())
    convert(source, tmp_path / "out.mp4")
    times, sound = content(tmp_path / "out.mp4")
    assert len(times) == 60
    single = len(content(part)[1])
    assert sound[single][0] == pytest.approx(times[40], abs=0.05)


def test_joined_matroska_files(make_video, make_sound, tmp_path):
    part = make_video(
        tmp_path / "part.mkv", frames=20, options={"bf": "2"}, sounds=[make_sound(seconds=0.8)]
    )
    source = tmp_path / "joined.mkv"
    source.write_bytes(part.read_bytes() * 2)
    frames = list(VideoReader(source))
    assert [frame.index for frame in frames] == list(range(40))
    assert np.diff([frame.time for frame in frames]) == pytest.approx(0.04, abs=2e-3)


def test_a_clock_that_runs_over(part, tmp_path):
    # Time stamps of transport streams have 33 bits: 26.5 hours at 90 kHz.
    source = moved(part, tmp_path / "a.ts", (1 << 33) / 90000 - 1.8)
    reader = VideoReader(source)
    frames = list(reader)
    assert frames[0].time < 0.1
    assert np.diff([frame.time for frame in frames]) == pytest.approx(0.04, abs=1e-4)
    assert (reader.damage, reader.notes) == (None, [])
