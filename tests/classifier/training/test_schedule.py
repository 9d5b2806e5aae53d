import pytest

from classifier.training.schedule import Schedule


def test_constant_schedule():
    assert [Schedule(0.1).rate(step, 4) for step in (0, 3, 400)] == [0.1, 0.1, 0.1]


def test_cosine_schedule_ends_at_zero():
    schedule = Schedule(2.0, "cosine", epochs=10)
    assert schedule.rate(0, 8) == 2.0
    assert schedule.rate(40, 8) == pytest.approx(1.0)  # half of ten epochs
    assert 0 < schedule.rate(79, 8) < 0.01


def test_exponential_schedule_decays_by_a_factor_per_epoch():
    schedule = Schedule(1.0, "exponential", epochs=3, decay=0.5)
    assert [schedule.rate(step, 2) for step in range(6)] == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_linear_warm_up_precedes_the_full_schedule():
    schedule = Schedule(1.0, "cosine", epochs=3, warmup=1)
    assert [schedule.rate(step, 4) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert schedule.rate(4, 4) == 1.0
    assert schedule.rate(8, 4) == pytest.approx(0.5)


def test_warm_up_longer_than_the_training():
    schedule = Schedule(1.0, "cosine", epochs=1, warmup=2)
    assert [schedule.rate(step, 2) for step in range(2)] == [0.25, 0.5]
