"""Whether sound and time of a converted file are those of its source."""

from pathlib import Path

import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from faceswap.media.container import open_media


def sound_exactness(source: Path, output: Path) -> dict[str, float]:
    """Compares the sound of two files, stream by stream.

    Args:
        source: The original.
        output: What was made of it.

    Returns:
        ``sound_packets_equal`` and ``sound_error``; nothing when the source has no sound.

    Raises:
        MediaError: A file cannot be read.
    """
    streams, kept = _audio_streams(source), _audio_streams(output)
    if not streams:
        return {}
    equal, errors = [], []
    for number in range(streams):
        if number >= kept:
            equal.append(0.0)
            errors.append(1.0)
            continue
        equal.append(_share_equal(_packets(source, number), _packets(output, number)))
        # What is equal bit by bit sounds equal.
        errors.append(0.0 if equal[-1] == 1 else _sample_error(source, output, number))
    return {"sound_packets_equal": float(np.mean(equal)), "sound_error": max(errors)}


def _audio_streams(path: Path) -> int:
    with open_media(path) as container:
        return len(container.streams.audio)


def _packets(path: Path, number: int) -> list[bytes]:
    with open_media(path) as container:
        return [bytes(packet) for packet in container.demux(audio=number) if packet.size]


def _share_equal(first: list[bytes], second: list[bytes]) -> float:
    pairs = sum(a == b for a, b in zip(first, second, strict=False))
    return pairs / max(len(first), len(second), 1)


def _sample_error(source: Path, output: Path, number: int) -> float:
    """Largest difference of the samples of both; 1 when one is shorter by more than 50 ms."""
    with open_media(source) as container:
        rate = container.streams.audio[number].rate
    first, second = _samples(source, number, rate), _samples(output, number, rate)
    common = min(len(first), len(second))
    if abs(len(first) - len(second)) > 0.05 * rate or not common:
        return 1.0
    return float(np.abs(first[:common] - second[:common]).max())


def _samples(path: Path, number: int, rate: int) -> NDArray[np.float32]:
    """Mono samples, ``(N,)`` in -1 to 1."""
    resampler = AudioResampler(format="flt", layout="mono", rate=rate)
    with open_media(path) as container:
        pieces = [
            piece.to_ndarray().ravel().astype(np.float32)
            for frame in [*container.decode(audio=number), None]
            for piece in resampler.resample(frame)
        ]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
