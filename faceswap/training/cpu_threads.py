"""Finds by trying whether a training step on a CPU is faster with all threads or with one."""

from statistics import median

import torch

_STEPS = 3  # timed per try; one more before them warms up
_PAUSE_SECONDS = 20.0
_PAUSE_STEPS = 60  # so that tries cost little where steps are long, too


class ThreadChoice:
    """Switches torch between all its threads and one, and keeps to what was faster when last tried.

    With several threads an operator ends when the last of them does. While another program, or a
    neighbour of this virtual machine, takes one of the cores, a network of small operators waits
    most of its time, and one thread alone is several times as fast.

    Args:
        most: The larger number of threads; 1 leaves nothing to choose.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        torch.set_num_threads(most)
        self._times: list[float] = []
        self._usual: float | None = None  # of a step before the try under way
        self._pause = 0.0

    def after_step(self, seconds: float) -> None:
        """Takes the time of a step, and may change the number of threads for the next."""
        self._pause -= seconds
        self._times.append(seconds)
        if self._most == 1 or len(self._times) <= _STEPS:
            return
        now = median(self._times[-_STEPS:])
        if self._usual is None:
            if self._pause <= 0:
                self._usual = now
                self._switch()
            return
        if now >= self._usual:
            self._switch()
        self._usual = None
        self._pause = _PAUSE_SECONDS + _PAUSE_STEPS * seconds

    def end(self) -> None:
        """Gives torch all threads again."""
        torch.set_num_threads(self._most)

    def _switch(self) -> None:
        torch.set_num_threads(1 if torch.get_num_threads() > 1 else self._most)
        self._times.clear()
