"""What a run on a cluster remembers: plans, parts that wait, and how often a part was tried.

It lies in one small process on the machine of the driver. Nothing in it outlives the run: what is
done is known from the results on disk.
"""

import time
from typing import Any


class Ledger:
    """The ledger of a run; entries of finished items are dropped."""

    def __init__(self) -> None:
        self._plans: dict[int, Any] = {}
        self._waiting: dict[int, set[int]] = {}
        self._tries: dict[int, dict[int, list[str]]] = {}
        self._causes: dict[int, dict[int, str]] = {}
        self._last_begun = time.monotonic()

    def plan_of(self, item: int) -> Any:
        """The plan of an item, as it was stored; None if it has none."""
        return self._plans.get(item)

    def store_plan(self, item: int, plan: Any, parts: int) -> None:
        """Stores the plan of an item: one that is planned again has the same parts.

        Args:
            item: Number of the item.
            plan: Plan of the item.
            parts: Number of its parts.
        """
        self._plans[item] = plan
        self._waiting[item] = set(range(parts))

    def waiting(self) -> int:
        """Number of parts that are planned and not begun."""
        return sum(map(len, self._waiting.values()))

    def begin(self, item: int, part: int, node: str, alive: list[str]) -> int:
        """Takes note of a try.

        Args:
            item: Number of the item.
            part: Number of the part, or a negative number for planning or joining the item.
            node: Machine on which it is tried.
            alive: Machines that are there; a try on one that is lost does not count.

        Returns:
            Number of tries so far, this one included.
        """
        self._last_begun = time.monotonic()
        self._waiting.get(item, set()).discard(part)
        nodes = self._tries.setdefault(item, {}).setdefault(part, [])
        nodes.append(node)
        return sum(each in alive for each in nodes)

    def fail(self, item: int, part: int, cause: str) -> None:
        """Takes note of why a try is about to end its process."""
        self._causes.setdefault(item, {})[part] = cause

    def cause(self, item: int, part: int) -> str:
        """Cause of the last such try; "" if none is known."""
        return self._causes.get(item, {}).get(part, "")

    def quiet(self) -> float:
        """Seconds since anything was begun."""
        return time.monotonic() - self._last_begun

    def drop(self, item: int) -> None:
        """Forgets an item that is finished."""
        for entries in (self._plans, self._waiting, self._tries, self._causes):
            entries.pop(item, None)
