"""What an engine knows of the work of a verb: three plain functions of a source."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Item(Protocol):
    """One of the things that a verb works on: a source, or a faceset."""

    @property
    def name(self) -> str:
        """Name, for messages."""
        ...


@dataclass(frozen=True)
class Part:
    """A part of the work on an item, which any process can do by itself.

    Attributes:
        frames: Number of frames, for the progress; 0 if unknown.
        content: Description of the part for the work, of any type that can be pickled.
    """

    frames: int
    content: Any = None


@dataclass(frozen=True)
class Plan:
    """How the work on an item is divided.

    Attributes:
        parts: Parts that are left to do, in order.
        facts: Facts that the work needs in order to finish, of any type that can be pickled.
    """

    parts: Sequence[Part]
    facts: Any = None


@dataclass(frozen=True)
class PartResult:
    """What came of a part.

    Attributes:
        frames: Number of frames that were processed.
        facts: Facts that the work needs in order to finish, of any type that can be pickled.
    """

    frames: int
    facts: Any = None


class Work(Protocol[R_co]):
    """The work of a verb on each of its items; it can be pickled, and loads networks when needed.

    Each function may be called in another process or on another machine than the one before, and
    again after it was interrupted: it then does what is left. Results lie in a folder that all of
    them share.
    """

    @property
    def ordered(self) -> bool:
        """Whether items are finished one after the other, in their order."""
        ...

    def places(self, item: Any, /) -> Sequence[Path]:
        """Files and folders that every machine has which can work on an item."""
        ...

    def plan(self, item: Any, /) -> Plan:
        """Divides the work on an item, without doing it.

        Raises:
            FaceswapError: It cannot be done.
        """
        ...

    def run(self, item: Any, part: Part, /) -> PartResult:
        """Does a part.

        Raises:
            FaceswapError: It cannot be done.
        """
        ...

    def finish(self, item: Any, facts: Any, results: Sequence[PartResult], /) -> R_co:
        """Joins the parts; called in the order of the items, after all parts of one are done.

        Args:
            item: Item.
            facts: Those of the plan.
            results: Results of the parts, in any order.

        Returns:
            A report on the item.

        Raises:
            FaceswapError: It cannot be done.
        """
        ...


@dataclass(frozen=True)
class Outcome(Generic[R]):
    """How the work on one item ended.

    Attributes:
        name: Name of the item.
        report: Result; None if it failed.
        reason: Cause of the failure in one line; "" if it did not.
        parts: Number of parts that were done.
        frames: Number of frames that were processed.
        seconds: Seconds that workers took for its parts.
    """

    name: str
    report: R | None = None
    reason: str = ""
    parts: int = 0
    frames: int = 0
    seconds: float = field(default=0.0, compare=False)
