"""Reads some frames of a source, without decoding all the others."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from faceswap.media.frame import Frame
from faceswap.media.sources import Source, open_source

# Frames from one wanted frame to the next from which the reader seeks: decoding fewer is as fast.
_SEEK = 200


def read_frames(source: Source, indices: Iterable[int]) -> Iterator[Frame]:
    """Frames of a source by index.

    Args:
        source: Video or photos.
        indices: Indices of the frames, in any order.

    Yields:
        The frames in order, each once; those that cannot be decoded are left out.

    Raises:
        MediaError: The source cannot be read.
    """
    wanted = sorted(set(indices))
    starts = [0, *(i for i, (a, b) in enumerate(pairwise(wanted), 1) if b - a > _SEEK)]
    for start, end in pairwise([*starts, len(wanted)]):
        yield from _read_group(source, wanted[start:end])


def _read_group(source: Source, wanted: list[int]) -> Iterator[Frame]:
    if not wanted:
        return
    chosen = set(wanted)
    for frame in open_source(source, wanted[0]):
        if frame.index in chosen:
            yield frame
        if frame.index >= wanted[-1]:
            return
