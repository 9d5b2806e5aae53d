"""The micro-batches of the steps of a training."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from itertools import count, islice

from faceswap.data.batch_plan import BatchPlan
from faceswap.data.batches import FaceBatches, RawBatch, load_ahead


class BatchStream:
    """Samples the micro-batches of one step after the other, ahead of them.

    Args:
        batches: Training batches; each start of the stream has a plan of its own.
        workers: Worker processes that sample; 0 uses a thread.
        watch: Passes batches on, and measures the time spent waiting for each.
    """

    def __init__(
        self,
        batches: FaceBatches,
        workers: int,
        watch: Callable[[Iterator[RawBatch]], Iterator[RawBatch]],
    ) -> None:
        self._batches, self._workers, self._watch = batches, workers, watch
        self._loaded: Generator[RawBatch, None, None] | None = None
        self._watched: Iterator[RawBatch] = iter(())
        self._micro_batches = 0

    def restart(self, plan: BatchPlan, step: int) -> None:
        """Goes to a step; what was sampled ahead is dropped.

        Args:
            plan: Settings that determine the batches.
            step: Number of finished steps.
        """
        self.close()
        numbers = count(step * plan.micro_batches)
        self._loaded = load_ahead(replace(self._batches, plan=plan), numbers, self._workers)
        self._watched = self._watch(self._loaded)
        self._micro_batches = plan.micro_batches

    def __next__(self) -> list[RawBatch]:
        """The micro-batches of the next step."""
        return list(islice(self._watched, self._micro_batches))

    def close(self) -> None:
        """Ends the thread or the processes that sample."""
        if self._loaded is not None:
            self._loaded.close()
