"""Compares the audio streams of a converted file with those of its source."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from faceswap.media.clock import SoundClock
from faceswap.media.container import open_media, packets_of, video_stream
from faceswap.media.kept_spans import KeptSpan, kept_packets


def compare_audio(source: Path, output: Path, kept: Sequence[KeptSpan] = ()) -> dict[str, float]:
    """Compare the audio of two files, stream by stream.

    Args:
        source: Source file.
        output: Converted file.
        kept: Spans of the source that are in the output; empty for all of it.

    Returns:
        ``audio_packets_equal`` (0 to 1) and ``audio_error`` (0 to 2, full scale is 1); empty when
        the source has no audio. There is no ``audio_error`` where other spans were cut out and
        packets differ: audio is cut to whole packets, and decoded ones depend on those before them.

    Raises:
        MediaError: A file cannot be read.
    """
    streams, output_streams = _audio_streams(source), _audio_streams(output)
    if not streams:
        return {}
    equal, errors = [], []
    for number in range(streams):
        if number >= output_streams:
            equal.append(0.0)
            errors.append(1.0)
            continue
        equal.append(_fraction_equal(_packets(source, number, kept), _packets(output, number)))
        # Equal packets decode to equal samples.
        if equal[-1] == 1:
            errors.append(0.0)
        elif not kept:
            errors.append(_sample_error(source, output, number))
    measured = {"audio_packets_equal": float(np.mean(equal))}
    return measured | ({"audio_error": max(errors)} if len(errors) == streams else {})


def _audio_streams(path: Path) -> int:
    with open_media(path) as container:
        return len(container.streams.audio)


def _packets(path: Path, number: int, kept: Sequence[KeptSpan] = ()) -> list[bytes]:
    with open_media(path) as container:
        sound = container.streams.audio[number]
        if not kept:
            packets = packets_of(container, sound)
            return [bytes(packet) for packet in packets if packet.size]
        clock = SoundClock(container, video_stream(container, path), [sound])
        return [bytes(packet) for packet in kept_packets(clock.read(), kept)]


def _fraction_equal(first: list[bytes], second: list[bytes]) -> float:
    pairs = sum(a == b for a, b in zip(first, second, strict=False))
    return pairs / max(len(first), len(second), 1)


def _sample_error(source: Path, output: Path, number: int) -> float:
    """Largest sample difference; 1 when the lengths differ by more than 50 ms."""
    with open_media(source) as container:
        rate = container.streams.audio[number].rate
    first, second = _decode_mono(source, number, rate), _decode_mono(output, number, rate)
    common = min(len(first), len(second))
    if abs(len(first) - len(second)) > 0.05 * rate or not common:
        return 1.0
    return float(np.abs(first[:common] - second[:common]).max())


def _decode_mono(path: Path, number: int, rate: int) -> NDArray[np.float32]:
    """Mono samples, ``(N,) float32`` in [-1, 1]."""
    resampler = AudioResampler(format="flt", layout="mono", rate=rate)
    with open_media(path) as container:
        chunks = [
            chunk.to_ndarray().ravel().astype(np.float32)
            for frame in [*container.decode(audio=number), None]
            for chunk in resampler.resample(frame)
        ]
    return np.concatenate(chunks) if chunks else np.zeros(0, np.float32)
