"""Memory of real steps of a training: on a CUDA device, and of models that cannot be simulated."""

from functools import partial

from accelerate import Accelerator

from faceswap.core.batch_size_finder import cuda_peak
from faceswap.core.memory_tracker import MemoryTracker
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.guided import GuidedAutoencoder
from faceswap.training.fit_state import evaluate_blank, state_memory
from faceswap.training.loop.trainer import Trainer


class MeasuredTraining:
    """An opened training that takes steps with batches of any size; its weights are then useless.

    On a CUDA device, peaks are those of the allocator. Elsewhere the tensors of a step are counted.

    Args:
        opened: Accelerator of the training.
        trainer: Trainer of a run that is not written.

    Attributes:
        state: Memory that does not depend on the batch.
        phases: Number of phases.
    """

    def __init__(self, opened: Accelerator, trainer: Trainer) -> None:
        self._opened, self._trainer = opened, trainer
        self.phases = len(trainer.phases)
        self._cuda = opened.device.type == "cuda"
        unit = opened.num_processes * trainer.phases[0].batches.micro_batches
        for phase in trainer.phases:  # the states of the optimizers
            trainer.try_step(phase, unit)
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
        return self._peak(partial(self._trainer.try_step, self._trainer.phases[phase], batch))

    def evaluation_peak(self) -> int | None:
        """Peak memory of an evaluation in bytes; 0 for guided models, where it is not measured."""
        if isinstance(self._model, GuidedAutoencoder):
            return 0
        bf16 = self._opened.mixed_precision == "bf16"
        return self._peak(partial(evaluate_blank, self._model, bf16=bf16))

    def _peak(self, compute: partial[None]) -> int | None:
        if self._cuda:
            return cuda_peak(compute, self._opened.device)
        with MemoryTracker() as tracker:
            compute()
        # Gradients are made in a step; all else of the state was there before.
        return tracker.peak + self.state.total - self.state.gradients
