import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from classifier.data.dataset import IGNORE_INDEX
from classifier.training.mixing import Mixture
from classifier.training.objective import make_objective

LABELS = np.array([0, 0, 0, 1], np.int64)
WEIGHTS = np.array([0.5, 1.5], np.float32)


def batch(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return torch.randn(count, 2, generator=random), torch.arange(count) % 4 // 3


def loss(objective, logits: torch.Tensor, labels: torch.Tensor) -> float:
    return objective(logits, Mixture(torch.zeros(0), labels)).item()


def test_unweighted_loss_is_the_mean_cross_entropy():
    logits, labels = batch(8)
    plain = make_objective(LABELS, 2, None, 0.1)
    expected = cross_entropy(logits, labels, label_smoothing=0.1).item()
    assert loss(plain, logits, labels) == pytest.approx(expected)


def test_loss_over_all_training_images_is_the_weighted_mean():
    logits, labels = batch(4)  # the same class fractions as in training
    weighted = make_objective(LABELS, 2, WEIGHTS, 0.0)
    expected = cross_entropy(logits, labels, torch.from_numpy(WEIGHTS)).item()
    assert loss(weighted, logits, labels) == pytest.approx(expected)


def test_mean_over_processes_equals_the_loss_of_the_batch():
    logits, labels = batch(8)
    weighted = make_objective(LABELS, 2, WEIGHTS, 0.1)
    losses = [loss(weighted, logits[rank::2], labels[rank::2]) for rank in (0, 1)]
    assert loss(weighted, logits, labels) == pytest.approx(sum(losses) / 2)


def test_ignored_pixels_do_not_affect_the_loss():
    masks = np.array([[[0, 1], [IGNORE_INDEX, IGNORE_INDEX]]], np.uint8)
    objective = make_objective(masks, 2, None, 0.0)
    assert objective.mean_weight == 0.5
    logits = torch.randn(1, 2, 2, 2, generator=torch.Generator().manual_seed(1))
    labels = torch.from_numpy(masks).long()
    expected = cross_entropy(logits, labels, ignore_index=IGNORE_INDEX).item()
    assert loss(objective, logits, labels) == pytest.approx(expected)


def test_image_label_equal_to_the_ignore_index_is_a_class():
    logits = torch.randn(1, 300, generator=torch.Generator().manual_seed(2))
    objective = make_objective(np.array([255], np.int64), 300, None, 0.0)
    label = torch.tensor([255])
    assert loss(objective, logits, label) == pytest.approx(cross_entropy(logits, label).item())


def test_loss_of_mixed_images_is_the_weighted_sum():
    logits, labels = batch(4)
    others = labels.flip(0)
    objective = make_objective(LABELS, 2, None, 0.0)
    mixed = objective(logits, Mixture(torch.zeros(0), labels, others, 0.25)).item()
    expected = 0.25 * loss(objective, logits, labels) + 0.75 * loss(objective, logits, others)
    assert mixed == pytest.approx(expected)
