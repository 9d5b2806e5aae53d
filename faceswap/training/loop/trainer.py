"""The training loop."""

import time
from collections.abc import Generator, Iterable
from dataclasses import replace

import torch
from accelerate import Accelerator
from torch import Tensor

from faceswap.core.interruption import StopRequest, stop_on_signals
from faceswap.core.log import get_logger
from faceswap.core.memory import return_freed_memory
from faceswap.core.processes import agree_to_stop
from faceswap.core.seeding import seed_layers
from faceswap.core.shards import release_group
from faceswap.data.batches import FaceBatches, RawBatch
from faceswap.training.loop.batch_stream import BatchStream
from faceswap.training.loop.course import Course, announce
from faceswap.training.loop.cpu_threads import ThreadChoice
from faceswap.training.loop.phase import Phase
from faceswap.training.loop.plan import Output, Plan, TrainResult
from faceswap.training.loop.record import TrainRecord
from faceswap.training.loop.run_writer import RunWriter
from faceswap.training.loop.step import TrainStep
from faceswap.training.run.progress import Progress
from faceswap.training.run.state import RunState

_log = get_logger(__name__)
_SMALL_RATE = 1e-12  # weights stay finite whatever the batch


class Trainer:
    """Trains one model from the progress of its run.

    Args:
        accelerator: Accelerator of the training.
        step: Forward, loss, backward and optimizer step.
        batches: Training batches.
        state: Model, optimizer and checkpoints, already restored.
        progress: Progress of the run; None for a new run.
        plan: Numbers that steer the loop.
        output: Reports, previews and metrics of the first process.

    Attributes:
        progress: Progress of the run.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        step: TrainStep,
        batches: FaceBatches,
        state: RunState,
        progress: Progress | None,
        plan: Plan,
        output: Output,
    ) -> None:
        self._accelerator, self._step, self._batches = accelerator, step, batches
        self._state, self._plan, self._output = state, plan, output
        self._is_new = progress is None
        self.progress = progress or Progress()
        self._course = Course(plan.phases, plan.budget)
        self._course.settle(self.progress)
        self._record = TrainRecord(
            list(batches.sources),
            self.progress,
            self._course.fraction(self.progress),
            accelerator.device,
        )
        self._begun = time.monotonic() - self.progress.seconds
        self._writer = RunWriter(
            accelerator, state, output.reporter, plan, self._course, self._begun
        )
        self._lr = 0.0
        self._stream = BatchStream(batches, plan.workers, self._record.watch)
        adapts = plan.adapt_threads and accelerator.device.type == "cpu"
        self._threads = ThreadChoice(torch.get_num_threads()) if adapts else None

    def train(self) -> TrainResult:
        """Trains until the budget is used up, the last phase is over, or a signal arrives.

        Raises:
            TrainingError: The loss becomes non-finite again and again.
            StorageFullError: The disk is full; the last checkpoint is intact.
        """
        signal = 0
        try:
            with stop_on_signals() as stop:
                self._report({}, {})
                self.progress = self._writer.begin(self.progress, is_new=self._is_new)
                announce(self.progress.phase)
                self._resample()
                while not signal and not self._end():
                    self._change_phase()
                    losses = self._take_step(next(self._stream))  # forward, loss, backward, step
                    signal, losses = self._agree(losses, stop)
                    last = signal > 0 or bool(self._end())
                    save = last or self._writer.must_save(self.progress)
                    if not losses.isfinite().all() or (save and not self._state.is_finite()):
                        self._roll_back()
                        signal = 0  # handled after the next healthy step
                        continue
                    with self._record.pause():
                        self._record.add(losses, self._batches.plan.batch * len(losses))
                        if last or self.progress.step % self._plan.log_every == 0:
                            self._report_losses()
                        self.progress = self._writer.write(self.progress, save=save, last=last)
            return self._result(signal)
        finally:
            self._close()

    def sweep(self, rates: Iterable[float]) -> Generator[float, None, None]:
        """Takes a step at each of some learning rates, and ends; nothing is written.

        Yields:
            Mean loss of all identities in all processes at each step.
        """
        try:
            self._resample()
            for lr in rates:
                losses = self._take_step(next(self._stream), lr)
                self.progress.step += 1
                mean = self._accelerator.reduce(losses, "mean")
                assert isinstance(mean, Tensor)
                yield mean.mean().item()
        finally:
            self._close()

    @property
    def state(self) -> RunState:
        """Model, optimizer and checkpoints."""
        return self._state

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Phases of the training."""
        return self._plan.phases

    def try_step(self, phase: Phase, batch: int) -> None:
        """Takes a step with a batch of any size, for its memory; the weights are then useless.

        Args:
            phase: A phase of the training.
            batch: Faces of each identity, over all processes.
        """
        plan = replace(phase.batches, batch=batch)
        batches = replace(self._batches, plan=plan)
        self._state.grow(1.0)
        try:
            micro_batches = [batches[number] for number in range(plan.micro_batches)]
            shown = replace(phase, batches=plan)
            self._step(micro_batches, shown, _SMALL_RATE, _SMALL_RATE, self.progress.step)
        finally:
            self._step.zero_grad()

    def _resample(self) -> None:
        """Starts sampling the batches of each step from the current one on."""
        self._record.restart_window()
        plan = replace(self._phase.batches, rollbacks=self.progress.rollbacks)
        self._stream.restart(plan, self.progress.step)

    def _take_step(self, micro_batches: list[RawBatch], lr: float | None = None) -> Tensor:
        step = self.progress.step
        seed_layers(self._batches.plan.seed, step, self._accelerator.process_index)
        phase = self._phase
        fraction = self._course.phase_fraction(self.progress)
        rate = phase.schedule.rate(step - self.progress.phase.step, fraction)
        self._lr = rate if lr is None else lr
        self._state.grow(self._course.fraction(self.progress))
        begun = time.perf_counter()
        losses = self._step(micro_batches, phase, self._lr, rate, step)
        if self._state.ema:
            self._state.ema.update(step)
        if self._threads:
            self._threads.after_step(time.perf_counter() - begun)
        return losses

    def _agree(self, losses: Tensor, stop: StopRequest) -> tuple[int, Tensor]:
        """The stop signal and the global losses ``(I,)``, the same on all processes."""
        first = self._accelerator.is_main_process
        seconds = time.monotonic() - self._begun if first else 0.0
        signal, losses, (seconds,) = agree_to_stop(self._accelerator, stop, losses, [seconds])
        self.progress.step += 1
        self.progress.seconds = seconds
        return signal, losses

    @property
    def _phase(self) -> Phase:
        return self._course.phase(self.progress)

    def _end(self) -> str:
        """Reason for the end of the training; "" if it is not over."""
        return self._course.end(self.progress)

    def _change_phase(self) -> None:
        """Enters the next phase where one is over."""
        if reason := self._course.phase_end(self.progress):
            self._course.enter_next(self.progress, reason)
            self._resample()

    def _report_losses(self) -> None:
        figures = self._step.figures()
        self._report(self._record.mean_losses(self._plan.log_every), figures)
        self._record.restart_window()
        return_freed_memory()

    def _report(self, losses: dict[str, float], figures: dict[str, float]) -> None:
        """Reports the progress; without losses and figures before the first step."""
        if not self._output.reporter:
            return
        fraction = self._course.fraction(self.progress)
        number = self._plan.phases.index(self._phase) + 1
        report = self._record.report(self.progress, fraction, losses, figures, self._lr, number)
        if losses:
            self._output.reporter.log(report)
        self._output.on_step(report)

    def _roll_back(self) -> None:
        diverged = self.progress.step
        self.progress = self._state.roll_back(self.progress)
        self._step.zero_grad()
        self._record.forget_after(self.progress.step)
        _log.warning(
            "Non-finite loss or weights at step %d: rolled back to step %d; training continues "
            "with other batches.",
            diverged,
            self.progress.step,
        )
        self._resample()

    def _close(self) -> None:
        self._stream.close()
        if self._output.reporter:
            self._output.reporter.close(self.progress)
        if self._threads:
            self._threads.end()
        # The model would keep the process group from being destroyed.
        release_group(self._state.model)
        self._output = Output(None)
        del self._step, self._state, self._writer

    def _result(self, interrupted: int) -> TrainResult:
        return TrainResult(
            self.progress.step,
            self.progress.seconds,
            self._record.losses,
            self._writer.measured.quality,
            self._writer.measured.swaps,
            self.progress.exported_step,
            self.progress.evaluations,
            self._record.faces_per_second,
            self._record.waiting,
            interrupted,
            "" if interrupted else self._end(),
            stopped_early=not interrupted and self._course.fraction(self.progress) < 1,
        )
