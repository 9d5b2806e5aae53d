import hashlib
from fractions import Fraction

import av
import numpy as np
import pytest

from faceswap.core.errors import MediaError
from faceswap.media.encoders import VideoEncoding
from faceswap.media.muxers import MUXERS, writable_suffix
from faceswap.media.video import VideoInfo, VideoReader, probe
from faceswap.media.writer import VideoWriter
from tests.media.counters import SIZE, counter, read_counter

VARIABLE = np.cumsum([0, 40, 20, 60, 20, 180, 40, 40, 600, 20, 40, 40]).tolist()  # milliseconds
# Seconds to which a container rounds time stamps of whole milliseconds.
ROUNDING = {".ts": 1e-5, ".m2t": 1e-5, ".m2ts": 1e-5, ".mts": 1e-5}
STEADY = [suffix for suffix, muxer in MUXERS.items() if muxer.stamps == "steady"]
OTHERS = [suffix for suffix in MUXERS if suffix not in STEADY]


def counted(make_video, path, stamps, time_base, **options):
    return make_video(
        path,
        frames=len(stamps),
        size=SIZE,
        picture=counter,
        pts=stamps,
        time_base=time_base,
        **options,
    )


def convert(source, target, **options):
    reader = VideoReader(source)
    with VideoWriter(target, reader.info, audio_from=source, **options) as writer:
        for frame in reader:
            writer.write(frame.image, frame.pts, frame.duration)
    return writer


def numbers_and_times(path):
    frames = list(VideoReader(path))
    return [read_counter(frame.image) for frame in frames], [frame.time for frame in frames]


@pytest.mark.parametrize("suffix", MUXERS)
@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001)], ids=str)
def test_counters_at_a_constant_rate(make_video, tmp_path, suffix, fps):
    source = counted(make_video, tmp_path / "a.mp4", list(range(40)), 1 / fps)
    convert(source, tmp_path / f"out{suffix}")
    numbers, times = numbers_and_times(tmp_path / f"out{suffix}")
    assert numbers == list(range(40))
    assert times == pytest.approx([float(n / fps) for n in range(40)], abs=0.0006)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        # No container pretends to show more frames than there are.
        rate = container.streams.video[0].guessed_rate
        assert rate is not None
        assert float(rate) == pytest.approx(float(fps), rel=0.01)


@pytest.mark.parametrize("suffix", OTHERS)
def test_counters_at_a_variable_rate(make_video, tmp_path, suffix):
    source = counted(make_video, tmp_path / "a.mkv", VARIABLE, Fraction(1, 1000))
    convert(source, tmp_path / f"out{suffix}")
    numbers, times = numbers_and_times(tmp_path / f"out{suffix}")
    assert numbers == list(range(len(VARIABLE)))
    rounding = ROUNDING.get(suffix, 1e-9)
    assert times == pytest.approx([stamp / 1000 for stamp in VARIABLE], abs=rounding)


@pytest.mark.parametrize("suffix", STEADY)
def test_a_variable_rate_where_none_can_be(make_video, tmp_path, suffix):
    source = counted(make_video, tmp_path / "a.mkv", VARIABLE, Fraction(1, 1000))
    with pytest.raises(MediaError, match="constant frame rate") as caught:
        convert(source, tmp_path / f"out{suffix}")
    assert ".ts" in caught.value.hint
    with pytest.raises(MediaError, match="constant frame rate"):
        convert(source, tmp_path / "out.ts", encoding=VideoEncoding("mpeg2video"))
    assert list(tmp_path.iterdir()) == [source]


def test_the_container_of_a_source_is_kept_if_it_can_hold_the_video(make_video, tmp_path):
    steady = counted(make_video, tmp_path / "a.mp4", list(range(9)), Fraction(1, 25))
    for suffix in MUXERS:
        convert(steady, path := tmp_path / f"steady{suffix}")
        assert writable_suffix(path) == suffix
    # A program stream with a gap, as after a fault of reception. Small pictures share a time stamp.
    noise = np.random.default_rng(1).integers(0, 255, (64, 96, 3), np.uint8)
    stream = make_video(
        tmp_path / "gap.mpg",
        frames=10,
        pts=[*range(5), *range(60, 65)],
        codec="mpeg2video",
        options={"b": "8M", "g": "1"},
        picture=lambda *_: noise,
    )
    assert writable_suffix(stream) == ".ts"
    for suffix, instead in ((".wmv", ".mp4"), (".mxf", ".mov"), (".ogv", ".mkv")):
        assert writable_suffix(tmp_path / f"a{suffix}") == instead


def packets_of(path, kind="audio", *, from_start=False):
    """Hash of all packets of the first stream of a kind, and the times of the packets.

    Those that end before time 0 are left out on request.
    """
    digest, times = hashlib.sha256(), []
    with av.open(str(path)) as container:
        (stream, *_) = getattr(container.streams, kind)
        for packet in container.demux(stream):
            early = (packet.pts or 0) + (packet.duration or 0) <= 0
            if packet.size and not (from_start and early):
                content = bytes(packet)
                # Transport streams give each AAC packet a header of seven bytes.
                adts = container.format.name == "mpegts" and stream.codec_context.name == "aac"
                digest.update(content[7:] if adts else content)
                times.append(float((packet.pts or 0) * packet.time_base))
    return digest.hexdigest(), times


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        *((suffix, "aac") for suffix in MUXERS if suffix not in (".webm", *STEADY)),
        (".webm", "libopus"),
        *((suffix, "mp2") for suffix in STEADY),
        (".avi", "libmp3lame"),
        (".avi", "pcm_s16le"),
        (".ts", "ac3"),
        (".vob", "ac3"),
    ],
)
def test_packets_of_sound_are_identical(make_video, make_sound, tmp_path, suffix, codec):
    rate = 48000 if codec in ("libopus", "ac3") else 44100
    source = counted(
        make_video,
        tmp_path / "a.mkv",
        list(range(25)),
        Fraction(1, 25),
        sounds=[make_sound(codec, seconds=1.0, rate=rate)],
    )
    writer = convert(source, tmp_path / f"out{suffix}")
    assert writer.notes == []
    # In AVI sound begins at time 0, so what an encoder put in front of it would delay it.
    digest, times = packets_of(source, from_start=suffix == ".avi")
    copied, moved = packets_of(tmp_path / f"out{suffix}")
    assert copied == digest
    # Containers cut samples that are not coded into packets of their own.
    if suffix not in STEADY and codec != "pcm_s16le":
        assert len(moved) == len(times)
        begin = [time - times[0] for time in times]
        assert [time - moved[0] for time in moved] == pytest.approx(begin, abs=0.0015)


def test_odd_sizes_in_old_containers(tmp_path, make_picture):
    picture = make_picture(0, 97, 63)
    for suffix, encoder in ((".mpg", None), (".avi", "mpeg4"), (".avi", "ffv1"), (".ts", None)):
        info = VideoInfo.for_new(97, 63, 25)
        path = tmp_path / f"a{suffix}"
        with VideoWriter(path, info, encoding=VideoEncoding(encoder)) as writer:
            writer.write(picture, 0)
        assert (probe(path).width, probe(path).height) == (97, 63)
        assert np.abs(next(iter(VideoReader(path))).image.astype(int) - picture).mean() < 6


@pytest.mark.parametrize(("start", "count"), [(0.0, 0), (0.5, 1)])
def test_sound_that_begins_late_in_avi(make_video, make_sound, tmp_path, start, count):
    source = counted(
        make_video,
        tmp_path / "a.mkv",
        list(range(50)),
        Fraction(1, 25),
        sounds=[make_sound("pcm_s16le", seconds=1.0, start=start)],
    )
    notes = convert(source, tmp_path / "out.avi").notes
    assert len(notes) == count
    assert all("0.50 s too early" in note for note in notes)
    assert convert(source, tmp_path / "out.mkv").notes == []
