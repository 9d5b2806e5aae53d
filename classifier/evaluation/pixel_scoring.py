"""How right predicted classes of pixels are, counted image by image."""

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
"""Numbers of an evaluation and how they are called."""


def count_pixels(
    predicted: NDArray[np.uint8], labels: NDArray[np.uint8], classes: int
) -> NDArray[np.int64]:
    """Confusion matrix of one image.

    Args:
        predicted: ``(H, W)`` classes.
        labels: ``(H, W)`` true classes; ``IGNORE_INDEX`` where a pixel is unlabelled.
        classes: How many there are.

    Returns:
        ``(K, K)``: pixels of each true class (rows) by the class they were given (columns).
    """
    return multiclass_confusion_matrix(
        torch.from_numpy(predicted.astype(np.int64)),
        torch.from_numpy(labels.astype(np.int64)),
        classes,
        ignore_index=IGNORE_INDEX,
    ).numpy()


def class_iou(confusion: NDArray[np.generic]) -> NDArray[np.float64]:
    """Intersection over union (Jaccard, 1901) of each class.

    Args:
        confusion: ``(..., K, K)``.

    Returns:
        ``(..., K)``; NaN for a class that neither is there nor was predicted.
    """
    matrix = confusion.astype(np.float64)
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore"):
        return hits / (matrix.sum(-1) + matrix.sum(-2) - hits)


def class_accuracy(confusion: NDArray[np.generic]) -> NDArray[np.float64]:
    """``(..., K)`` share of each true class's pixels that are right; NaN where there are none."""
    matrix = confusion.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.diagonal(matrix, axis1=-2, axis2=-1) / matrix.sum(-1)


class PixelScores:
    """Confusion matrices of images, ready to be counted.

    Args:
        confusions: ``(N, K, K) int64``.
    """

    def __init__(self, confusions: NDArray[np.int64]) -> None:
        self.confusions = confusions
        self.classes = confusions.shape[-1]

    def values(self) -> dict[str, float]:
        """The headline numbers, over all pixels of all images."""
        one = np.ones((1, len(self.confusions)))
        return {name: float(value[0]) for name, value in self.weighted(one).items()}

    def confusion(self) -> NDArray[np.int64]:
        """``(K, K)`` over all images."""
        return self.confusions.sum(0)

    def by_image(self) -> NDArray[np.float64]:
        """``(N,)`` mean IoU of each image over the classes it shows or was given."""
        return _mean(class_iou(self.confusions))

    def weighted(self, counts: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """The headline numbers and each class's IoU (``iou/<number>``) of resamples.

        Args:
            counts: ``(b, N)`` how often each image is in each resample.

        Returns:
            ``(b,)`` of each.
        """
        flat = self.confusions.reshape(len(self.confusions), -1).astype(np.float64)
        total = (counts @ flat).reshape(-1, self.classes, self.classes)
        iou = class_iou(total)
        hits = np.trace(total, axis1=1, axis2=2)
        with np.errstate(invalid="ignore"):
            accuracy = hits / total.sum((1, 2))
        return {
            "miou": _mean(iou),
            "pixel_accuracy": accuracy,
            "mean_class_accuracy": _mean(class_accuracy(total)),
            **{f"iou/{label}": iou[:, label] for label in range(self.classes)},
        }


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last axis without what is NaN; NaN where nothing is left."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(-1) / known.sum(-1)
