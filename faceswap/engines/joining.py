"""Puts the parts of items together in the driver, and tells which items can be finished next."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from faceswap.engines.work import PartResult


@dataclass
class Pending:
    """An item of which parts are missing, or which waits for its turn.

    Attributes:
        number: Number of the item.
        parts: Number of its parts.
        facts: Facts of its plan.
        results: Results of the parts so far, by their number.
        reason: Cause of the first failure; "" if there is none.
        seconds: Seconds that workers took for its parts.
    """

    number: int
    parts: int
    facts: Any
    results: dict[int, PartResult] = field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0

    @property
    def frames(self) -> int:
        """Number of frames that were processed."""
        return sum(result.frames for result in self.results.values())


@dataclass(frozen=True)
class PartRow:
    """What a worker says of a part.

    Attributes:
        item: Number of the item.
        part: Number of the part; -1 for an item without parts.
        parts: Number of parts of the item.
        facts: Facts of the plan.
        result: Result of the part; None if it failed, or there is none.
        reason: Cause of the failure; "" if there is none.
        fatal: Name of the error by which every other part would fail as well; "" for none.
        seconds: Seconds that the worker took.
    """

    item: int
    part: int
    parts: int
    facts: Any = None
    result: PartResult | None = None
    reason: str = ""
    fatal: str = ""
    seconds: float = 0.0


class Joining:
    """The items whose parts arrive in any order.

    Only items of which some parts have arrived are held, each with one small entry a part.

    Args:
        ordered: Whether items are finished in their order.
    """

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._pending: dict[int, Pending] = {}
        self._ready: dict[int, Pending] = {}
        self._next = 0

    def add(self, row: PartRow) -> Iterator[Pending]:
        """Takes a row; yields the items that can be finished now, in their order."""
        pending = self._pending.setdefault(row.item, Pending(row.item, row.parts, row.facts))
        pending.reason = pending.reason or row.reason
        pending.seconds += row.seconds
        if row.result is not None:
            pending.results[row.part] = row.result
        elif row.part >= 0:
            pending.results[row.part] = PartResult(0)
        if len(pending.results) == pending.parts:
            del self._pending[row.item]
            self._ready[row.item] = pending
            yield from self._following()

    def _following(self) -> Iterator[Pending]:
        if not self._ordered:
            yield from [self._ready.pop(number) for number in [*self._ready]]
        while self._ready and self._next in self._ready:
            yield self._ready.pop(self._next)
            self._next += 1
