"""The training loop: batch, forward, loss, backward, step; and what keeps its work safe."""

import signal
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import count, islice

import torch
from accelerate import Accelerator
from torch import Tensor

from faceswap.core.interruption import StopRequest, stop_on_signals
from faceswap.core.log import get_logger
from faceswap.core.memory import return_freed_memory
from faceswap.core.processes import agree
from faceswap.core.seeding import generator
from faceswap.data.batches import FaceBatches, RawBatch, load_ahead
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta
from faceswap.training.cpu_threads import ThreadChoice
from faceswap.training.held_out import Quality
from faceswap.training.losses import LossWeights
from faceswap.training.report import Progress, Reporter, mean_ssim
from faceswap.training.run_directory import RunDirectory
from faceswap.training.schedule import Budget, Schedule
from faceswap.training.state import Course, TrainState, take_back
from faceswap.training.step import TrainStep
from faceswap.training.throughput import Stopwatch

_log = get_logger(__name__)
_ROLLBACKS = 3


@dataclass(frozen=True)
class Plan:
    """Numbers that steer the loop.

    Attributes:
        weights: Of the parts of the loss.
        schedule: Of the learning rate.
        budget: When to stop.
        clip: Largest norm of the gradient; 0 = any.
        adapt_threads: On a CPU, use fewer threads while they are faster.
        workers: Processes that draw batches; 0 = a thread.
        save_every: Steps between checkpoints.
        save_seconds: Longest time between checkpoints, however slow the steps are.
        preview_every: Steps between previews.
        log_every: Steps between reports.
        keep: Checkpoints to keep, besides the best.
    """

    weights: LossWeights
    schedule: Schedule
    budget: Budget
    clip: float = 0.0
    adapt_threads: bool = False
    workers: int = 0
    save_every: int = 500
    save_seconds: float = 300.0
    preview_every: int = 500
    log_every: int = 20
    keep: int = 3


@dataclass(frozen=True)
class TrainResult:
    """How training ended.

    Attributes:
        step: Finished steps, over all starts of the run.
        seconds: Time spent, over all starts.
        losses: For each identity, the loss of every step of this start.
        quality: For each identity, the metrics on held-out faces; empty when there are none.
        faces_per_second: Mean speed of this start.
        waiting: Share of this start's time spent waiting for data.
        interrupted: Number of the signal that stopped it, or 0.
    """

    step: int
    seconds: float
    losses: dict[str, list[float]]
    quality: dict[str, Quality]
    faces_per_second: float
    waiting: float
    interrupted: int


class Trainer:
    """Trains one model from where its run stands.

    Args:
        accelerator: Owns device, processes and precision.
        model: The model, on the CPU or the device.
        optimizer: Over the model's parameters.
        batches: What it is trained on.
        held_out: For each identity, faces ``(N, 4, S, S)`` that ``batches`` never draws.
        shown: The same, for previews.
        run: Where results go.
        meta: What the exported model says about itself.
        plan: Numbers that steer the loop.
        on_progress: Is told now and then how it goes; in the first process only.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: FaceAutoencoder,
        optimizer: torch.optim.Optimizer,
        batches: FaceBatches,
        held_out: Mapping[str, Tensor],
        shown: Mapping[str, Tensor],
        run: RunDirectory,
        meta: ModelMeta,
        plan: Plan,
        on_progress: Callable[[Progress], object] = lambda _: None,
    ) -> None:
        self._accelerator, self._model, self._plan = accelerator, model, plan
        self._batches, self._shown, self._run = batches, shown, run
        self._held_out, self._on_progress = held_out, on_progress
        self._optimizer = optimizer
        self._state = TrainState(run, model, optimizer, accelerator.scaler, meta, plan.keep)
        self._faces = batches.plan.batch * len(model.identities)
        self._rate = 0.0
        self._reporter: Reporter | None = None
        self._quality: dict[str, Quality] = {}
        self._saved_at = 0.0
        self._history: list[Tensor] = []
        self._window, self._whole = Stopwatch(), Stopwatch()
        on_cpu = accelerator.device.type == "cpu"
        self._threads = (
            ThreadChoice(torch.get_num_threads()) if plan.adapt_threads and on_cpu else None
        )

    def train(self) -> TrainResult:
        """Trains until the budget is used up or a signal comes.

        Raises:
            TrainingError: The loss is not a number again and again.
            CheckpointError: There are checkpoints, but none can be used.
            StorageFullError: The disk is full; the last checkpoint is intact.
        """
        saved = self._state.load()
        self._course = saved or Course()
        self._first_step = self._course.step
        if saved:
            _log.info("Going on from step %d.", saved.step)
        # After loading: Accelerate sends the weights of the first process to the others.
        self._step = TrainStep(
            self._accelerator,
            self._model,
            self._optimizer,
            self._batches,
            self._plan.weights,
            self._plan.clip,
        )
        self._begun = time.monotonic() - self._course.seconds
        if self._accelerator.is_main_process:
            bf16 = self._accelerator.mixed_precision == "bf16"
            place, step = self._accelerator.device, self._course.step
            self._reporter = Reporter(self._run, self._model, self._held_out, place, bf16, step)
        try:
            with stop_on_signals() as stop:
                self._tell({})
                self._saved_at = self._course.seconds
                if saved is None:
                    # Something to come back to, and a full disk shows before hours of work.
                    self._save()
                interrupted = None if self._share() < 1 else 0
                while interrupted is None:
                    interrupted = self._run_course(stop)
        finally:
            if self._reporter:
                self._reporter.close()
            if self._threads:
                self._threads.end()
            # The wrapped model keeps the processes' connection from being closed.
            del self._step
        return self._result(interrupted)

    def _run_course(self, stop: StopRequest) -> int | None:
        """Trains on; the number of the signal that ended it, 0 at the end, None if it broke."""
        self._window.restart()
        with closing(self._load_parts()) as steps:
            for parts in steps:
                losses, signals = self._agree(self._take_step(parts), stop)
                ended = signals > 0 or self._share() >= 1
                if not bool(losses.isfinite().all()) or not self._finish_step(losses, ended):
                    self._roll_back()
                    return None
                if ended:
                    return signals
        raise AssertionError("the batches never end")

    def _take_step(self, parts: list[RawBatch]) -> Tensor:
        step = self._course.step
        # Layers that draw random numbers draw the same after a resume.
        rank, seed = self._accelerator.process_index, self._batches.plan.seed
        torch.manual_seed(int(generator(seed, "layers", step, rank).integers(2**63)))
        self._rate = self._plan.schedule.rate(step, self._share())
        begun = time.perf_counter()
        losses = self._step(parts, self._rate)
        if self._threads:
            self._threads.after_step(time.perf_counter() - begun)
        return losses

    def _load_parts(self) -> Generator[list[RawBatch], None, None]:
        """The batches of each step from now on; a list of the parts that are accumulated."""
        plan = replace(self._batches.plan, course=self._course.rollbacks)
        batches = replace(self._batches, plan=plan)
        numbers = count(self._course.step * plan.parts)
        with closing(load_ahead(batches, numbers, self._plan.workers)) as loaded:
            timed = self._window.watch(self._whole.watch(loaded))
            while parts := list(islice(timed, plan.parts)):
                yield parts

    def _agree(self, losses: Tensor, stop: StopRequest) -> tuple[Tensor, int]:
        """The global losses ``(I,)`` and the signal, known alike to all processes."""
        first = self._accelerator.is_main_process
        seconds = time.monotonic() - self._begun if first else 0.0
        told = [float(stop.signal == n) for n in (signal.SIGINT, signal.SIGTERM)]
        losses, (interrupt, terminate, seconds) = agree(self._accelerator, losses, [*told, seconds])
        self._course.step += 1
        self._course.seconds = seconds
        return losses, signal.SIGINT if interrupt else signal.SIGTERM if terminate else 0

    def _share(self) -> float:
        return self._plan.budget.progress(self._course.step, self._course.seconds)

    def _finish_step(self, losses: Tensor, ended: bool) -> bool:
        """Reports, shows and saves when it is time; False when the weights are broken."""
        self._history.append(losses)
        self._window.faces += self._faces
        self._whole.faces += self._faces
        step, plan, begun = self._course.step, self._plan, time.perf_counter()
        if ended or step % plan.log_every == 0:
            self._report()
            return_freed_memory()
        if ended or self._must_save():
            if not self._state.healthy():
                return False
            self._save()
        if self._reporter and (ended or step % plan.preview_every == 0):
            self._reporter.show(self._shown, step)
        for watch in (self._window, self._whole):
            watch.exclude(time.perf_counter() - begun)
        return True

    def _must_save(self) -> bool:
        # The seconds are the first process's, so all agree.
        late = self._course.seconds - self._saved_at >= self._plan.save_seconds
        return late or self._course.step % self._plan.save_every == 0

    def _report(self) -> None:
        recent = torch.stack(self._history[-self._plan.log_every :]).mean(0).tolist()
        self._tell(dict(zip(self._model.identities, recent, strict=True)))
        self._window.restart()

    def _tell(self, losses: dict[str, float]) -> None:
        """Reports where training stands; without losses when it has only begun."""
        if not self._reporter:
            return
        progress = Progress(
            self._course.step,
            self._course.seconds,
            self._share(),
            losses,
            self._rate,
            self._window.faces_per_second,
            self._window.waiting,
        )
        if losses:
            self._reporter.log(progress)
        self._on_progress(progress)

    def _save(self) -> None:
        """Measures, then saves; the other processes wait at their next exchange."""
        self._saved_at = self._course.seconds
        if self._reporter:
            self._quality = self._reporter.measure(self._course.step)
            self._state.save(self._course, mean_ssim(self._quality))

    def _roll_back(self) -> None:
        broken = self._course
        # The file is written by the first process: all must see it whole.
        self._accelerator.wait_for_everyone()
        self._course = take_back(broken, self._state.load(), _ROLLBACKS)
        self._step.forget()
        del self._history[max(0, self._course.step - self._first_step) :]
        _log.warning(
            "The loss at step %d is not a number: back to step %d, on with other faces.",
            broken.step,
            self._course.step,
        )

    def _result(self, interrupted: int) -> TrainResult:
        history = torch.stack(self._history).T.tolist() if self._history else []
        names = self._model.identities
        return TrainResult(
            self._course.step,
            self._course.seconds,
            dict(zip(names, history or [[] for _ in names], strict=True)),
            self._quality,
            self._whole.faces_per_second,
            self._whole.waiting,
            interrupted,
        )
