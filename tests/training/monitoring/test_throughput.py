import pytest

from faceswap.training.monitoring import throughput
from faceswap.training.monitoring.throughput import Pace, Stopwatch


def test_waiting_and_speed_leave_out_what_is_excluded(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(throughput.time, "perf_counter", lambda: clock[0])

    def slow():
        for item in range(3):
            clock[0] += 2.0
            yield item + 1

    watch = Stopwatch()
    for item in watch.watch(slow()):
        clock[0] += 3.0  # the step
        watch.faces += 10 * item
    clock[0] += 40.0
    watch.exclude(40.0)
    assert watch.seconds == 15.0
    assert watch.waited == 6.0
    assert watch.waiting == 0.4
    assert watch.faces_per_second == 4.0


def test_the_time_left_follows_the_pace_of_this_start():
    pace = Pace(0.2, 1000.0)
    assert pace.seconds_left(0.2, 1005.0) is None
    assert pace.seconds_left(0.4, 1100.0) == pytest.approx(300.0)
    assert pace.seconds_left(1.0, 1400.0) == 0
