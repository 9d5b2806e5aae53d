import time

import pytest

from faceswap.core.stopwatch import Stopwatch


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def test_making_items_counts_and_what_the_consumer_does_does_not(clock):
    def source():
        for _ in range(3):
            clock[0] += 2
            yield "item"
        clock[0] += 100  # after the last item

    watch = Stopwatch()
    for item in watch.over(source()):
        assert item == "item"
        clock[0] += 50
    assert (watch.seconds, watch.count) == (6, 3)


def test_blocks_add_up(clock):
    watch = Stopwatch()
    for length in (1, 4):
        with watch:
            clock[0] += length
        clock[0] += 10
    assert (watch.seconds, watch.count) == (5, 2)
