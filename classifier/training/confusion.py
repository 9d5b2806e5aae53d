"""Which classes a network takes for which, and the numbers that follow from it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from classifier.data.dataset import IGNORE_INDEX


@dataclass(frozen=True)
class Scores:
    """How right predictions are.

    Attributes:
        accuracy: Share of images or pixels that got the right class.
        balanced_accuracy: Mean over the classes of the share that was found.
        mean_iou: Mean over the classes of intersection over union; a class that neither occurs nor
            is predicted does not count.
    """

    accuracy: float
    balanced_accuracy: float
    mean_iou: float


def count_pairs(logits: Tensor, labels: Tensor) -> Tensor:
    """Counts true classes by predicted ones.

    Args:
        logits: ``(B, K)``, or ``(B, K, H, W)``.
        labels: ``(B,)``, or ``(B, H, W)``, int64; a pixel that is ``IGNORE_INDEX`` does not count.

    Returns:
        ``(K, K) int64``, true classes down, predicted ones across.
    """
    classes = logits.shape[1]
    predicted = logits.argmax(1)
    if labels.dim() > 1:
        known = labels != IGNORE_INDEX
        labels, predicted = labels[known], predicted[known]
    pairs = labels * classes + predicted
    return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def scores(counts: Tensor) -> Scores:
    """The numbers of a table from ``count_pairs``; all are 0 when it is empty."""
    counts = counts.cpu().double()
    right, true, called = counts.diagonal(), counts.sum(1), counts.sum(0)
    union = true + called - right
    return Scores(
        accuracy=float(right.sum() / counts.sum().clamp(min=1)),
        balanced_accuracy=_mean(right, true),
        mean_iou=_mean(right, union),
    )


def _mean(part: Tensor, whole: Tensor) -> float:
    occurs = whole > 0
    return float((part[occurs] / whole[occurs]).mean()) if bool(occurs.any()) else 0.0
