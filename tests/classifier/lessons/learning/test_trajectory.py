import numpy as np
import pytest

from classifier.lessons.learning import trajectory
from classifier.lessons.learning.trajectory import DRAG, GRAVITY, Throws
from tests.classifier.lessons.drawing import check_figure


def _throw(speed: float, angle: float, drag: float) -> Throws:
    one = np.array([speed]), np.array([angle])
    return Throws(*one, *trajectory.fly(*one, np.linspace(0, 1, 50)[None], drag))


def test_formula_is_exact_in_vacuum_and_gives_the_known_range() -> None:
    throw = _throw(20, 45, 0)
    assert trajectory.formula(throw) == pytest.approx(throw.y, abs=0.01)
    assert throw.x[0, -1] == pytest.approx(20**2 / GRAVITY, rel=1e-3)
    assert throw.y.max() == pytest.approx(20**2 / (4 * GRAVITY), rel=1e-2)


def test_air_shortens_a_throw() -> None:
    vacuum, air = _throw(20, 45, 0), _throw(20, 45, DRAG)
    assert air.x[0, -1] < 0.8 * vacuum.x[0, -1]
    assert np.abs(air.y[0, [0, -1]]).max() < 0.02  # starts and lands at the height of the hand
    # The steepest part of a throw with drag is its end.
    assert -np.diff(air.y[0])[-1] / np.diff(air.x[0])[-1] > 1.2


def test_noise_of_measurements() -> None:
    throws = trajectory.sample_throws(200, 0, "test", DRAG)
    errors = trajectory.measured(throws, 0, "test") - throws.y
    assert errors.std() == pytest.approx(trajectory.NOISE, rel=0.1)
    assert np.all(throws.y > -0.02)


def test_model_beats_the_formula_in_air_only_and_fails_outside_of_its_data() -> None:
    result = trajectory.compute(examples=(10, 300), repeats=1, steps=600)
    few, many = result.errors["air"][:, 0]
    assert many < few
    assert many < result.formula["air"] / 4
    assert result.formula["vacuum"] < 0.01 < result.errors["vacuum"][-1, 0]
    inside, outside = (int(np.abs(result.speeds - speed).argmin()) for speed in (15, 30))
    for errors in result.by_speed.values():
        assert errors[outside] > 5 * errors[inside]
    assert "At 30 m/s" in trajectory.describe(result)[-1]
    assert len(check_figure(trajectory.LESSON, result, "distance").axes) == 4
