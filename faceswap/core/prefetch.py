"""Prefetching: an iterable in a thread of its own, behind a bounded queue."""

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class _End:
    """Last entry in the queue: the source is finished, or it failed with ``error``."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class _Producer(Generic[T]):
    def __init__(self, iterable: Iterable[T], depth: int) -> None:
        self.iterable = iterable
        self.ready: queue.Queue[T | _End] = queue.Queue(depth)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name="prefetch", daemon=True)

    def _run(self) -> None:
        error: BaseException | None = None
        iterator: Iterator[T] | None = None
        try:
            iterator = iter(self.iterable)
            for item in iterator:
                if self.stopping.is_set():
                    break
                self.ready.put(item)
                del item  # not held while the next one is made: items may be large
                if self.stopping.is_set():
                    break
        except BaseException as caught:  # the consumer raises it
            error = caught
        finally:
            # A generator is closed here, in the thread that runs it; this also ends a nested one.
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
            if not self.stopping.is_set():
                self.ready.put(_End(error))

    def stop(self) -> None:
        """Ends the thread and waits for it."""
        self.stopping.set()
        # After the flag is set the thread puts at most one entry more, so one emptying frees it.
        while True:
            try:
                self.ready.get_nowait()
            except queue.Empty:
                break
        self.thread.join()


def prefetch(iterable: Iterable[T], depth: int = 2) -> Generator[T, None, None]:
    """Runs an iterable in a thread of its own, up to ``depth`` items ahead.

    Order is preserved. An exception of the iterable is raised here, after the items before it. A
    consumer that stops early (closing the generator, or leaving the frame that holds it) stops
    the thread and waits for it. Pipelines are built by nesting:
    ``prefetch(map(swap, prefetch(decode)))``.

    Args:
        iterable: Iterable to run; it starts when the first item is requested.
        depth: Capacity of the queue, at least 1.

    Yields:
        The iterable's items.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    return _consume(iterable, depth)


def _consume(iterable: Iterable[T], depth: int) -> Generator[T, None, None]:
    producer = _Producer(iterable, depth)
    producer.thread.start()
    try:
        while True:
            entry = producer.ready.get()
            if isinstance(entry, _End):
                if entry.error is not None:
                    raise entry.error
                return
            yield entry
            del entry
    finally:
        producer.stop()
