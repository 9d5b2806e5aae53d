"""Memory of real steps of a training: on a CUDA device, and of models that cannot be simulated."""

import traceback
from collections.abc import Mapping
from functools import partial

from accelerate import Accelerator

from faceswap.core.batch_size_finder import cuda_peak
from faceswap.core.device_memory import Capacity, capacity_of
from faceswap.core.memory import is_exhausted
from faceswap.core.memory_tracker import MemoryTracker
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.guided import GuidedAutoencoder
from faceswap.training.fit.state_memory import evaluate_blank, state_memory
from faceswap.training.loop.trainer import Trainer


class MeasuredTraining:
    """An opened training that takes steps with batches of any size; its weights are then useless.

    On a CUDA device, peaks are those of the allocator. Elsewhere the tensors of a step are counted,
    and sizes are tried from the smallest on. One that does not fit on the line through the two
    before it is not tried, since the system would end a process that takes all memory; its peak is
    that of the line.

    Args:
        opened: Accelerator of the training.
        trainer: Trainer of a run that is not written.
        capacity: Memory that there is.

    Attributes:
        state: Memory that does not depend on the batch.
        phases: Number of phases.
    """

    def __init__(self, opened: Accelerator, trainer: Trainer, capacity: Capacity) -> None:
        self._opened, self._trainer = opened, trainer
        self.phases = len(trainer.phases)
        self._cuda = opened.device.type == "cuda"
        # The capacity may be that of a card that is larger than this machine.
        self._limits = capacity, capacity_of(opened.device)
        self._unit = opened.num_processes * trainer.phases[0].batches.micro_batches
        self._known: list[dict[int, int | None]] = [{} for _ in trainer.phases]
        for phase in trainer.phases:  # the states of the optimizers
            trainer.try_step(phase, self._unit)
        state = trainer.state
        assert isinstance(state.model, FaceAutoencoder)
        assert state.optimizer is not None
        self._model = state.model
        self.state = state_memory(
            state.model,
            state.optimizer,
            None if state.ema is None else state.ema.module,
            [each.network for each in state.discriminators.values()],
        )

    def peak(self, batch: int, phase: int) -> int | None:
        """Peak memory of a step in bytes; None if it does not fit.

        Args:
            batch: Faces of each identity, over all processes.
            phase: Number of the phase.
        """
        if self._cuda:
            return self._try(batch, phase)
        size = self._unit
        while size < batch:
            self._try_carefully(size, phase)
            size *= 2
        return self._try_carefully(batch, phase)

    def _try(self, batch: int, phase: int) -> int | None:
        return self._peak(partial(self._trainer.try_step, self._trainer.phases[phase], batch))

    def _try_carefully(self, batch: int, phase: int) -> int | None:
        known = self._known[phase]
        if batch not in known:
            below = {size: peak for size, peak in known.items() if size < batch}
            if None in below.values():
                known[batch] = None
            else:
                expected = _extrapolate({s: p for s, p in below.items() if p is not None}, batch)
                safe = all(each.fits(expected) for each in self._limits)
                known[batch] = self._try(batch, phase) if safe else expected
        return known[batch]

    def evaluation_peak(self) -> int | None:
        """Peak memory of an evaluation in bytes; 0 for guided models, where it is not measured."""
        if isinstance(self._model, GuidedAutoencoder):
            return 0
        bf16 = self._opened.mixed_precision == "bf16"
        return self._peak(partial(evaluate_blank, self._model, bf16=bf16))

    def _peak(self, compute: partial[None]) -> int | None:
        if self._cuda:
            return cuda_peak(compute, self._opened.device)
        try:
            with MemoryTracker() as tracker:
                compute()
        except (MemoryError, RuntimeError) as error:
            if not is_exhausted(error):
                raise
            traceback.clear_frames(error.__traceback__)  # they hold the tensors of the step
            return None
        # Gradients are made in a step; all else of the state was there before.
        return tracker.peak + self.state.total - self.state.gradients


def _extrapolate(peaks: Mapping[int, int], batch: int) -> int:
    """Peak of a larger batch, on the line through those of the largest two; 0 with fewer."""
    if len(peaks) < 2:
        return 0
    (low, first), (high, second) = sorted(peaks.items())[-2:]
    return second + round((second - first) / (high - low) * (batch - high))
