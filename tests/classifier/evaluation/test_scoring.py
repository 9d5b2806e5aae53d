import numpy as np
import pytest
import torch
from torchmetrics.functional import classification as tm

from classifier.evaluation.bootstrap import Estimate, estimate, resample, resampling_units
from classifier.evaluation.scoring import (
    HEADLINES,
    LOWER_IS_BETTER,
    ImageScores,
    weighted_auroc,
)


def predictions(images: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are mostly correct, with ties."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    raw = random.random((images, classes)).round(1) + 0.1
    raw[np.arange(images), labels] += 0.4
    return (raw / raw.sum(1, keepdims=True)).astype(np.float32), labels


def test_metrics_equal_a_calculation_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.3, 0.7]], np.float32)
    scores = ImageScores(probabilities, np.array([0, 1, 0, 1]))
    values = scores.values()
    by_class = {f"{name}/{label}" for name in ("precision", "recall", "f1") for label in (0, 1)}
    assert set(values) == set(HEADLINES) | by_class
    assert values["recall/0"] == values["precision/1"] == 0.5
    assert values["accuracy"] == values["balanced_accuracy"] == values["macro_f1"] == 0.5
    assert values["auroc"] == pytest.approx(0.75)  # three of four pairs are in order
    # Both classes' squares: 2 * (0.01 + 0.36 + 0.36 + 0.09) / 4.
    assert values["brier"] == pytest.approx(0.41)
    # Each in its own bin, except the two of 0.6: |1-.9|, |0+0-1.2|, |1-.7|.
    assert values["ece"] == pytest.approx((0.1 + 1.2 + 0.3) / 4)
    assert scores.confusion().tolist() == [[1, 1], [1, 1]]


def test_perfect_predictions() -> None:
    labels = np.array([0, 1, 2, 2])
    values = ImageScores(np.eye(3, dtype=np.float32)[labels], labels).values()
    assert {name for name, value in values.items() if value == 0} == LOWER_IS_BETTER
    assert all(value == 1 for name, value in values.items() if name not in LOWER_IS_BETTER)


def test_missing_classes_are_ignored() -> None:
    probabilities, labels = predictions(60, 4, seed=1)
    values = ImageScores(probabilities, np.where(labels == 3, 0, labels)).values()
    assert all(np.isfinite(value) for value in values.values())
    alone = ImageScores(probabilities, np.zeros(60, np.int64)).values()
    assert np.isnan(alone["auroc"])


@pytest.mark.parametrize("classes", [2, 5])
def test_weights_of_one_give_the_unweighted_metrics(classes: int) -> None:
    probabilities, labels = predictions(120, classes, seed=classes)
    scores = ImageScores(probabilities, labels)
    weighted = scores.weighted(np.ones((1, 120)))
    for name, value in scores.values().items():
        assert weighted[name][0] == pytest.approx(value, abs=1e-5), name


@pytest.mark.parametrize("classes", [2, 3])
def test_weights_equal_repeated_images(classes: int) -> None:
    probabilities, labels = predictions(50, classes, seed=7)
    counts = np.random.default_rng(0).integers(0, 4, 50)
    weighted = ImageScores(probabilities, labels).weighted(counts[None].astype(float))
    repeated = ImageScores(np.repeat(probabilities, counts, 0), np.repeat(labels, counts))
    for name, value in repeated.values().items():
        assert weighted[name][0] == pytest.approx(value, abs=1e-5), name


def test_auroc_equals_torchmetrics() -> None:
    probabilities, labels = predictions(200, 2, seed=3)
    mine = weighted_auroc(probabilities[:, 1], labels == 1, np.ones((1, 200)))[0]
    theirs = tm.binary_auroc(torch.from_numpy(probabilities[:, 1]), torch.from_numpy(labels))
    assert mine == pytest.approx(theirs.item(), abs=1e-6)
    many, labels = predictions(200, 4, seed=4)
    macro = tm.multiclass_auroc(torch.from_numpy(many), torch.from_numpy(labels), 4)
    assert ImageScores(many, labels).values()["auroc"] == pytest.approx(macro.item(), abs=1e-6)


def test_per_class_and_reliability() -> None:
    probabilities, labels = predictions(90, 3, seed=5)
    scores = ImageScores(probabilities, labels)
    by_class = scores.by_class()
    confusion = scores.confusion()
    assert by_class.support.tolist() == confusion.sum(1).tolist()
    assert by_class.recall == pytest.approx(np.diag(confusion) / confusion.sum(1))
    assert by_class.precision == pytest.approx(np.diag(confusion) / confusion.sum(0))
    diagram = scores.reliability()
    assert diagram.count.sum() == 90
    full = diagram.count > 0
    gap = np.abs(diagram.confidence - diagram.accuracy)[full] @ diagram.count[full] / 90
    assert gap == pytest.approx(scores.values()["ece"], abs=1e-5)


def test_groups_are_resampled_as_a_whole() -> None:
    units = resampling_units(["a", "", "a", "", "b"])
    assert units.tolist() == [0, 1, 0, 2, 3]
    for counts in resample(units, 50, seed=0):
        assert (counts[:, 0] == counts[:, 2]).all()
        assert (counts[:, [0, 1, 3, 4]].sum(1) == 4).all()


def test_interval_of_a_mean_equals_the_normal_approximation() -> None:
    values = np.random.default_rng(0).normal(0, 1, 400)

    def mean(counts: np.ndarray) -> dict[str, np.ndarray]:
        return {"mean": counts @ values / counts.sum(1)}

    done: list[int] = []
    alone = np.arange(400)
    point = {"mean": values.mean()}
    found = estimate(point, mean, alone, resamples=2000, seed=1, on_resamples=done.append)["mean"]
    half = 1.96 * values.std() / 20
    assert found.low == pytest.approx(values.mean() - half, abs=0.01)
    assert found.high == pytest.approx(values.mean() + half, abs=0.01)
    assert sum(done) == 2000
    assert found == estimate(point, mean, alone, resamples=2000, seed=1)["mean"]
    # Groups of four equal images: a quarter of the independent samples, twice the width.
    values = np.repeat(values[:100], 4)
    grouped = estimate(point, mean, np.arange(400) // 4, resamples=2000)["mean"]
    alone_again = estimate(point, mean, alone, resamples=2000)["mean"]
    ratio = (grouped.high - grouped.low) / (alone_again.high - alone_again.low)
    assert ratio == pytest.approx(2, abs=0.25)


def test_format_of_an_estimate() -> None:
    found = Estimate(0.5, 0.25, 0.75)
    assert (found.describe(2), found.interval(2)) == ("0.50 [0.25, 0.75]", "0.25 to 0.75")


def test_a_single_group_has_no_interval() -> None:
    found = estimate({"mean": 0.5}, lambda counts: {"mean": counts @ np.ones(3)}, np.zeros(3, int))
    assert np.isnan(found["mean"].low)
    assert (found["mean"].describe(1), found["mean"].interval()) == ("0.5", "-")
