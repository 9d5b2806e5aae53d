"""How right predicted classes of images are: numbers, and the same numbers for resamples.

The numbers themselves come from torchmetrics where it has them. The bootstrap weighs the same
images a thousand times over, which torchmetrics cannot; tests hold the weighted forms against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

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
"""Numbers of an evaluation and how they are called; the last two are better when lower."""

LOWER_IS_BETTER = frozenset({"ece", "brier"})
BINS = 15


@dataclass(frozen=True)
class ClassScores:
    """How right the predictions are for each class.

    Attributes:
        precision: ``(K,)`` share of those called so that are so.
        recall: ``(K,)`` share of those that are so that are called so.
        f1: ``(K,)`` harmonic mean of both.
        support: ``(K,)`` images of the class.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]


@dataclass(frozen=True)
class Reliability:
    """Confidence and accuracy by bins of confidence (Guo et al., 2017).

    Attributes:
        edges: ``(BINS + 1,)`` limits of the bins.
        confidence: ``(BINS,)`` mean probability of the predicted class; NaN where empty.
        accuracy: ``(BINS,)`` share that is right.
        count: ``(BINS,)`` images.
    """

    edges: NDArray[np.float64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    count: NDArray[np.int64]


class ImageScores:
    """Predictions of images, ready to be counted.

    Args:
        probabilities: ``(N, K) float32``, rows that add up to 1.
        labels: ``(N,) int64``, true classes.
    """

    def __init__(self, probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        self.probabilities, self.labels = probabilities, labels
        self.classes = probabilities.shape[1]
        self.predicted = probabilities.argmax(1)
        self.right = (self.predicted == labels).astype(np.float64)
        self.confidence = probabilities[np.arange(len(labels)), self.predicted]
        self._bins = _bins(self.confidence)
        own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        # Of (p - 1)^2 for the true class and p^2 for the others.
        self._brier = np.square(probabilities, dtype=np.float64).sum(1) - 2 * own + 1

    def values(self) -> dict[str, float]:
        """The headline numbers; NaN where one has no meaning (AUROC with one class alone)."""
        scores, labels = torch.from_numpy(self.probabilities), torch.from_numpy(self.labels)
        by_class = self.by_class()
        calibration = tm.multiclass_calibration_error(scores, labels, self.classes, n_bins=BINS)
        return {
            "accuracy": float(self.right.mean()),
            "balanced_accuracy": float(by_class.recall[by_class.support > 0].mean()),
            "macro_f1": float(tm.multiclass_f1_score(scores, labels, self.classes)),
            "auroc": self._auroc(),
            "ece": float(calibration),
            "brier": float(self._brier.mean()),
        }

    def _auroc(self) -> float:
        """One class against the rest, mean over the classes that occur; for two it is the AUROC."""
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
        """Precision, recall and F1 of each class; 0 where nothing is called so."""
        scores, labels = torch.from_numpy(self.probabilities), torch.from_numpy(self.labels)
        precision, recall, f1 = (
            metric(scores, labels, self.classes, average="none").double().numpy()
            for metric in (tm.multiclass_precision, tm.multiclass_recall, tm.multiclass_f1_score)
        )
        return ClassScores(precision, recall, f1, np.bincount(self.labels, minlength=self.classes))

    def confusion(self) -> NDArray[np.int64]:
        """``(K, K)``: images of each true class (rows) by the class they were given (columns)."""
        predicted, labels = torch.from_numpy(self.predicted), torch.from_numpy(self.labels)
        return tm.multiclass_confusion_matrix(predicted, labels, self.classes).numpy()

    def reliability(self) -> Reliability:
        """What the reliability diagram shows."""
        bins = np.minimum(self._bins, BINS - 1)  # a confidence of 1 belongs to the last bin
        count = np.bincount(bins, minlength=BINS)
        with np.errstate(invalid="ignore"):
            confidence = np.bincount(bins, self.confidence, BINS) / count
            accuracy = np.bincount(bins, self.right, BINS) / count
        return Reliability(np.linspace(0, 1, BINS + 1), confidence, accuracy, count)

    def roc(self, label: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """False and true positive rate of one class against the rest, over all thresholds."""
        false, true, _ = tm.binary_roc(
            torch.from_numpy(self.probabilities[:, label]),
            torch.from_numpy((self.labels == label).astype(np.int64)),
        )
        return false.numpy(), true.numpy()

    def weighted(self, counts: NDArray[np.float64]) -> Mapping[str, NDArray[np.float64]]:
        """The headline numbers of resamples.

        Args:
            counts: ``(b, N)`` how often each image is in each resample.

        Returns:
            ``(b,)`` of each.
        """
        total = counts.sum(1)
        recall, f1 = self._weighted_by_class(counts)
        return {
            "accuracy": counts @ self.right / total,
            "balanced_accuracy": recall,
            "macro_f1": f1,
            "auroc": self._weighted_auroc(counts),
            "ece": self._weighted_ece(counts) / total,
            "brier": counts @ self._brier / total,
        }

    def _weighted_by_class(
        self, counts: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        hits = _sum_by(self.labels, counts * self.right, self.classes)  # (b, K)
        truth = _sum_by(self.labels, counts, self.classes)
        called = _sum_by(self.predicted, counts, self.classes)
        with np.errstate(invalid="ignore"):
            # A class that a resample lacks does not count; F1 also counts one wrongly called.
            return np.nanmean(hits / truth, 1), np.nanmean(2 * hits / (truth + called), 1)

    def _weighted_ece(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        gap = self.right - self.confidence
        return np.abs(_sum_by(self._bins, counts * gap, BINS + 1)).sum(1)

    def _weighted_auroc(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        # With two classes one against the rest gives the same number twice.
        wanted = [1] if self.classes == 2 else range(self.classes)
        values = [
            weighted_auroc(self.probabilities[:, label], self.labels == label, counts)
            for label in wanted
        ]
        stacked = np.stack(values)  # (K, b)
        known = np.isfinite(stacked)
        with np.errstate(invalid="ignore"):
            return np.where(known, stacked, 0).sum(0) / known.sum(0)


def weighted_auroc(
    scores: NDArray[np.float32], positive: NDArray[np.bool_], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Chance that a positive image scores above a negative one, ties counting half.

    Args:
        scores: ``(N,)``.
        positive: ``(N,) bool``.
        counts: ``(b, N)`` how often each image is in each resample.

    Returns:
        ``(b,)``; NaN for a resample that lacks either kind.
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
    """Sums of ``(b, N)`` weights by the ``(N,)`` key of each column: ``(b, size)``."""
    rows = len(weights)
    places = keys + size * np.arange(rows)[:, None]
    sums = np.bincount(places.ravel(), weights.ravel(), rows * size)
    return sums.astype(np.float64, copy=False).reshape(rows, size)


def _bins(confidence: NDArray[np.float32]) -> NDArray[np.int64]:
    """The bin of each; exactly 1 has one of its own, as torchmetrics has it."""
    edges = torch.linspace(0, 1, BINS + 1)
    return (torch.bucketize(torch.from_numpy(confidence), edges, right=True) - 1).numpy()
