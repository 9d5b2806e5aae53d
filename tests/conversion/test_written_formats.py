"""Conversions into every container: frames, times and sound, from several segments."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.pipeline import convert_source
from faceswap.conversion.video import conversion
from faceswap.conversion.video.segments import plan_segments
from faceswap.core.errors import MediaError, OutputExistsError
from faceswap.media.encoders import VideoEncoding
from faceswap.media.muxers import MUXERS
from faceswap.media.other_audio import OtherAudio
from faceswap.media.sound import write_sound
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader, probe
from faceswap.provenance.file_provenance import read_provenance
from tests.conversion.test_pipeline import swapper
from tests.footage import moving_portrait, write_clip
from tests.media.counters import SIZE, counter, read_counter

FRAMES = 26
LENGTH = 8


@pytest.fixture(autouse=True)
def short_segments(monkeypatch) -> None:
    monkeypatch.setattr(conversion, "plan_segments", lambda table: plan_segments(table, LENGTH))


def numbered(index, *_):
    """The portrait with its number in the corner."""
    image = moving_portrait(index)
    image[: SIZE[1], : SIZE[0]] = counter(index)
    return image


@pytest.fixture(scope="module")
def numbered_clip(tmp_path_factory):
    """A clip at a variable rate; its key frames are not where segments would like them."""
    path = tmp_path_factory.mktemp("numbered") / "clip.mkv"
    stamps = np.cumsum([0, *([40, 20, 60, 40, 100] * 6)])[:FRAMES].tolist()
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "12", "g": "7"})
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for index, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(numbered(index))
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def check(path, source):
    frames = list(VideoReader(path))
    assert [read_counter(frame.image) for frame in frames] == list(range(FRAMES))
    times = [frame.time for frame in VideoReader(source)]
    assert [frame.time for frame in frames] == pytest.approx(times, abs=0.0006)
    green = [(np.abs(f.image.astype(int) - [5, 250, 5]) < 40).all(-1).sum() for f in frames]
    assert min(green) > 1000


@pytest.mark.parametrize(
    "suffix", [suffix for suffix, muxer in MUXERS.items() if muxer.stamps != "steady"]
)
def test_a_variable_rate(numbered_clip, tmp_path, suffix):
    (source,) = find_sources([numbered_clip])
    output = tmp_path / f"out{suffix}"
    report = convert_source(source, output, swapper())
    assert report.notes == ()
    check(output, numbered_clip)
    assert read_provenance(output).state == "intact"
    names = {path.name for path in tmp_path.iterdir()} - {f"out{suffix}.c2pa"}
    assert names == {f"out{suffix}", f"out{suffix}.json"}


@pytest.mark.parametrize(
    ("suffix", "encoder"),
    [
        (".avi", "ffv1"),
        (".avi", "mpeg4"),
        (".ts", "libx265"),
        (".mkv", "ffv1"),
        (".mov", "prores"),
        (".mp4", "av1"),
    ],
)
def test_other_encoders(numbered_clip, tmp_path, suffix, encoder):
    (source,) = find_sources([numbered_clip])
    output = tmp_path / f"out{suffix}"
    encode = EncodeSettings(VideoEncoding(encoder))
    convert_source(source, output, swapper(), encode=encode)
    check(output, numbered_clip)


@pytest.mark.parametrize("suffix", [".mpg", ".vob", ".avi", ".ts"])
def test_a_constant_rate_with_sound(clip, faceset, tmp_path, suffix):
    (source,) = find_sources([clip])
    output = tmp_path / f"out{suffix}"
    convert_source(source, output, swapper(), faceset=faceset)
    times = [frame.time for frame in VideoReader(output)]
    # Where no edit list hides the silence that AAC begins with, the file begins with that.
    begin = times[0]
    assert 0 <= begin < 0.07
    assert times == pytest.approx([begin + index / 25 for index in range(FRAMES)], abs=1e-4)
    with av.open(str(output)) as container:
        (sound,) = container.streams.audio
        samples = sum(frame.samples for frame in container.decode(sound))
        assert samples / sound.rate == pytest.approx(FRAMES / 25, abs=0.15)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation(numbered_clip, tmp_path, suffix):
    (source,) = find_sources([numbered_clip])
    output = tmp_path / f"out{suffix}"
    assert convert_source(source, output, swapper()).faces_swapped == FRAMES
    with Image.open(output) as image:
        numbers, durations = [], []
        for number in range(FRAMES):
            image.seek(number)
            numbers.append(read_counter(np.asarray(image.convert("RGB"))))
            durations.append(image.info["duration"])
    assert numbers == list(range(FRAMES))
    times = [frame.time for frame in VideoReader(numbered_clip)]
    assert durations[:-1] == pytest.approx((np.diff(times) * 1000).tolist())
    found = read_provenance(output)
    assert (found.state, found.synthetic, found.place) == ("intact", True, "embedded")
    assert {path.name for path in tmp_path.iterdir()} == {f"out{suffix}", f"out{suffix}.json"}


def test_what_an_animation_does_not_have(clip, faceset, tmp_path):
    (source,) = find_sources([clip])
    report = convert_source(source, tmp_path / "out.gif", swapper(), faceset=faceset)
    assert report.notes == ("audio was dropped: .gif has none",)
    encode = EncodeSettings(VideoEncoding("libx264"))
    with pytest.raises(MediaError, match="one encoder only"):
        convert_source(source, tmp_path / "b.gif", swapper(), faceset=faceset, encode=encode)


def test_a_variable_rate_that_cannot_be_is_refused_before_the_work(numbered_clip, tmp_path):
    (source,) = find_sources([numbered_clip])
    with pytest.raises(MediaError, match="constant frame rate"):
        convert_source(source, tmp_path / "out.mpg", swapper())
    assert not list(tmp_path.iterdir())


def tone(path, hertz, seconds):
    times = np.arange(int(16000 * seconds)) / 16000
    write_sound(path, 0.3 * np.sin(2 * np.pi * hertz * times), 16000)
    return path


def heard(path):
    """Loudest frequency in hertz, and duration in seconds, of the only audio of a file."""
    with av.open(str(path)) as container:
        (stream,) = container.streams.audio
        samples = np.concatenate([f.to_ndarray()[0] for f in container.decode(stream)])
        rate = stream.rate
    return np.abs(np.fft.rfft(samples)).argmax() * rate / len(samples), len(samples) / rate


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_other_audio(clip, faceset, tmp_path, suffix, seconds):
    (source,) = find_sources([clip])
    file = tone(tmp_path / "tone.m4a", 1000, seconds)
    encode = EncodeSettings(audio=OtherAudio.of(str(file)))
    output = tmp_path / f"out{suffix}"
    report = convert_source(source, output, swapper(), faceset=faceset, encode=encode)
    assert report.notes[0] == "the audio is that of tone.m4a, from its beginning"
    cut = "the audio of tone.m4a is longer and was cut off" in report.notes
    assert cut == (seconds > FRAMES / 25)
    hertz, length = heard(output)
    assert hertz == pytest.approx(1000, abs=15)  # not stretched
    assert length == pytest.approx(min(seconds, FRAMES / 25), abs=0.15)
    with av.open(str(output)) as container:
        assert len([p for p in container.demux(video=0) if p.size]) == FRAMES
    convert_source(source, output, swapper(), faceset=faceset, encode=encode)
    other = EncodeSettings(audio=OtherAudio.of(str(tone(file, 500, seconds))))
    with pytest.raises(OutputExistsError):  # of the same name, with other content
        convert_source(source, output, swapper(), faceset=faceset, encode=other)


def test_no_audio(clip, faceset, tmp_path):
    (source,) = find_sources([clip])
    encode = EncodeSettings(audio=OtherAudio.of("none"))
    output = tmp_path / "out.mp4"
    report = convert_source(source, output, swapper(), faceset=faceset, encode=encode)
    assert report.notes == ("the audio was left out, as --audio none demands",)
    assert probe(output).audio_streams == 0


def test_audio_that_is_none(tmp_path):
    silent = write_clip(tmp_path / "silent.mp4", 3, sound=False)
    with pytest.raises(MediaError, match="Expected audio in"):
        OtherAudio.of(str(silent))
    with pytest.raises(MediaError, match="no file"):
        OtherAudio.of(str(tmp_path / "absent.wav"))
