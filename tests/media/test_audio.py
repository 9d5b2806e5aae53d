from fractions import Fraction

import av
import numpy as np
import pytest

from faceswap.core.errors import MediaError
from faceswap.media import audio
from faceswap.media.container import open_media
from faceswap.media.video import VideoInfo, VideoReader
from faceswap.media.writer import VideoWriter


def test_the_source_is_closed_if_its_sound_cannot_be_copied(make_video, tmp_path, monkeypatch):
    source, opened = make_video(tmp_path / "a.mp4", frames=2), []

    def keeping(path):
        opened.append(open_media(path))
        return opened[-1]

    def failing(*_):
        raise MediaError("no trial")

    monkeypatch.setattr(audio, "open_media", keeping)
    monkeypatch.setattr(audio, "MuxerTrial", failing)
    with (
        av.open(str(tmp_path / "out.mp4"), "w") as output,
        pytest.raises(MediaError, match="no trial"),
    ):
        audio.AudioFeed(source, output, ".mp4")
    with pytest.raises(AssertionError, match="Container is not open"):
        opened[0].seek(0)


def copy(source, target, audio_from=None):
    reader = VideoReader(source)
    with VideoWriter(target, reader.info, audio_from=audio_from or source) as writer:
        for frame in reader:
            writer.write(frame.image, frame.pts, frame.duration)
    return writer.notes


def packets(path):
    """Per stream of sound: time and content of every packet."""
    with av.open(str(path)) as container:
        streams = list(container.streams.audio)
        result = {stream.index: [] for stream in streams}
        for packet in container.demux(streams):
            if packet.size:
                seconds = float((packet.pts or 0) * packet.time_base)
                result[packet.stream_index].append((seconds, bytes(packet)))
    return list(result.values())


def samples(path, number=0):
    """Sound of one stream as mono float, placed on the file's time axis from 0."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[number]
        rate = stream.rate
        track = np.zeros(10 * rate)
        for frame in container.decode(stream):
            sound = frame.to_ndarray().astype(np.float64)
            if frame.format.name.startswith("s16"):
                sound /= 32768
            channels = len(frame.layout.channels)
            sound = (
                sound.reshape(channels, -1)
                if frame.format.is_planar
                else sound.reshape(-1, channels).T
            )
            assert frame.time is not None
            start = round(frame.time * rate)
            part = sound[0][max(0, -start) :]
            track[max(0, start) : max(0, start) + len(part)] = part
    return track, rate


def sounding(track, rate):
    """First and last time in seconds at which there is sound."""
    loud = np.flatnonzero(np.abs(track) > 0.05)
    return loud[0] / rate, loud[-1] / rate


def pitch(track, rate):
    spectrum = np.abs(np.fft.rfft(track))
    return np.argmax(spectrum) * rate / len(track)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_all_streams_are_copied_bit_for_bit(make_video, make_sound, tmp_path, suffix):
    sounds = [make_sound(seconds=1.5), make_sound(hertz=900, seconds=1.2, language="fra")]
    source = make_video(tmp_path / "a.mp4", sounds=sounds)
    target = tmp_path / f"out{suffix}"
    assert copy(source, target) == []
    before, after = packets(source), packets(target)
    assert len(after) == 2
    shifts = []
    for old, new in zip(before, after, strict=True):
        assert [data for _, data in old] == [data for _, data in new]
        shifts += [b[0] - a[0] for a, b in zip(old, new, strict=True)]
    # Matroska moves everything, pictures too, so that no time is negative.
    video = next(iter(VideoReader(target))).time
    assert np.abs(np.array(shifts) - video).max() < (0.0011 if suffix == ".mkv" else 1e-4)
    with av.open(str(target)) as container:
        assert [stream.language for stream in container.streams.audio] == ["eng", "fra"]


@pytest.mark.parametrize(("seconds", "start"), [(0.4, 0.0), (4.0, 0.0), (0.5, 0.7)])
def test_shorter_longer_and_later_than_the_pictures(
    make_video, make_sound, tmp_path, seconds, start
):
    source = make_video(tmp_path / "a.mp4", sounds=[make_sound(seconds=seconds, start=start)])
    copy(source, tmp_path / "out.mp4")
    assert [d for _, d in packets(source)[0]] == [d for _, d in packets(tmp_path / "out.mp4")[0]]
    first, last = sounding(*samples(tmp_path / "out.mp4"))
    assert first == pytest.approx(start, abs=0.03)
    assert last == pytest.approx(start + seconds, abs=0.05)
    assert len(list(VideoReader(tmp_path / "out.mp4"))) == 30


def test_sound_and_pictures_are_interleaved(make_video, make_sound, tmp_path):
    source = make_video(tmp_path / "a.mp4", frames=100, sounds=[make_sound(seconds=4)])
    copy(source, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.audio[0]
        places = sorted(
            (packet.pos, packet.stream is stream, float((packet.dts or 0) * packet.time_base))
            for packet in container.demux()
            if packet.size
        )
    latest = {True: 0.0, False: 0.0}
    for _, is_sound, time in places:
        latest[is_sound] = time
        assert abs(latest[True] - latest[False]) < 1.5


@pytest.mark.parametrize(
    ("codec", "suffix", "wanted"),
    [
        ("pcm_s16le", ".mp4", "aac"),
        ("pcm_s16le", ".webm", "opus"),
        ("flac", ".webm", "opus"),
        ("ac3", ".webm", "opus"),
        ("mp2", ".webm", "opus"),
        # Refused only when the header is written.
        ("flac", ".mov", "aac"),
        ("opus", ".mov", "aac"),
    ],
)
def test_foreign_codecs_are_encoded_anew(make_video, make_sound, tmp_path, codec, suffix, wanted):
    encoder, rate = ("libopus", 48000) if codec == "opus" else (codec, 44100)
    sounds = [make_sound(codec=encoder, rate=rate, seconds=1.0, start=0.2)]
    source = make_video(tmp_path / "a.mkv", sounds=sounds)
    target = tmp_path / f"out{suffix}"
    (note,) = copy(source, target)
    assert wanted in note
    assert codec in note
    with av.open(str(target)) as container:
        assert container.streams.audio[0].codec_context.codec.canonical_name == wanted
    track, rate = samples(target)
    first, last = sounding(track, rate)
    video = next(iter(VideoReader(target))).time
    assert first - video == pytest.approx(0.2, abs=0.03)
    assert last - first == pytest.approx(1.0, abs=0.05)
    assert pitch(track, rate) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
def test_pcm_is_copied_where_it_is_at_home(make_video, make_sound, tmp_path, suffix):
    source = make_video(tmp_path / "a.mkv", sounds=[make_sound(codec="pcm_s16le", seconds=1)])
    assert copy(source, tmp_path / f"out{suffix}") == []
    before, after = (samples(path)[0] for path in (source, tmp_path / f"out{suffix}"))
    assert np.abs(before).max() > 0.2
    assert np.array_equal(before, after)


def test_transport_stream_sound_goes_into_mp4(make_video, make_sound, tmp_path):
    source = make_video(tmp_path / "a.ts", sounds=[make_sound(seconds=1)])
    assert copy(source, tmp_path / "out.mp4") == []
    track, rate = samples(tmp_path / "out.mp4")
    assert pitch(track, rate) == pytest.approx(440, abs=2)


def test_sound_from_a_file_of_its_own(make_sound, tmp_path):
    path = tmp_path / "voice.wav"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=22050)
        wave = (8000 * np.sin(2 * np.pi * 300 * np.arange(22050) / 22050)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2)[None], format="s16", layout="stereo")
        frame.rate = 22050
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with VideoWriter(tmp_path / "a.mp4", VideoInfo.for_new(64, 48, 10), audio_from=path) as writer:
        for index in range(10):
            writer.write(np.full((48, 64, 3), 20 * index, np.uint8), index)
    track, rate = samples(tmp_path / "a.mp4")
    assert rate == 22050
    assert pitch(track, rate) == pytest.approx(300, abs=2)
    assert sounding(track, rate)[1] == pytest.approx(1.0, abs=0.05)


def test_silent_and_missing_sources(make_video, tmp_path):
    source = make_video(tmp_path / "a.mp4")
    assert copy(source, tmp_path / "out.mp4") == []
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert not container.streams.audio
    with pytest.raises(MediaError, match="no file"):
        copy(source, tmp_path / "b.mp4", audio_from=tmp_path / "absent.wav")
    assert not (tmp_path / "b.mp4").exists()


def test_start_offset_between_sound_and_pictures(make_video, make_sound, tmp_path):
    source = make_video(
        tmp_path / "a.mp4",
        pts=list(range(20, 50)),
        time_base=Fraction(1, 50),
        muxer={"video_track_timescale": "50"},
        sounds=[make_sound(seconds=1.0)],
    )
    copy(source, tmp_path / "out.mp4")
    for path in (source, tmp_path / "out.mp4"):
        assert next(iter(VideoReader(path))).time == pytest.approx(0.4)
        assert sounding(*samples(path))[0] == pytest.approx(0.0, abs=0.03)
