import numpy as np
import pytest

from classifier.lessons.language import Text, spoken
from classifier.lessons.learning import computing_power
from classifier.lessons.learning.computing_power import (
    ComputingPower,
    Speed,
    available_ways,
    duration,
    multiply_lists,
    product_operations,
    rate,
)
from tests.classifier.lessons.drawing import check_figure


def _power(*rates: float) -> ComputingPower:
    """Speeds with these rates, each measured three times, once at the full rate."""
    speeds = tuple(
        Speed(Text("slow", "lent"), "#0072b2", 10**6, (2e6 / rate, 1e6 / rate, 4e6 / rate), 0.0)
        for rate in rates
    )
    return ComputingPower(speeds, 1_428_376_960, 4_144_577_280, 4, 4)


def test_lists_are_multiplied_as_a_layer_does() -> None:
    assert multiply_lists([[1, 2], [3, 4]], [[10, 1], [0, 1], [1, 1]]) == [[12, 2, 3], [34, 4, 7]]
    assert product_operations(2, 3, 2) == 24


def test_all_ways_compute_the_same_products() -> None:
    random = np.random.default_rng(0)
    pictures = random.standard_normal((3, 40), np.float32)
    weights = random.standard_normal((5, 40), np.float32)
    exact = pictures.astype(float) @ weights.astype(float).T
    ways = available_ways()
    assert len(ways) >= 4
    for way in ways:
        given = way.convert(pictures), way.convert(weights)
        products = way.restore(way.multiply(*given))
        # bf16 has 8 significant bits.
        tolerance = 0.05 if "bf16" in way.label.english else 1e-4
        assert np.abs(products - exact).max() < tolerance * np.abs(exact).max(), way.label


def test_alexnet_is_counted_by_torch() -> None:
    forward, step = computing_power.alexnet_operations()
    first = 2 * 64 * 3 * 11 * 11 * 55 * 55
    assert forward == pytest.approx(2 * 0.714e9, rel=0.01)
    # The gradient for the inputs, as costly as the forward computation, is not needed for pixels.
    assert step == 3 * forward - first


def test_durations_follow_from_the_speeds() -> None:
    result = _power(2e7, 1e12)
    slow, fast = result.speeds
    assert (slow.best, fast.best) == pytest.approx((2e7, 1e12))
    assert slow.median == pytest.approx(1e7)
    assert result.training == 90 * 1_280_000 * 4_144_577_280
    lines = computing_power.describe(result)
    assert "x1;" in lines[2]
    assert lines[2].endswith("AlexNet: 7.6 centuries")
    assert "x50,000;" in lines[3]
    assert lines[3].endswith("AlexNet: 5.5 days")
    check_figure(computing_power.LESSON, result)


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (0.5, "0.5 seconds", "0,5 seconde"),
        (1, "1 second", "1 seconde"),
        (59.97, "1 minute", "1 minute"),
        (90, "1.5 minutes", "1,5 minute"),
        (7200, "2 hours", "2 heures"),
        (40 * 86_400, "40 days", "40 jours"),
        (365.25 * 86_400, "1 year", "1 an"),
        (12.34 * 36_525 * 86_400, "12 centuries", "12 siècles"),
    ],
)
def test_durations_in_words(seconds: float, english: str, french: str) -> None:
    assert duration(seconds) == english
    with spoken("fr"):
        assert duration(seconds) == french


def test_rates_in_words() -> None:
    assert [rate(value) for value in (2e7, 2.54e9, 9.9e14)] == ["20 M", "2.5 G", "990 T"]


def test_every_way_is_timed() -> None:
    result = computing_power.compute(repeats=2, units=64)
    assert len(result.speeds) == len(available_ways())
    assert all(speed.best > 0 and len(speed.seconds) == 2 for speed in result.speeds)
    assert [speed.best for speed in result.speeds] == sorted(s.best for s in result.speeds)
    by_name = {speed.label.english: speed for speed in result.speeds}
    assert by_name["pure Python"].operations == 2 * 64 * 64
    assert by_name["pure Python"].error < 1e-12
    assert by_name["NumPy"].error < 1e-5
    assert 1e-4 < by_name["torch, bf16, 1 core"].error < 0.02
    check_figure(computing_power.LESSON, result, "NumPy", "GPU, fp32", "GPU, bf16")
