"""What one start of a training has shown so far: losses, throughput, memory, and the time left."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from faceswap.training.monitoring.memory_use import MemoryGauge
from faceswap.training.monitoring.step_report import StepReport
from faceswap.training.monitoring.throughput import Pace, Stopwatch
from faceswap.training.run.progress import Progress

T = TypeVar("T")


class TrainRecord:
    """Record of one start of a training.

    Args:
        identities: Names of the identities, in the order of the losses.
        progress: Progress at the beginning of this start.
        fraction: Fraction of the budget that was used up before.
        device: Device whose memory is read.
    """

    def __init__(
        self, identities: Sequence[str], progress: Progress, fraction: float, device: torch.device
    ) -> None:
        self._identities, self._first_step = identities, progress.step
        self._pace, self._memory = Pace(fraction, progress.seconds), MemoryGauge(device)
        self._losses: list[Tensor] = []
        self._window, self._whole = Stopwatch(), Stopwatch()

    @property
    def losses(self) -> dict[str, list[float]]:
        """Loss of each identity at every step."""
        if not self._losses:
            return {name: [] for name in self._identities}
        return dict(zip(self._identities, torch.stack(self._losses).T.tolist(), strict=True))

    @property
    def faces_per_second(self) -> float:
        """Mean throughput over all processes."""
        return self._whole.faces_per_second

    @property
    def waiting(self) -> float:
        """Fraction of the time spent waiting for data, 0 to 1."""
        return self._whole.waiting

    def restart_window(self) -> None:
        """Lets the next report begin its throughput here."""
        self._window.restart()

    def watch(self, batches: Iterator[T]) -> Iterator[T]:
        """Passes batches on and measures the time spent waiting for each."""
        return self._window.watch(self._whole.watch(batches))

    @contextmanager
    def pause(self) -> Iterator[None]:
        """Excludes the time of its block from the throughput."""
        begun = time.perf_counter()
        yield
        for watch in (self._window, self._whole):
            watch.exclude(time.perf_counter() - begun)

    def add(self, losses: Tensor, faces: int) -> None:
        """Adds a step.

        Args:
            losses: Loss of each identity, ``(I,)``.
            faces: Faces of the step, over all processes.
        """
        self._losses.append(losses)
        for watch in (self._window, self._whole):
            watch.faces += faces
            watch.steps += 1

    def forget_after(self, step: int) -> None:
        """Forgets the losses after a step that the training was rolled back to."""
        del self._losses[max(0, step - self._first_step) :]

    def mean_losses(self, steps: int) -> dict[str, float]:
        """Mean loss of each identity over the latest steps."""
        recent = torch.stack(self._losses[-steps:]).mean(0).tolist()
        return dict(zip(self._identities, recent, strict=True))

    def report(
        self,
        progress: Progress,
        fraction: float,
        losses: dict[str, float],
        figures: Mapping[str, float],
        lr: float,
        phase_number: int,
    ) -> StepReport:
        """Report on the steps since the window was restarted.

        Args:
            progress: Progress of the training.
            fraction: Fraction of the budget that is used up, 0 to 1.
            losses: Mean loss of each identity; empty before the first step.
            figures: Further figures of the last step, by their names in the log.
            lr: Learning rate.
            phase_number: Number of the phase, from 1.
        """
        return StepReport(
            progress.step,
            progress.seconds,
            fraction,
            losses,
            lr,
            self._window.faces_per_second,
            self._window.waiting,
            figures,
            phase=progress.phase.name,
            phase_number=phase_number,
            steps_per_second=self._window.steps / self._window.seconds,
            memory=self._memory.read(),
            seconds_left=self._pace.seconds_left(fraction, progress.seconds),
        )
