import numpy as np
import pytest

from classifier.lessons.families import hopfield
from faceswap.core.seeding import generator
from tests.classifier.lessons.drawing import check_figure


@pytest.fixture(scope="module")
def result() -> hopfield.Recalls:
    return hopfield.compute(counts=(3, 10, 80), crowds=(300,), repeats=2)


def test_hebb_weights_of_two_known_patterns() -> None:
    patterns = np.array([[1.0, 1, -1], [1, -1, -1]])
    expected = np.array([[0, 0, -2], [0, 0, 0], [-2, 0, 0]]) / 3
    assert hopfield.hebb_weights(patterns) == pytest.approx(expected)


def test_no_update_raises_the_energy() -> None:
    random = generator(0, "test")
    patterns = random.choice([-1.0, 1.0], (12, 60))
    weights = hopfield.hebb_weights(patterns)
    cues = random.choice([-1.0, 1.0], (5, 60))
    states, energies = hopfield.recall(weights, cues, random)
    assert np.diff(energies, axis=0).max() <= 0
    assert energies[0] == pytest.approx(hopfield.energy(weights, cues))
    assert energies[-1] == pytest.approx(hopfield.energy(weights, states))
    # At rest: each neuron has the sign of its field.
    assert (states * (states @ weights) >= 0).all()


def test_damaged_letters_are_recalled(result: hopfield.Recalls) -> None:
    wanted = np.tile(result.stored, (2, 1))
    assert hopfield.agreement(result.cues[:4], result.stored).max() < 0.8
    assert np.array_equal(result.cues[4:, :200], result.stored[:, :200])
    assert hopfield.agreement(result.recalled, wanted).min() > 0.98
    assert abs(result.stored.mean()) < 0.1


def test_memory_has_a_capacity_and_letters_a_lower_one(result: hopfield.Recalls) -> None:
    assert result.random[10] == 1
    assert result.random[80] < 0.5
    assert result.letters[10] < 0.5
    assert set(result.letters) == {3, 10}
    assert result.modern_letters == 1
    assert result.modern[300] == 1


def test_overfull_memory_forgets_what_the_modern_update_finds(result: hopfield.Recalls) -> None:
    _, hebb, modern = result.overfull
    assert hopfield.agreement(hebb, result.stored).max() < 0.95
    assert hopfield.agreement(modern, result.stored).min() > 0.98


def test_modern_update_is_the_softmax_weighted_mean_of_the_patterns() -> None:
    random = generator(0, "modern")
    patterns, states = random.normal(size=(6, 9)), random.normal(size=(2, 9))
    products = np.exp(0.3 * states @ patterns.T)
    expected = products / products.sum(1, keepdims=True) @ patterns
    assert hopfield.modern_update(patterns, states, 0.3) == pytest.approx(expected)


def test_hopfield_figure_and_description(result: hopfield.Recalls) -> None:
    assert check_figure(hopfield.LESSON, result).subfigs
    lines = hopfield.describe(result)
    assert "updates that raise it: 0 of" in lines[1]
    assert "35 letters and digits" in lines[-1]
