"""The joining of items whose parts are done, by processes that each join one item at a time.

Ray repeats the calls of a process that was killed, in any order. With one call at a time, items are
joined in their order all the same, and one that ends its process costs no other item a try.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from faceswap.engines.joining import Pending
from faceswap.engines.ray_processes import Attempt, Finisher
from faceswap.engines.work import Item


class Finishers:
    """The processes of a run that join items.

    Args:
        ray: The library, connected.
        station: Arguments of each process.
        count: Number of processes; with one, which runs on this machine if it can, items are joined
            in the order in which they are added.
        gpus: Share of a GPU that each asks for.
    """

    def __init__(self, ray: Any, station: dict[str, Any], count: int, gpus: float) -> None:
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=True
        )
        self._ray = ray
        actor = ray.remote(Finisher).options(
            num_cpus=0,
            num_gpus=gpus,
            max_restarts=-1,
            max_task_retries=-1,  # they count the tries themselves
            scheduling_strategy="SPREAD" if count > 1 else here,
        )
        self._idle = deque(actor.remote(**station) for _ in range(count))
        self._waiting: deque[tuple[Pending, Item]] = deque()
        self._running: dict[Any, tuple[Pending, Any]] = {}

    def check(self) -> None:
        """Waits until all have begun.

        Raises:
            RayError: One cannot begin.
        """
        self._ray.get([actor.is_ready.remote() for actor in self._idle])

    def add(self, pending: Pending, item: Item) -> None:
        """Takes an item whose parts are all there."""
        self._waiting.append((pending, item))

    def ended(self, *, wait: bool) -> Iterator[tuple[Pending, Attempt]]:
        """Yields items that are joined, each with what ``Finisher.finish`` returned.

        Items whose parts failed are not joined: their report is None, with the cause.

        Args:
            wait: Whether to wait for all that were added.
        """
        while True:
            yield from self._begin()
            if not self._running:
                return
            ready, _ = self._ray.wait([*self._running], timeout=None if wait else 0)
            if not ready:
                return
            for reference in ready:
                pending, actor = self._running.pop(reference)
                self._idle.append(actor)
                yield pending, self._ray.get(reference)

    def _begin(self) -> Iterator[tuple[Pending, Attempt]]:
        """Gives items to processes that have none; yields those whose parts failed."""
        while self._waiting and self._idle:
            pending, item = self._waiting.popleft()
            if pending.reason:
                yield pending, Attempt(None, pending.reason)
                continue
            actor, results = self._idle.popleft(), [*pending.results.values()]
            reference = actor.finish.remote(pending.number, item, pending.facts, results)
            self._running[reference] = pending, actor
