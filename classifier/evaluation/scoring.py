"""Metrics of image classification, and the same metrics for bootstrap resamples.

Metrics come from torchmetrics where it has them. The bootstrap needs weighted versions, which
torchmetrics lacks; tests compare these with torchmetrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional import classification as tm

HEADLINES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "auroc": "AUROC",
    "ece": "calibration error (ECE)",
    "brier": "Brier score",
}
"""Titles of the headline metrics, by name."""

LOWER_IS_BETTER = frozenset({"ece", "brier"})
BINS = 15  # of the calibration error and of the reliability diagram


@dataclass(frozen=True)
class ClassScores:
    """Metrics of each class.

    Attributes:
        precision: ``(K,)`` precision, in [0, 1]; 0 for a class that was never predicted.
        recall: ``(K,)`` recall, in [0, 1]; 0 for a class without images.
        f1: ``(K,)`` F1 score, in [0, 1].
        support: ``(K,)`` number of images of the class.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]


@dataclass(frozen=True)
class Reliability:
    """Reliability diagram (Guo et al., 2017).

    Attributes:
        edges: ``(BINS + 1,)`` edges of the confidence bins, in [0, 1].
        confidence: ``(BINS,)`` mean probability of the predicted class; NaN for empty bins.
        accuracy: ``(BINS,)`` accuracy, in [0, 1]; NaN for empty bins.
        count: ``(BINS,)`` number of images.
    """

    edges: NDArray[np.float64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]


class ImageScores:
    """Metrics of the predictions of an image classifier.

    Args:
        probabilities: ``(N, K) float32`` predicted probabilities; rows sum to 1.
        labels: ``(N,) int64`` true classes.
    """

    def __init__(self, probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        self.probabilities, self.labels = probabilities, labels
        self.classes = probabilities.shape[1]
        self.predicted = probabilities.argmax(1)
        self.correct = (self.predicted == labels).astype(np.float64)
        self.confidence = probabilities[np.arange(len(labels)), self.predicted]
        self._bins = _bins(self.confidence)
        own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        # Sum of (p - 1)^2 for the true class and p^2 for the others.
        self._brier = np.square(probabilities, dtype=np.float64).sum(1) - 2 * own + 1

    def values(self) -> dict[str, float]:
        """Compute the headline metrics, and precision, recall and F1 of each class.

        Returns:
            Metrics by name; those of class ``k`` are called ``precision/k``, ``recall/k`` and
            ``f1/k``. NaN if undefined (AUROC if all labels are equal).
        """
        scores, labels = torch.from_numpy(self.probabilities), torch.from_numpy(self.labels)
        by_class = self.by_class()
        calibration = tm.multiclass_calibration_error(scores, labels, self.classes, n_bins=BINS)
        return {
            "accuracy": float(self.correct.mean()),
            "balanced_accuracy": float(by_class.recall[by_class.support > 0].mean()),
            "macro_f1": float(tm.multiclass_f1_score(scores, labels, self.classes)),
            "auroc": self._auroc(),
            "ece": float(calibration),
            "brier": float(self._brier.mean()),
            **_named(by_class.precision, by_class.recall, by_class.f1),
        }

    def _auroc(self) -> float:
        """One class against the rest, mean over the classes that occur."""
        support = np.bincount(self.labels, minlength=self.classes)
        values = [
            tm.binary_auroc(
                torch.from_numpy(self.probabilities[:, label]),
                torch.from_numpy((self.labels == label).astype(np.int64)),
            ).item()
            for label in range(self.classes)
            if 0 < support[label] < len(self.labels)
        ]
        return float(np.mean(values)) if values else float("nan")

    def by_class(self) -> ClassScores:
        """Compute precision, recall and F1 of each class; 0 if a denominator is 0."""
        scores, labels = torch.from_numpy(self.probabilities), torch.from_numpy(self.labels)
        precision, recall, f1 = (
            metric(scores, labels, self.classes, average="none").double().numpy()
            for metric in (tm.multiclass_precision, tm.multiclass_recall, tm.multiclass_f1_score)
        )
        return ClassScores(precision, recall, f1, np.bincount(self.labels, minlength=self.classes))

    def confusion(self) -> NDArray[np.int64]:
        """``(K, K)`` confusion matrix in images: true classes in rows, predicted in columns."""
        predicted, labels = torch.from_numpy(self.predicted), torch.from_numpy(self.labels)
        return tm.multiclass_confusion_matrix(predicted, labels, self.classes).numpy()

    def reliability(self) -> Reliability:
        """Compute the reliability diagram."""
        bins = np.minimum(self._bins, BINS - 1)  # a confidence of 1 belongs to the last bin
        count = np.bincount(bins, minlength=BINS)
        with np.errstate(invalid="ignore"):
            confidence = np.bincount(bins, self.confidence, BINS) / count
            accuracy = np.bincount(bins, self.correct, BINS) / count
        return Reliability(np.linspace(0, 1, BINS + 1), confidence, accuracy, count)

    def roc(self, label: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """False and true positive rates of one class against the rest, for all thresholds."""
        false, true, _ = tm.binary_roc(
            torch.from_numpy(self.probabilities[:, label]),
            torch.from_numpy((self.labels == label).astype(np.int64)),
        )
        return false.numpy(), true.numpy()

    def weighted(self, counts: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """Compute the metrics of ``values`` for resamples.

        Args:
            counts: ``(b, N)`` number of times each image occurs in each resample.

        Returns:
            ``(b,)`` values of each metric.
        """
        total = counts.sum(1)
        precision, recall, f1 = self._weighted_by_class(counts)
        return {
            "accuracy": counts @ self.correct / total,
            # Classes that a resample lacks are left out of the means.
            "balanced_accuracy": np.nanmean(recall, 1),
            "macro_f1": np.nanmean(f1, 1),
            "auroc": self._weighted_auroc(counts),
            "ece": self._weighted_ece(counts) / total,
            "brier": counts @ self._brier / total,
            **_named(precision.T, recall.T, f1.T),
        }

    def _weighted_by_class(
        self, counts: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """``(b, K)`` precision, recall and F1; NaN where undefined."""
        hits = _sum_by(self.labels, counts * self.correct, self.classes)  # (b, K)
        truth = _sum_by(self.labels, counts, self.classes)
        predicted = _sum_by(self.predicted, counts, self.classes)
        with np.errstate(invalid="ignore"):
            return hits / predicted, hits / truth, 2 * hits / (truth + predicted)

    def _weighted_ece(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        gap = self.correct - self.confidence
        return np.abs(_sum_by(self._bins, counts * gap, BINS + 1)).sum(1)

    def _weighted_auroc(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        # With two classes, both one-against-rest values are equal.
        positives = [1] if self.classes == 2 else range(self.classes)
        values = [
            weighted_auroc(self.probabilities[:, label], self.labels == label, counts)
            for label in positives
        ]
        stacked = np.stack(values)  # (K, b)
        defined = np.isfinite(stacked)
        with np.errstate(invalid="ignore"):
            return np.where(defined, stacked, 0).sum(0) / defined.sum(0)


def _named(precision: NDArray, recall: NDArray, f1: NDArray) -> dict[str, Any]:
    """Values of each class, ``(K,)`` or ``(K, b)``, by the names of ``ImageScores.values``."""
    tables = {"precision": precision, "recall": recall, "f1": f1}
    return {
        f"{name}/{label}": float(value) if np.ndim(value) == 0 else value
        for name, table in tables.items()
        for label, value in enumerate(table)
    }


def weighted_auroc(
    scores: NDArray[np.float32], positive: NDArray[np.bool_], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """AUROC of resamples: the probability that a positive image scores above a negative one.

    Ties count half.

    Args:
        scores: ``(N,)`` scores.
        positive: ``(N,) bool`` labels.
        counts: ``(b, N)`` number of times each image occurs in each resample.

    Returns:
        ``(b,)`` AUROC, in [0, 1]; NaN for a resample of positives or negatives only.
    """
    order = np.argsort(scores, kind="stable")
    _, starts = np.unique(scores[order], return_index=True)  # runs of equal scores
    ordered = counts[:, order]
    positives = np.add.reduceat(ordered * positive[order], starts, axis=1)  # (b, runs)
    negatives = np.add.reduceat(ordered * ~positive[order], starts, axis=1)
    below = negatives.cumsum(1) - negatives / 2
    with np.errstate(invalid="ignore"):
        return (positives * below).sum(1) / (positives.sum(1) * negatives.sum(1))


def _sum_by(
    keys: NDArray[np.int64], weights: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Sum ``(b, N)`` weights over columns with the same ``(N,)`` key: ``(b, size)``."""
    rows = len(weights)
    bins = keys + size * np.arange(rows)[:, None]
    sums = np.bincount(bins.ravel(), weights.ravel(), rows * size)
    return sums.astype(np.float64, copy=False).reshape(rows, size)


def _bins(confidence: NDArray[np.float32]) -> NDArray[np.int64]:
    """Bin of each confidence; a confidence of exactly 1 has its own bin, as in torchmetrics."""
    edges = torch.linspace(0, 1, BINS + 1)
    return (torch.bucketize(torch.from_numpy(confidence), edges, right=True) - 1).numpy()
