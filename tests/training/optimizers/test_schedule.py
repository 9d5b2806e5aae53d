import math

import pytest

from faceswap.training.optimizers.schedule import Budget, Schedule


def test_the_nearer_limit_gives_the_fraction():
    assert Budget().fraction(10**6, 10**6) == 0
    assert Budget(steps=200).fraction(50, 10**6) == 0.25
    assert Budget(minutes=10).fraction(10**6, 150) == 0.25
    assert Budget(steps=200, minutes=10).fraction(50, 300) == 0.5
    assert Budget(steps=200).fraction(300, 0) == 1


def test_the_rate_rises_stays_and_falls():
    schedule = Schedule(1e-3, warmup=10, decay=0.4)
    assert schedule.rate(0, 0.0) == pytest.approx(1e-4)
    assert schedule.rate(9, 0.1) == schedule.rate(50, 0.6) == 1e-3
    assert schedule.rate(80, 0.8) == pytest.approx(5e-4)
    assert schedule.rate(99, 1.0) == pytest.approx(1e-5)
    assert Schedule(1e-3).rate(0, 0.99) == 1e-3


def test_a_cosine_decays_slowly_at_both_ends():
    schedule = Schedule(1e-3, warmup=10, decay=1.0, shape="cosine")
    assert schedule.rate(4, 0.0) == pytest.approx(5e-4)
    for fraction in (0.25, 0.5, 0.75):
        expected = 1e-3 * (1 + math.cos(math.pi * fraction)) / 2
        assert schedule.rate(100, fraction) == pytest.approx(expected)
    assert schedule.rate(100, 1.0) == pytest.approx(1e-5)
    tail = Schedule(1e-3, decay=0.4, shape="cosine")
    assert tail.rate(0, 0.6) == 1e-3
    assert tail.rate(0, 0.8) == pytest.approx(5e-4)
