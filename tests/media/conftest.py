"""Small videos made on the spot: a moving pattern, any codec and time stamps, sines for sound."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.stream import VideoStream

from faceswap.media.filters import FrameFilter


@dataclass(frozen=True)
class Sound:
    """One sine: codec, frequency, length and start in seconds."""

    codec: str = "aac"
    hertz: int = 440
    seconds: float = 2.0
    start: float = 0.0
    rate: int = 44100
    language: str = "eng"


def pattern(index: int, width: int, height: int) -> np.ndarray:
    """A smooth picture that tells its index, left from right and top from bottom."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    x, y = x / width, y / height
    phase = index / 7
    image = np.stack(
        [
            70 + 110 * x + 20 * np.sin(4 * y + phase),
            60 + 90 * y + 30 * np.cos(3 * x - phase),
            90 + 60 * (1 - x) * y + 40 * np.sin(phase + 2 * x),
        ],
        axis=-1,
    )
    return np.clip(image, 0, 255).astype(np.uint8)


def _add_sound(output: OutputContainer, sound: Sound) -> AudioStream:
    stream = output.add_stream(sound.codec, rate=sound.rate)
    assert isinstance(stream, AudioStream)
    stream.layout = "mono"
    stream.metadata["language"] = sound.language
    return stream


def _write_sound(output: OutputContainer, stream: AudioStream, sound: Sound) -> None:
    times = np.arange(int(sound.rate * sound.seconds)) / sound.rate
    samples = (8000 * np.sin(2 * np.pi * sound.hertz * times)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.rate, frame.time_base = sound.rate, Fraction(1, sound.rate)
    frame.pts = round(sound.start * sound.rate)
    output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def write_video(
    path: Path,
    *,
    frames: int = 30,
    size: tuple[int, int] = (96, 64),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    pts: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    rotation: int | None = None,
    colour: tuple[int, int] = (2, 0),
    options: dict[str, str] | None = None,
    muxer: dict[str, str] | None = None,
    sounds: Sequence[Sound] = (),
    picture: Callable[[int, int, int], np.ndarray] = pattern,
    fields: str = "",
) -> Path:
    """Writes a test video and gives its path; ``fields`` marks its frames as ``tff`` or ``bff``."""
    width, height = size
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", container_options=muxer or {}) as output:
        stream = output.add_stream(codec, rate=25, options=options or {})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.time_base = time_base
        matrix, colour_range = colour
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = colour_range
        if rotation is not None:
            stream.set_display_rotation(rotation)
        audio = [(_add_sound(output, sound), sound) for sound in sounds]
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, width, height)).reformat(
                format=pixel_format,
                dst_colorspace=5 if matrix in (2, 6) else matrix,
                dst_color_range=colour_range or 1,
            )
            if fields:
                frame = FrameFilter(frame, [("setfield", fields)])(frame)
            frame.pts = pts[number] if pts else number
            frame.time_base = time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        for audio_stream, sound in audio:
            _write_sound(output, audio_stream, sound)
    return path


@pytest.fixture
def make_video() -> Callable[..., Path]:
    return write_video


@pytest.fixture
def make_sound() -> type[Sound]:
    return Sound


@pytest.fixture
def make_picture() -> Callable[[int, int, int], np.ndarray]:
    return pattern
