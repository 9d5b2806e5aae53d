"""The training loop: epochs of steps, measured on images kept aside, and safe at any moment."""

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
from classifier.models import BuiltNetwork
from classifier.training.confusion import count_pairs, scores
from classifier.training.ema import WeightMean
from classifier.training.schedule import Schedule
from classifier.training.sources import Pair, Source
from classifier.training.state import Course, EpochResult, TrainState, not_a_number
from classifier.training.step import Step
from classifier.training.transfer import Transfer
from faceswap.core.interruption import StopRequest
from faceswap.core.memory import return_freed_memory
from faceswap.core.prefetch import prefetch
from faceswap.core.seeding import generator

_LOOK_EVERY = 20  # steps between looks at the loss, which wait for the device
_AGREE_EVERY = 10  # steps between exchanges of processes on GPUs, where each would be waited for


@dataclass(frozen=True)
class TrainingPlan:
    """Numbers that steer the loop.

    Attributes:
        epochs: Where to stop, counted from the start of the run.
        schedule: Of the learning rate.
        patience: Stop after so many epochs without a better one; 0 never.
        seed: The run's seed.
        save_seconds: Longest time between checkpoints, however long an epoch is.
    """

    epochs: int
    schedule: Schedule
    patience: int = 0
    seed: int = 0
    save_seconds: float = 120.0


@dataclass(frozen=True)
class Listener:
    """Who is told how training goes.

    Attributes:
        on_step: Called with the images of each step, and now and then with the mean loss.
        on_epoch: Called with the result of each epoch, once it is saved.
    """

    on_step: Callable[[int, float | None], object] = lambda _images, _loss: None
    on_epoch: Callable[[EpochResult], object] = lambda _: None


class Trainer:
    """Trains a network from where its run stands.

    Args:
        accelerator: Owns device, processes and precision.
        built: The network, on the device.
        source: What it learns from and is measured on.
        transfer: Which layers learn when.
        make_step: Makes the step; called again whenever other layers learn, since several
            processes exchange the gradients of those that do.
        state: Its checkpoints.
        plan: Numbers that steer the loop.
        classes: How many classes there are.
        course: Where the training stands; it is moved on.
        listener: Who is told how it goes.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        built: BuiltNetwork,
        source: Source,
        transfer: Transfer,
        make_step: Callable[[], Step],
        state: TrainState,
        plan: TrainingPlan,
        classes: int,
        course: Course,
        listener: Listener = Listener(),
    ) -> None:
        self._accelerator, self._built, self._source = accelerator, built, source
        self._transfer, self._make_step = transfer, make_step
        self._state, self._plan, self._listener = state, plan, listener
        self._classes = classes
        self._mean: WeightMean | None = state.mean
        self._step: Step | None = None
        self._free = 0
        self._saved_at = time.monotonic()
        self.course = course

    def run(self, stop: StopRequest | None = None) -> int:
        """Trains until all epochs are done, none got better for long, or a signal comes.

        Args:
            stop: Says when to save and end.

        Returns:
            Number of the signal that ended it, or 0.

        Raises:
            TrainingError: The loss is no longer a number.
            StorageFullError: The disk is full; the last checkpoint is intact.
        """
        stop = stop or StopRequest()
        self._saved_at = time.monotonic()
        try:
            while self.course.epoch < self._plan.epochs and not self.stale:
                signal = self._run_epoch(stop)
                if signal:
                    return signal
        finally:
            # What Accelerate wrapped would keep the processes' connection from being closed.
            self._step = None
        return 0

    @property
    def stale(self) -> bool:
        """Whether the last epochs brought nothing better, for longer than patience allows."""
        course = self.course
        if not self._plan.patience or not course.history:
            return False
        return course.epoch - course.best(self._built.task).epoch >= self._plan.patience

    def _run_epoch(self, stop: StopRequest) -> int:
        epoch, course = self.course.epoch, self.course
        step = self._prepare_step(epoch)
        signal = self._train(step, epoch, stop)
        measured = None if signal else self._measure(stop)
        if measured is None:
            self._save()
            return signal or stop.signal
        images = self._source.steps * self._source.batch_size
        result = EpochResult(
            epoch=epoch + 1,
            train_loss=course.loss / self._source.steps,
            loss=measured[0],
            **vars(scores(measured[1])),
            lr=self._rate(self._source.steps - 1),
            images_per_second=images / max(course.seconds, 1e-9),
            seconds=course.seconds,
        )
        course.finish_epoch(result)
        self._save(best=course.best(self._built.task) is result)
        self._listener.on_epoch(result)
        return_freed_memory()
        return 0

    def _prepare_step(self, epoch: int) -> Step:
        """Freezes and frees layers, which must be known before processes are connected."""
        free = self._transfer.free(epoch)
        if self._step is None or free != self._free:
            self._transfer.freeze(epoch)
            self._step, self._free = self._make_step(), free
        self._transfer.train_mode(self._built.module, epoch)
        return self._step

    def _train(self, step: Step, epoch: int, stop: StopRequest) -> int:
        """Takes the steps of an epoch that are left; the number of a signal that came, or 0."""
        course, begun = self.course, time.perf_counter()
        total = self._zeros()
        before, seconds = course.loss, course.seconds

        def look() -> None:
            course.loss = before + self._sum(total).item() / self._accelerator.num_processes
            course.seconds = seconds + time.perf_counter() - begun
            if not math.isfinite(course.loss):
                raise not_a_number(epoch)

        for inputs, labels in self._batches(epoch):
            self._seed_layers(epoch)
            total += step(inputs, labels, epoch, course.step, self._rate(course.step))
            if self._mean is not None:
                self._mean.update(epoch * self._source.steps + course.step)
            course.step += 1
            signal, late = self._agree(stop)
            if signal or late or course.step % _LOOK_EVERY == 0:
                look()
            shown = course.loss / course.step if course.step % _LOOK_EVERY == 0 else None
            self._listener.on_step(self._source.batch_size, shown)
            if signal:
                return signal
            if late:
                self._save()
        look()
        return 0

    def _batches(self, epoch: int) -> Generator[Pair, None, None]:
        drawn = self._source.epoch(epoch, self.course.step)
        if self._accelerator.device.type == "cuda":
            drawn = ((inputs.pin_memory(), labels.pin_memory()) for inputs, labels in drawn)
        with closing(prefetch(drawn, depth=3)) as batches:
            yield from batches

    def _rate(self, step: int) -> float:
        steps = self._source.steps
        return self._plan.schedule.rate(self.course.epoch * steps + step, steps)

    def _seed_layers(self, epoch: int) -> None:
        """Layers that draw random numbers draw the same after a resume."""
        rank = self._accelerator.process_index
        random = generator(self._plan.seed, "layers", epoch, self.course.step, rank)
        torch.manual_seed(int(random.integers(2**63)))

    def _agree(self, stop: StopRequest) -> tuple[int, bool]:
        """The signal to stop and whether it is time to save, known alike to all processes."""
        late = time.monotonic() - self._saved_at >= self._plan.save_seconds
        if self._accelerator.num_processes == 1:
            return stop.signal, late
        on_gpu = self._accelerator.device.type == "cuda"
        if on_gpu and self.course.step % _AGREE_EVERY:
            return 0, False
        mine = torch.tensor([stop.signal, late and self._accelerator.is_main_process])
        gathered = self._accelerator.gather(mine.to(self._accelerator.device)[None])
        assert isinstance(gathered, Tensor)
        signal, late = gathered.amax(0).tolist()
        return int(signal), bool(late)

    @torch.no_grad()
    def _measure(self, stop: StopRequest) -> tuple[float, Tensor] | None:
        """Mean cross entropy and pairs of classes on what was kept aside; None if stopped."""
        device = self._accelerator.device
        module = self._built.module if self._mean is None else self._mean.module
        self._share_buffers(module)
        module.eval()
        sums, pairs = self._zeros(2), self._zeros(self._classes, self._classes)
        for inputs, labels in self._source.kept_aside():
            if stop.signal and self._accelerator.num_processes == 1:
                return None
            labels = labels.to(device)
            with self._accelerator.autocast():
                logits = self._source.logits(module, inputs.to(device)).float()
            ignored = IGNORE_INDEX if labels.dim() > 1 else -100
            loss = cross_entropy(logits, labels, ignore_index=ignored, reduction="sum")
            sums += torch.stack([loss, (labels != ignored).sum()])
            pairs += count_pairs(logits, labels)
        loss, known = self._sum(sums).tolist()
        return loss / max(known, 1), self._sum(pairs)

    def _zeros(self, *shape: int) -> Tensor:
        """Zeros to add up in, as exact as the device can."""
        device = self._accelerator.device
        exact = torch.float32 if device.type == "mps" else torch.float64
        return torch.zeros(shape, dtype=exact, device=device)

    def _share_buffers(self, module: nn.Module) -> None:
        """Gives all processes the first one's batch-norm statistics, which are saved."""
        if self._accelerator.num_processes > 1:
            for buffer in module.buffers():
                torch.distributed.broadcast(buffer, 0)

    def _sum(self, value: Tensor) -> Tensor:
        if self._accelerator.num_processes == 1:
            return value
        reduced = self._accelerator.reduce(value, "sum")
        assert isinstance(reduced, Tensor)
        return reduced

    def _save(self, *, best: bool = False) -> None:
        if self._accelerator.is_main_process:
            self._state.save(self.course, self._source.steps, best=best)
        self._accelerator.wait_for_everyone()
        self._saved_at = time.monotonic()
