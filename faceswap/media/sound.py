"""Writes synthesised audio."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from faceswap.core.files import atomic_path

_BIT_RATE = 96_000


def write_sound(path: Path, samples: NDArray[np.floating], rate: int) -> None:
    """Writes mono audio as AAC, which MP4, MOV and MKV store without re-encoding.

    Args:
        path: Destination, ``.m4a`` or ``.mp4``.
        samples: Mono samples, ``(N,)`` in [-1, 1].
        rate: Sample rate in Hz that AAC supports (44100, 48000, ...).

    Raises:
        StorageFullError: The disk is full; nothing is left at ``path``.
    """
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples, np.float32)[None], format="fltp", layout="mono"
    )
    frame.rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    with atomic_path(path) as temporary, av.open(f"file:{temporary}", "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=rate)
        assert isinstance(stream, AudioStream)
        stream.layout, stream.bit_rate = "mono", _BIT_RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
