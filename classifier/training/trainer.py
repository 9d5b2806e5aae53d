"""The training loop."""

import math
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from classifier.data.dataset import IGNORE_INDEX
from classifier.training.confusion import count_pairs, scores
from classifier.training.schedule import Schedule
from classifier.training.session import Session
from classifier.training.sources import Pair
from classifier.training.state import EpochResult, Progress
from classifier.training.step import Step
from faceswap.core.interruption import StopRequest, stop_on_signals
from faceswap.core.log import get_logger
from faceswap.core.memory import return_freed_memory
from faceswap.core.prefetch import prefetch
from faceswap.core.processes import agree_to_stop
from faceswap.core.seeding import seed_layers
from faceswap.core.training_state import TrainingState

_log = get_logger(__name__)
_READ_EVERY = 20  # steps between reads of the loss, which wait for the device
_AGREE_EVERY = 10  # steps between exchanges of processes on GPUs, where each would be waited for
_NO_INDEX = -100  # labels of whole images are never ignored, and 255 may be a class


@dataclass(frozen=True)
class Plan:
    """Numbers that steer the loop.

    Attributes:
        epochs: Number of epochs, over all starts of the run.
        schedule: Learning-rate schedule.
        patience: Epochs without a better one after which training ends; 0 disables early
            stopping.
        seed: Seed of the run.
        save_seconds: Longest time between checkpoints.
    """

    epochs: int
    schedule: Schedule
    patience: int = 0
    seed: int = 0
    save_seconds: float = 120.0


@dataclass(frozen=True)
class Callbacks:
    """Callbacks of the loop.

    Attributes:
        on_step: Called with the images of each step, and every few steps with the mean loss.
        on_epoch: Called with the result of each epoch, after it is saved.
    """

    on_step: Callable[[int, float | None], object] = lambda _images, _loss: None
    on_epoch: Callable[[EpochResult], object] = lambda _: None


class Trainer:
    """Trains a network from the progress of its run.

    Args:
        accelerator: Accelerator of the training.
        session: Network, data and optimizer.
        state: Model, optimizer and checkpoints, already restored.
        progress: Progress of the run; it is updated.
        plan: Numbers that steer the loop.
        callbacks: Callbacks of the loop.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        session: Session,
        state: TrainingState[Progress],
        progress: Progress,
        plan: Plan,
        callbacks: Callbacks = Callbacks(),
    ) -> None:
        self._accelerator, self._state = accelerator, state
        self._plan, self._callbacks = plan, callbacks
        self._built, self._source = session.built, session.source
        self._learner, self._classes = session.learner, len(session.dataset.classes)
        self.progress = progress
        self._step: Step | None = None
        self._trainable = 0
        self._saved_at = time.monotonic()

    def train(self) -> int:
        """Trains until all epochs are done, early stopping ends it, or a signal arrives.

        Returns:
            Number of the signal that ended it, or 0.

        Raises:
            TrainingError: The loss becomes non-finite again and again.
            StorageFullError: The disk is full; the last checkpoint is intact.
        """
        signal = 0
        try:
            with stop_on_signals() as stop:
                self._begin()
                while not signal and not self._is_finished():
                    self._prepare_step()  # freezes and unfreezes layers
                    self._start_measuring()
                    finite = True
                    for inputs, labels in self._sample():
                        self._take_step(inputs, labels)  # forward, loss, backward, step
                        signal, late = self._agree(stop)
                        if signal or late or self._is_due(_READ_EVERY):
                            finite = self._read_loss()
                        self._report_step()
                        if late:
                            finite = finite and self._is_finite()
                        if signal or not finite:
                            break
                        if late:
                            self._save()
                    finite = finite and self._read_loss() and self._is_finite()
                    validated = self._validate(stop) if finite and not signal else None
                    if not finite:
                        self._roll_back()
                    elif validated is None:
                        self._save()
                        signal = signal or stop.signal
                    else:
                        self._finish_epoch(validated)
        finally:
            # What Accelerate wrapped would keep the process group from being destroyed.
            self._step = None
        return signal

    def _begin(self) -> None:
        if not self.progress.step:  # something to roll back to, and a full disk shows at once
            self._save()
        elif self._accelerator.is_main_process:
            self._state.complete_save(self.progress)

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping has ended the training."""
        return self.progress.is_stale(self._plan.patience)

    def _is_finished(self) -> bool:
        return self.progress.epoch >= self._plan.epochs or self.stopped_early

    def _is_due(self, every: int) -> bool:
        return self.progress.epoch_step % every == 0

    def _prepare_step(self) -> None:
        """Freezes and unfreezes layers, which must happen before processes are connected."""
        epoch, transfer = self.progress.epoch, self._learner.transfer
        trainable = transfer.trainable_groups(epoch)
        if self._step is None or trainable != self._trainable:
            transfer.freeze(epoch)
            self._step, self._trainable = self._learner.make_step(), trainable
        transfer.train_mode(self._built.module, epoch)

    def _start_measuring(self) -> None:
        """Starts summing losses, on the device, and time from the current step on."""
        self._total, self._begun = self._zeros(), time.perf_counter()
        self._before = self.progress.epoch_loss, self.progress.epoch_seconds

    def _sample(self) -> Generator[Pair, None, None]:
        """The batches of the rest of the epoch."""
        progress = self.progress
        batches = self._source.epoch(progress.epoch, progress.epoch_step, progress.rollbacks)
        if self._accelerator.device.type == "cuda":
            batches = ((inputs.pin_memory(), labels.pin_memory()) for inputs, labels in batches)
        with closing(prefetch(batches, depth=3)) as loaded:
            yield from loaded

    def _take_step(self, inputs: Tensor, labels: Tensor) -> None:
        assert self._step is not None
        epoch, number = self.progress.epoch, self.progress.epoch_step
        seed_layers(self._plan.seed, epoch, number, self._accelerator.process_index)
        self._total += self._step(inputs, labels, epoch, number, self._lr(number))
        if self._state.ema is not None:
            self._state.ema.update(self.progress.step)
        self.progress.epoch_step += 1
        self.progress.step += 1

    def _lr(self, step: int) -> float:
        steps = self._source.steps
        return self._plan.schedule.rate(self.progress.epoch * steps + step, steps)

    def _agree(self, stop: StopRequest) -> tuple[int, bool]:
        """The stop signal, and whether a checkpoint is due, the same on all processes."""
        exchanges = self._accelerator.num_processes > 1 and self._accelerator.device.type == "cuda"
        if exchanges and self.progress.step % _AGREE_EVERY:
            return 0, False
        late = time.monotonic() - self._saved_at >= self._plan.save_seconds
        mine = float(late and self._accelerator.is_main_process)
        signal, _, (due,) = agree_to_stop(self._accelerator, stop, torch.zeros(0), [mine])
        return signal, due > 0

    def _read_loss(self) -> bool:
        """Adds up the loss and the time of the epoch so far; whether the loss is finite."""
        loss, seconds = self._before
        elapsed = time.perf_counter() - self._begun
        self.progress.epoch_loss = (
            loss + self._sum(self._total).item() / self._accelerator.num_processes
        )
        self.progress.seconds += seconds + elapsed - self.progress.epoch_seconds
        self.progress.epoch_seconds = seconds + elapsed
        return math.isfinite(self.progress.epoch_loss)

    def _report_step(self) -> None:
        progress = self.progress
        mean = progress.epoch_loss / progress.epoch_step if self._is_due(_READ_EVERY) else None
        self._callbacks.on_step(self._source.batch_size, mean)

    def _finish_epoch(self, validated: tuple[float, Tensor]) -> None:
        progress, steps = self.progress, self._source.steps
        loss, confusion = validated
        result = EpochResult(
            epoch=progress.epoch + 1,
            train_loss=progress.epoch_loss / steps,
            loss=loss,
            **vars(scores(confusion)),
            lr=self._lr(steps - 1),
            images_per_second=steps * self._source.batch_size / max(progress.epoch_seconds, 1e-9),
            seconds=progress.epoch_seconds,
        )
        progress.finish_epoch(result, self._built.task)
        self._save()
        self._callbacks.on_epoch(result)
        return_freed_memory()

    @torch.no_grad()
    def _validate(self, stop: StopRequest) -> tuple[float, Tensor] | None:
        """Mean cross entropy and confusion matrix of the validation split; None if stopped."""
        device, ema = self._accelerator.device, self._state.ema
        module = self._built.module if ema is None else ema.module
        self._share_buffers(module)
        module.eval()
        sums, pairs = self._zeros(2), self._zeros(self._classes, self._classes)
        for inputs, labels in self._source.validation_batches():
            if stop.signal and self._accelerator.num_processes == 1:
                return None
            labels = labels.to(device)
            with self._accelerator.autocast():
                logits = self._source.logits(module, inputs.to(device)).float()
            ignored = IGNORE_INDEX if labels.dim() > 1 else _NO_INDEX
            loss = cross_entropy(logits, labels, ignore_index=ignored, reduction="sum")
            sums += torch.stack([loss, (labels != ignored).sum()])
            pairs += count_pairs(logits, labels)
        loss, labelled = self._sum(sums).tolist()
        return loss / max(labelled, 1), self._sum(pairs)

    def _roll_back(self) -> None:
        step = self.progress.step
        # The first process writes the checkpoint: all processes must see it complete.
        self._accelerator.wait_for_everyone()
        comparable_from = self.progress.comparable_from
        self.progress = self._state.roll_back(self.progress)
        self.progress.comparable_from = comparable_from
        _log.warning(
            "Non-finite loss or weights at step %d: rolled back to step %d; training continues "
            "with other batches.",
            step,
            self.progress.step,
        )

    def _is_finite(self) -> bool:
        """Whether all weights and buffers are finite, the same on all processes."""
        self._share_buffers(self._built.module)
        return self._state.is_finite()

    def _zeros(self, *shape: int) -> Tensor:
        """Zeros for sums, as exact as the device allows."""
        device = self._accelerator.device
        exact = torch.float32 if device.type == "mps" else torch.float64
        return torch.zeros(shape, dtype=exact, device=device)

    def _share_buffers(self, module: nn.Module) -> None:
        """Gives all processes the batch-norm statistics of the first, which are saved."""
        if self._accelerator.num_processes > 1:
            for buffer in module.buffers():
                torch.distributed.broadcast(buffer, 0)

    def _sum(self, value: Tensor) -> Tensor:
        if self._accelerator.num_processes == 1:
            return value
        reduced = self._accelerator.reduce(value, "sum")
        assert isinstance(reduced, Tensor)
        return reduced

    def _save(self) -> None:
        if self._accelerator.is_main_process:
            self._state.save(self.progress)
        self._accelerator.wait_for_everyone()
        self._saved_at = time.monotonic()
