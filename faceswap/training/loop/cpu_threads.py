"""Chooses by timing whether CPU training uses all threads or one."""

from statistics import median

import torch

_STEPS = 3  # timed per trial, after one warm-up step
_PAUSE_SECONDS = 20.0
_PAUSE_STEPS = 60  # keeps trials cheap where steps are long


class ThreadChoice:
    """Switches torch between all threads and one, and keeps what was faster in the last trial.

    An operator with several threads ends when its slowest thread does. While another process uses
    one of the cores, a network of small operators spends most of its time waiting, and a single
    thread can be several times as fast.

    Args:
        most: Number of threads in the multi-threaded setting; 1 disables switching.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        torch.set_num_threads(most)
        self._times: list[float] = []
        self._usual: float | None = None  # seconds per step before the current trial
        self._pause = 0.0

    def after_step(self, seconds: float) -> None:
        """Records the duration of a step; may change the number of threads for the next one."""
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
        """Restores all threads."""
        torch.set_num_threads(self._most)

    def _switch(self) -> None:
        torch.set_num_threads(1 if torch.get_num_threads() > 1 else self._most)
        self._times.clear()
