"""Finds the largest batch of a training that fits into memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from faceswap.core.batch_size_finder import StateMemory, largest
from faceswap.core.device_memory import Capacity

_MOST_FACES = 512  # a batch that no training needs to exceed
_MULTIPLE = 8  # of large batches


class Measured(Protocol):
    """A training whose memory is known before it begins: simulated, or of real steps."""

    @property
    def state(self) -> StateMemory:
        """Memory that does not depend on the batch."""
        ...

    @property
    def phases(self) -> int:
        """Number of phases."""
        ...

    def peak(self, batch: int, phase: int) -> int | None:
        """Peak memory of a step in bytes; None if it does not fit."""
        ...

    def evaluation_peak(self) -> int | None:
        """Peak memory of an evaluation in bytes; None if it does not fit."""
        ...


@dataclass(frozen=True)
class BatchMemory:
    """Memory of a training with a batch size, in bytes.

    Attributes:
        batch: Faces of each identity in a step, over all processes.
        step: Peak of a step of the most demanding phase; None if it does not fit.
        evaluation: Peak of an evaluation; None if it does not fit.
    """

    batch: int
    step: int | None
    evaluation: int | None

    @property
    def peak(self) -> int | None:
        """The larger of both; None if either does not fit."""
        if self.step is None or self.evaluation is None:
            return None
        return max(self.step, self.evaluation)


@dataclass(frozen=True)
class Fit:
    """Memory of a training, and the largest batch.

    Attributes:
        state: Memory that does not depend on the batch.
        asked: The batch of the settings.
        largest: The largest batch that fits; None if none does.
        per_face: Bytes by which a further face of each identity raises the peak of a large batch.
        capacity: Memory that there is.
    """

    state: StateMemory
    asked: BatchMemory
    largest: BatchMemory | None
    per_face: float
    capacity: Capacity


def find_fit(
    training: Measured,
    batch: int,
    unit: int,
    capacity: Capacity,
    limit: int = _MOST_FACES,
    on_try: Callable[[], object] = lambda: None,
) -> Fit:
    """Finds the largest batch that fits in every phase.

    Args:
        training: The training.
        batch: Batch size of the settings.
        unit: Number of processes times micro-batches, of which batches are multiples.
        capacity: Memory that there is.
        limit: Largest batch that is tried.
        on_try: Called after each step that is tried.
    """
    known: dict[tuple[int, int], int | None] = {}

    def peak(size: int, phase: int) -> int | None:
        if (size, phase) not in known:
            known[size, phase] = training.peak(size, phase)
            on_try()
        return known[size, phase]

    def memory(size: int) -> BatchMemory:
        peaks = [peak(size, phase) for phase in range(training.phases)]
        known_ones = [each for each in peaks if each is not None]
        return BatchMemory(size, max(known_ones) if len(known_ones) == len(peaks) else None, judged)

    judged = training.evaluation_peak()
    asked = memory(batch)
    found = max(1, limit // unit) if capacity.fits(judged) else 0
    # The most demanding phase first: the others seldom say less.
    order = sorted(range(training.phases), key=lambda phase: -(known[batch, phase] or 1 << 62))
    for number, phase in enumerate(order):
        if number and (not found or capacity.fits(peak(found * unit, phase))):
            continue

        def fits(size: int, phase: int = phase) -> bool:
            return capacity.fits(peak(size * unit, phase))

        found = largest(fits, found, max(1, _MULTIPLE // unit)) if found else 0
    if capacity.fits(asked.peak):  # it need not be a multiple of 8
        found = max(found, batch // unit)
    best = memory(found * unit) if found else None
    sizes = sorted({size for size, phase in known if phase == order[0]})
    points = [(size, value) for size in sizes if (value := known[size, order[0]]) is not None]
    return Fit(training.state, asked, best, _slope(points), capacity)


def _slope(points: Sequence[tuple[int, int]]) -> float:
    """Bytes for a face at the largest batches: of small ones, the optimizer takes most."""
    if len(points) < 2:
        return 0.0
    (low, first), (high, second) = points[-2:]
    return (second - first) / (high - low)
