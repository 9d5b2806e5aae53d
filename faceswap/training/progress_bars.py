"""Progress bars of a training: one for the cache, one for the steps."""

from contextlib import ExitStack

from faceswap.core.console import Advance, progress_bar
from faceswap.core.text import counted
from faceswap.training.loop.plan import TrainResult
from faceswap.training.monitoring.memory_use import GIB, MemoryUse
from faceswap.training.monitoring.report import Callbacks
from faceswap.training.monitoring.step_report import StepReport
from faceswap.training.monitoring.swap_score import SwapQuality
from faceswap.training.optimizers.schedule import Budget


class TrainBars:
    """Progress bars of one training; a context manager.

    Args:
        budget: Budget of the training.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._open = ExitStack()
        self._advance: Advance | None = None
        self._training = False
        self._done = 0.0

    def __enter__(self) -> "TrainBars":
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    @property
    def callbacks(self) -> Callbacks:
        """Callbacks for ``run_training``."""
        return Callbacks(self._on_faces, self._on_step)

    def _on_faces(self, amount: int) -> None:
        if self._advance is None:
            self._advance = self._open.enter_context(progress_bar("prepare", None, "faces"))
        self._advance(amount)

    def _on_step(self, report: StepReport) -> None:
        by_time = self._budget.minutes is not None
        done = report.seconds / 60 if by_time else float(report.step)
        if not self._training or self._advance is None:
            self._open.close()
            limit = self._budget.minutes if by_time else self._budget.steps
            left = None if limit is None else round(max(limit - done, 0.0), 2)
            title = f"train from step {report.step}" if report.step else "train"
            self._advance = self._open.enter_context(
                progress_bar(title, left, "minutes" if by_time else "steps")
            )
            self._training, self._done = True, done
        self._advance(done - self._done, _describe_report(report) if report.losses else "")
        self._done = done


def _describe_report(report: StepReport) -> str:
    losses = ", ".join(f"{name} {loss:.4f}" for name, loss in report.losses.items())
    phase = f"{report.phase}, " if report.phase else ""
    return (
        f"{phase}step {report.step}, loss {losses}, {report.faces_per_second:.1f} faces/s, "
        f"{report.waiting:.1%} waiting for data" + _describe_memory(report.memory)
    )


def _describe_memory(memory: MemoryUse | None) -> str:
    return f", {memory.now / GIB:.1f} GiB of memory" if memory else ""


def describe(result: TrainResult) -> list[str]:
    """Summary of a finished training, as lines of text."""
    lines = [
        f"{result.step} steps in {result.seconds / 60:.1f} minutes, "
        f"{result.faces_per_second:.1f} faces/s, {result.waiting:.1%} of the time waiting for data."
    ]
    lines += [
        f"{name}: held-out SSIM {q.ssim:.3f} (higher is better), L1 {q.l1:.4f} (lower is better)."
        for name, q in result.quality.items()
    ]
    lines += [_describe_swap(*direction, swap) for direction, swap in result.swaps.items()]
    if result.interrupted:
        lines.append("Stopped and saved; run the same command again to resume.")
    if result.stopped_early:
        lines.append(f"Stopped: {result.ended}.")
    return lines


def describe_model(result: TrainResult) -> str:
    """Where the exported model comes from, as a clause."""
    if result.evaluations == 0:
        return f"step {result.exported_step}"
    if result.evaluations is None:
        return f"step {result.exported_step}, the best of all evaluations"
    return f"step {result.exported_step}, the best of {counted(result.evaluations, 'evaluation')}"


def _describe_swap(source: str, target: str, swap: SwapQuality) -> str:
    line = f"{source} as {target}: swap score {swap.score:.2f}; a face in {swap.found:.0%}"
    if swap.identity is None or swap.expression_error is None or swap.pose_error is None:
        return f"{line} of the swaps, too few for its figures."
    return (
        f"{line} of the swaps, identity {swap.identity:.2f} (1 is a real {target}), expression "
        f"error {swap.expression_error:.2f} (1 is a still face), pose error {swap.pose_error:.1f} "
        "degrees."
    )
