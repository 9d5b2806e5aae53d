"""Order of the faces of a stream: tar files at random, and their faces mixed within a window.

A pure function of the seed and the position in the stream, which is ``step * batch + slot``: any
number of processes sees the same faces at a step, and so does a resumed run. In an epoch every face
comes once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from faceswap.core.seeding import generator

_KEPT = 4  # windows: the current one, its neighbours, and one to lend colours


@dataclass(frozen=True)
class Window:
    """Consecutive positions whose faces come from a few tar files.

    Attributes:
        first: Position of the first face.
        shards: Numbers of the tar files.
        faces: Numbers of the faces among the training faces, in their order.
    """

    first: int
    shards: NDArray[np.int64]
    faces: NDArray[np.int64]

    @property
    def end(self) -> int:
        """Position after the last face."""
        return self.first + len(self.faces)


OnWindow = Callable[[Window, Window | None, Window], object]
"""Callback with the current window, the one before it if any, and the next one."""


class WindowOrder:
    """Order of the training faces of a stream.

    Args:
        seed: Seed of the run.
        stream: Name of the random stream.
        batch: Size of the global batch of one identity.
        starts: Number of the first training face of each tar file, and at the end the number of
            all, ``(shards + 1,)``.
        size: Number of faces in a window, about; at least one tar file.
        on_window: Called before the first face of a window is returned.
    """

    def __init__(
        self,
        seed: int,
        stream: str,
        batch: int,
        starts: NDArray[np.int64],
        size: int,
        on_window: OnWindow = lambda *_: None,
    ) -> None:
        self._seed, self._stream, self._batch = seed, stream, batch
        self._starts, self._size, self._on_window = starts, size, on_window
        self._total = int(starts[-1])
        self._kept: dict[int, Window] = {}
        self._entered = -1

    def face(self, step: int, slot: int) -> int:
        """The training face in a slot of the global batch."""
        position = step * self._batch + slot
        window = self._at(position)
        if window.first != self._entered:
            before = self._at(window.first - 1) if window.first else None
            self._on_window(window, before, self._at(window.end))
            self._entered = window.first
        return int(window.faces[position - window.first])

    def any_face(self, step: int, fraction: float) -> int:
        """The face that a random number in [0, 1) chooses of the window in which a step begins."""
        faces = self._at(step * self._batch).faces
        return int(faces[int(fraction * len(faces))])

    def _at(self, position: int) -> Window:
        """The window with a position."""
        for window in self._kept.values():
            if window.first <= position < window.end:
                return window
        window = self._window(*divmod(position, self._total))
        latest = list(self._kept.items())[-_KEPT + 1 :]
        self._kept = {**dict(latest), window.first: window}
        return window

    def _window(self, epoch: int, place: int) -> Window:
        order, bounds, firsts = _epoch(
            self._seed, self._stream, epoch, self._starts.tobytes(), self._size
        )
        number = int(np.searchsorted(bounds, place, "right")) - 1
        first, end = int(bounds[number]), int(bounds[number + 1])
        shards = order[(firsts >= first) & (firsts < end)]
        faces = [np.arange(*self._starts[shard : shard + 2].tolist()) for shard in shards.tolist()]
        random = generator(self._seed, "window", self._stream, epoch, number)
        mixed = random.permutation(np.concatenate(faces))
        return Window(epoch * self._total + first, shards, mixed)


@lru_cache(maxsize=8)
def _epoch(
    seed: int, stream: str, epoch: int, starts: bytes, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Tar files of an epoch in order, bounds of its windows, and first place of each tar file."""
    counts = np.diff(np.frombuffer(starts, np.int64))
    order = generator(seed, "shards", stream, epoch).permutation(np.flatnonzero(counts))
    total = int(counts.sum())
    firsts = np.cumsum(counts[order]) - counts[order]
    windows = max(1, round(total / size))  # of about the same size, also the last one
    _, begins = np.unique(firsts * windows // total, return_index=True)
    return order, np.append(firsts[begins], total), firsts
