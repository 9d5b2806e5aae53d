"""What a training takes of the memory, as a table and as advice."""

from collections.abc import Sequence
from dataclasses import dataclass

from faceswap.core.device_memory import Capacity, in_gib
from faceswap.training.fit.changes import Change
from faceswap.training.fit.largest_batch import BatchMemory, Fit


@dataclass(frozen=True)
class FitReport:
    """Memory of a training.

    Attributes:
        fit: Memory and largest batch.
        precision: Precision of the training.
        device: Device that was measured; "" for an estimate.
        changes: Settings with which it fits, if the batch does not.
    """

    fit: Fit
    precision: str
    device: str
    changes: Sequence[Change]


def table_of(report: FitReport) -> list[list[str]]:
    """Header and rows of the memory with the batch of the settings and with the largest one."""
    fit = report.fit
    columns = [fit.asked]
    if fit.largest is not None and fit.largest.batch != fit.asked.batch:
        columns.append(fit.largest)
    state = {
        "weights": fit.state.weights,
        "gradients": fit.state.gradients,
        "state of the optimizer": fit.state.optimizer,
        "moving average": fit.state.ema,
        "discriminators and networks of losses": fit.state.networks,
    }
    rows = [[name, *[in_gib(size)] * len(columns)] for name, size in state.items() if size]
    rows += [
        ["activations and temporary tensors", *(_size(_beyond(fit, each)) for each in columns)],
        ["peak of a step", *(_size(each.step) for each in columns)],
        ["peak of an evaluation", *(_size(each.evaluation) for each in columns)],
        ["with allowance", *(_needed(fit.capacity, each) for each in columns)],
    ]
    return [["", *(f"batch {each.batch}" for each in columns)], *rows]


def _beyond(fit: Fit, memory: BatchMemory) -> int | None:
    return None if memory.step is None else max(0, memory.step - fit.state.total)


def _size(size: float | None) -> str:
    return "does not fit" if size is None else in_gib(size)


def _needed(capacity: Capacity, memory: BatchMemory) -> str:
    return _size(None if memory.peak is None else capacity.needed(memory.peak))


def advice_of(report: FitReport) -> list[str]:
    """Sentences on what fits, and what to set."""
    fit, capacity = report.fit, report.fit.capacity
    how = f"measured on {report.device}" if report.device else "estimated"
    lines = [
        f"{in_gib(capacity.memory)} of {capacity.name}; a step in {report.precision}, {how}. "
        f"Each further face of every identity takes {in_gib(fit.per_face)}."
    ]
    asked = fit.asked.batch
    if capacity.fits(fit.asked.peak):
        lines.append(f"Batch {asked} fits.")
    else:
        lines.append(f"Batch {asked} does not fit.")
    if fit.largest is None:
        lines.append("Not even the smallest batch fits.")
    elif fit.largest.batch != asked:
        lines.append(f"Largest batch: --set training.batch={fit.largest.batch}")
    others = [change for change in report.changes if "training.batch" not in change.settings]
    lines += [f"Or: {change}" for change in (others if fit.largest else report.changes)]
    return lines
