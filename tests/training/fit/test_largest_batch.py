"""The largest batch that fits in all phases."""

import pytest

from faceswap.core.batch_size_finder import StateMemory
from faceswap.core.device_memory import GIB, Capacity, card
from faceswap.training.fit.largest_batch import find_fit


class Pretended:
    """A training of two phases, whose second one takes most of large batches."""

    state = StateMemory(100, 100, 200, 0)
    phases = 2

    def __init__(self, holds=1 << 60, evaluation=500):
        self.holds, self.evaluation, self.tried = holds, evaluation, []

    def peak(self, batch, phase):
        self.tried.append((batch, phase))
        size = 400 + (20 * batch if phase else max(200, 10 * batch))
        return size if size <= self.holds else None

    def evaluation_peak(self):
        return self.evaluation


@pytest.mark.parametrize(
    ("memory", "unit", "expected"),
    [(2000, 1, 80), (2000, 6, 78), (580, 1, None), (600, 1, 8), (640, 4, 12), (1e9, 1, 512)],
)
def test_the_largest_batch_fits_in_all_phases(memory, unit, expected):
    training = Pretended()
    fit = find_fit(training, 12, unit, Capacity("a device", memory))
    assert (fit.largest and fit.largest.batch) == expected
    assert fit.asked.step == 640
    assert len(training.tried) == len(set(training.tried)) < 30
    if expected and expected > 12:
        assert fit.per_face == 20
        assert fit.largest
        assert fit.largest.peak == 400 + 20 * expected


def test_steps_and_evaluations_that_do_not_fit():
    fit = find_fit(Pretended(holds=900), 64, 1, Capacity("a device", 1e9))
    assert fit.asked.peak is None
    assert fit.largest
    assert fit.largest.batch == 24
    assert find_fit(Pretended(evaluation=5000), 4, 1, Capacity("a device", 2000)).largest is None


def test_the_allowance_is_added():
    capacity = card(12)
    assert capacity.memory == 12 * GIB
    assert capacity.needed(10 * GIB) == pytest.approx(11.75 * GIB)
    assert capacity.fits(10 * GIB)
    assert not capacity.fits(10.3 * GIB)
    assert not capacity.fits(None)
