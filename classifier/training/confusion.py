"""Confusion matrix of a validation, and the metrics that follow from it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from classifier.data.dataset import IGNORE_INDEX


@dataclass(frozen=True)
class Scores:
    """Metrics of predictions.

    Attributes:
        accuracy: Fraction of correctly classified images or pixels.
        balanced_accuracy: Mean recall over the classes that occur.
        mean_iou: Mean intersection over union, over the classes that occur or are predicted.
    """

    accuracy: float
    balanced_accuracy: float
    mean_iou: float


def count_pairs(logits: Tensor, labels: Tensor) -> Tensor:
    """Confusion matrix of a batch.

    Args:
        logits: ``(B, K)``, or ``(B, K, H, W)``.
        labels: ``(B,)``, or ``(B, H, W)``, int64; pixels with ``IGNORE_INDEX`` are ignored.

    Returns:
        ``(K, K) int64``; rows are true classes, columns predicted ones.
    """
    classes = logits.shape[1]
    predicted = logits.argmax(1)
    if labels.dim() > 1:
        labelled = labels != IGNORE_INDEX
        labels, predicted = labels[labelled], predicted[labelled]
    pairs = labels * classes + predicted
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def scores(counts: Tensor) -> Scores:
    """Metrics of a confusion matrix; all are 0 if it is empty."""
    counts = counts.cpu().double()
    correct, true, predicted = counts.diagonal(), counts.sum(1), counts.sum(0)
    union = true + predicted - correct
    return Scores(
        accuracy=float(correct.sum() / counts.sum().clamp(min=1)),
        balanced_accuracy=_mean(correct, true),
        mean_iou=_mean(correct, union),
    )


def _mean(counts: Tensor, totals: Tensor) -> float:
    occurs = totals > 0
    return float((counts[occurs] / totals[occurs]).mean()) if bool(occurs.any()) else 0.0
