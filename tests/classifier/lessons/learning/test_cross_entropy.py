import numpy as np
import pytest
import torch
from torch.nn import functional as F

from classifier.lessons.learning import cross_entropy
from classifier.lessons.learning.cross_entropy import LABELS, LOGITS
from tests.classifier.lessons.drawing import check_figure


def test_table_equals_torch() -> None:
    table = cross_entropy.by_hand()
    logits, labels = torch.from_numpy(LOGITS), torch.from_numpy(LABELS)
    assert table.mean == pytest.approx(table.by_torch, abs=1e-9)
    assert table.losses == pytest.approx(
        F.cross_entropy(logits, labels, reduction="none").numpy(), abs=1e-9
    )
    assert table.probabilities == pytest.approx(logits.softmax(1).numpy(), abs=1e-9)
    assert table.targets.sum(1).tolist() == [1] * len(LABELS)
    assert table.losses[1] == pytest.approx(np.log(3))  # equal logits: three equal chances
    assert table.losses.argmax() == 3


def test_accuracy_is_flat_where_cross_entropy_is_not() -> None:
    line = cross_entropy.along_a_weight(seed=0)
    assert line.flat > 0.9
    assert line.flat_loss == 0
    assert set(np.round(line.accuracy * 20, 9)) <= set(range(21))
    assert len(set(line.accuracy)) > 2


def test_squared_error_is_that_of_probabilities() -> None:
    logits, labels = torch.from_numpy(LOGITS), torch.from_numpy(LABELS)
    table = cross_entropy.by_hand()
    expected = ((table.probabilities - table.targets) ** 2).sum(1).mean()
    assert float(cross_entropy.squared_error(logits, labels)) == pytest.approx(expected)


def test_squared_error_has_no_gradient_where_it_is_confidently_wrong() -> None:
    result = cross_entropy.compute(steps=400, count=60)
    p = 1 / (1 + np.exp(-result.logit))
    assert result.gradients["cross-entropy"] == pytest.approx(p - 1)
    assert result.gradients["squared error"] == pytest.approx(-4 * (1 - p) ** 2 * p)
    assert abs(result.gradients["squared error"][0]) < 0.002 < 0.99
    assert result.gradients["cross-entropy"][0] < -0.99
    accuracies = result.wrong.accuracy
    assert accuracies["cross-entropy"][0] == accuracies["squared error"][0] < 0.1
    steps = result.wrong.reached
    assert steps["cross-entropy"] is not None
    assert steps["squared error"] is None or steps["squared error"] > 2 * steps["cross-entropy"]
    assert "by torch 1.159497" in cross_entropy.describe(result)[2]
    same = ("softmax", "logits", "chihuahua", "muffin", "logit")
    assert len(check_figure(cross_entropy.LESSON, result, *same).axes) == 4
