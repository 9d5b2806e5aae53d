"""Metrics of semantic segmentation, from one confusion matrix per image."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multiclass_confusion_matrix

from classifier.data.dataset import IGNORE_INDEX

HEADLINES = {
    "miou": "mean IoU",
    "pixel_accuracy": "pixel accuracy",
    "mean_class_accuracy": "mean class accuracy",
}
"""Titles of the headline metrics, by name."""


def count_pixels(
    predicted: NDArray[np.uint8], labels: NDArray[np.uint8], classes: int
) -> NDArray[np.int64]:
    """Compute the confusion matrix of one image.

    Args:
        predicted: ``(H, W)`` predicted classes.
        labels: ``(H, W)`` true classes; ``IGNORE_INDEX`` where a pixel is unlabelled.
        classes: Number of classes K.

    Returns:
        ``(K, K)`` number of pixels; true classes in rows, predicted in columns.
    """
    return multiclass_confusion_matrix(
        torch.from_numpy(predicted.astype(np.int64)),
        torch.from_numpy(labels.astype(np.int64)),
        classes,
        ignore_index=IGNORE_INDEX,
    ).numpy()


def class_iou(confusion: NDArray[np.generic]) -> NDArray[np.float64]:
    """Compute the intersection over union (Jaccard, 1901) of each class.

    Args:
        confusion: ``(..., K, K)`` confusion matrices.

    Returns:
        ``(..., K)`` IoU, in [0, 1]; NaN for a class that has no pixels and was not predicted.
    """
    matrix = confusion.astype(np.float64)
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore"):
        return hits / (matrix.sum(-1) + matrix.sum(-2) - hits)


def class_accuracy(confusion: NDArray[np.generic]) -> NDArray[np.float64]:
    """``(..., K)`` fraction of each class's pixels that are correct; NaN without pixels."""
    matrix = confusion.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.diagonal(matrix, axis1=-2, axis2=-1) / matrix.sum(-1)


class PixelScores:
    """Metrics of the predictions of a segmentation network.

    Args:
        confusions: ``(N, K, K) int64`` confusion matrix of each image.
    """

    def __init__(self, confusions: NDArray[np.int64]) -> None:
        self.confusions = confusions
        self.classes = confusions.shape[-1]

    def values(self) -> dict[str, float]:
        """Compute the headline metrics, and IoU and accuracy of each class, over all pixels.

        Returns:
            Metrics by name; those of class ``k`` are called ``iou/k`` and ``accuracy/k``. NaN if
            undefined.
        """
        one = np.ones((1, len(self.confusions)))
        return {name: float(value[0]) for name, value in self.weighted(one).items()}

    def confusion(self) -> NDArray[np.int64]:
        """``(K, K)`` confusion matrix over all images."""
        return self.confusions.sum(0)

    def by_image(self) -> NDArray[np.float64]:
        """``(N,)`` mean IoU of each image, over its true and predicted classes."""
        return _mean(class_iou(self.confusions))

    def weighted(self, counts: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """Compute the metrics of ``values`` for resamples.

        Args:
            counts: ``(b, N)`` number of times each image occurs in each resample.

        Returns:
            ``(b,)`` values of each metric.
        """
        flat = self.confusions.reshape(len(self.confusions), -1).astype(np.float64)
        total = (counts @ flat).reshape(-1, self.classes, self.classes)
        iou, by_class = class_iou(total), class_accuracy(total)  # (b, K)
        hits = np.trace(total, axis1=1, axis2=2)
        with np.errstate(invalid="ignore"):
            accuracy = hits / total.sum((1, 2))
        return {
            "miou": _mean(iou),
            "pixel_accuracy": accuracy,
            "mean_class_accuracy": _mean(by_class),
            **{f"iou/{label}": iou[:, label] for label in range(self.classes)},
            **{f"accuracy/{label}": by_class[:, label] for label in range(self.classes)},
        }


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last axis, ignoring NaN; NaN if all values are NaN."""
    defined = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(defined, values, 0).sum(-1) / defined.sum(-1)
