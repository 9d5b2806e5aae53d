import threading
from collections.abc import Iterator

import pytest

from faceswap.core.prefetch import prefetch


def prefetch_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_order_is_kept_through_nesting() -> None:
    squares = (x * x for x in prefetch(range(500), 3))
    assert list(prefetch(squares, 2)) == [x * x for x in range(500)]
    assert not prefetch_threads()


def test_empty() -> None:
    assert list(prefetch([], 1)) == []


def test_error_comes_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield from range(3)
        raise ValueError("no more")

    seen: list[int] = []
    with pytest.raises(ValueError, match="no more"):
        seen.extend(prefetch(prefetch(failing(), 2), 2))
    assert seen == [0, 1, 2]
    assert not prefetch_threads()


def test_error_in_making_the_iterator() -> None:
    with pytest.raises(TypeError):
        list(prefetch(3, 1))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_stopping_early_ends_threads_and_closes_the_source(depth: int) -> None:
    closed_in: list[str] = []

    def endless() -> Iterator[int]:
        number = 0
        try:
            while True:
                yield number
                number += 1
        finally:
            closed_in.append(threading.current_thread().name)

    pipeline = prefetch((x for x in prefetch(endless(), depth)), depth)
    assert [next(pipeline) for _ in range(4)] == [0, 1, 2, 3]
    pipeline.close()
    assert closed_in == ["prefetch"]
    assert not prefetch_threads()


def test_never_runs_further_ahead_than_the_depth() -> None:
    made = 0
    gate = threading.Semaphore(0)

    def counting() -> Iterator[int]:
        nonlocal made
        for number in range(50):
            made += 1
            gate.release()
            yield number

    pipeline = prefetch(counting(), 3)
    for taken in range(1, 51):
        next(pipeline)
        # In the consumer's hand, in the queue, and one that waits to be put.
        assert made <= taken + 3 + 1
    assert gate.acquire(blocking=False)
    assert next(pipeline, None) is None


def test_runs_ahead_of_the_consumer() -> None:
    reached = threading.Event()

    def source() -> Iterator[int]:
        yield 0
        yield 1
        reached.set()
        yield 2

    pipeline = prefetch(source(), 2)
    assert next(pipeline) == 0
    assert reached.wait(5)  # two more are made although nobody asked


def test_depth_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        prefetch([1], 0)
