"""Evaluation of a network: predictions, metrics, and confidence intervals of the metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from classifier.data import Sample
from classifier.evaluation import pixel_scoring, scoring
from classifier.evaluation.bootstrap import Estimate, estimate, resampling_units
from classifier.evaluation.pixel_scoring import PixelScores, count_pixels
from classifier.evaluation.sample_reader import SampleReader
from classifier.evaluation.scoring import ImageScores
from classifier.models.inference import predict_images
from faceswap.core.errors import MediaError
from faceswap.core.files import atomic_path

OnCount = Callable[[int], None]


@dataclass(frozen=True)
class ImageEvaluation:
    """Predictions of an image classifier.

    Attributes:
        samples: Evaluated samples; unreadable ones are left out.
        scores: Predicted probabilities and labels.
    """

    samples: tuple[Sample, ...]
    scores: ImageScores

    def mistakes(self, most: int) -> list[int]:
        """Indices of up to ``most`` misclassified samples, highest confidence first."""
        wrong = np.flatnonzero(self.scores.correct == 0)
        return wrong[np.argsort(-self.scores.confidence[wrong], kind="stable")][:most].tolist()

    def to_table(self, classes: Sequence[str], split_of: Mapping[str, str]) -> pa.Table:
        """Build a table with one row per image.

        Args:
            classes: Class names.
            split_of: Split of each sample, by sample name.
        """
        scores = self.scores
        return pa.table(
            {
                **_sample_columns(self.samples, split_of),
                "label": [classes[label] for label in scores.labels],
                "predicted": [classes[label] for label in scores.predicted],
                "correct": scores.correct.astype(bool),
                "probability": scores.confidence,
                "probabilities": list(scores.probabilities),
            }
        )


@dataclass(frozen=True)
class PixelEvaluation:
    """Predictions of a segmentation network, counted image by image.

    Attributes:
        samples: Evaluated samples; unreadable ones are left out.
        scores: Confusion matrix of each image.
    """

    samples: tuple[Sample, ...]
    scores: PixelScores

    def ranked(self) -> list[int]:
        """Indices by increasing mean IoU, without images that have no labelled pixels."""
        values = self.scores.by_image()
        order = np.argsort(values, kind="stable")  # NaN comes last
        return [int(position) for position in order if np.isfinite(values[position])]

    def to_table(self, classes: Sequence[str], split_of: Mapping[str, str]) -> pa.Table:
        """Build a table with one row per image.

        Args:
            classes: Class names.
            split_of: Split of each sample, by sample name.
        """
        counts = self.scores.confusions
        total = np.maximum(counts.sum((1, 2)), 1)
        iou = pixel_scoring.class_iou(counts)
        return pa.table(
            {
                **_sample_columns(self.samples, split_of),
                "mean_iou": self.scores.by_image(),
                "pixel_accuracy": np.trace(counts, axis1=1, axis2=2) / total,
                **{f"iou_{name}": iou[:, label] for label, name in enumerate(classes)},
            }
        )


Evaluation = ImageEvaluation | PixelEvaluation


def _sample_columns(samples: Sequence[Sample], split_of: Mapping[str, str]) -> dict[str, Any]:
    return {
        "path": [sample.name for sample in samples],
        "split": [split_of.get(sample.name) for sample in samples],
        "group": [sample.group or None for sample in samples],
    }


def measure(
    reader: SampleReader,
    samples: Sequence[Sample],
    *,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    on_image: OnCount = lambda _: None,
) -> Evaluation:
    """Predict samples and compare the predictions with their labels.

    Args:
        reader: Reader of the samples, with the network.
        samples: Samples to evaluate.
        batch_size: Images per batch.
        device: Device of the network.
        on_image: Called with the number of images read or skipped since the last call.

    Raises:
        MediaError: No sample is readable.
    """
    loaded, classes = reader.loaded, len(reader.loaded.classes)
    kept: list[Sample] = []
    found: list[NDArray] = []
    labels: list[NDArray] = []
    for data in reader.chunks(samples, on_image):
        batches = predict_images(loaded, data.images, batch_size, device)
        first = 0
        for probabilities in batches:
            truth = data.labels[first : first + len(probabilities)]
            first += len(probabilities)
            if loaded.built.task == "images":
                found.append(probabilities)
                labels.append(truth)
            else:
                predicted = probabilities.argmax(1).astype(np.uint8)
                pairs = zip(predicted, truth, strict=True)
                found += [count_pixels(image, mask, classes) for image, mask in pairs]
        kept += data.samples
    if not kept:
        raise MediaError("Found no readable image to evaluate.", "Choose another --split.")
    if loaded.built.task == "images":
        scores = ImageScores(np.concatenate(found), np.concatenate(labels))
        return ImageEvaluation(tuple(kept), scores)
    return PixelEvaluation(tuple(kept), PixelScores(np.stack(found)))


def headline_titles(result: Evaluation) -> dict[str, str]:
    """Titles of the headline metrics of an evaluation, by name."""
    if isinstance(result, ImageEvaluation):
        return scoring.HEADLINES
    return pixel_scoring.HEADLINES


def with_intervals(
    result: Evaluation, resamples: int, seed: int = 0, on_resamples: OnCount = lambda _: None
) -> dict[str, Estimate]:
    """Compute all metrics with 95 % bootstrap intervals.

    Args:
        result: Evaluation.
        resamples: Number of resamples of the images, or of their groups.
        seed: Random seed.
        on_resamples: Called with the number of resamples done since the last call.
    """
    units = resampling_units([sample.group for sample in result.samples])
    scores = result.scores
    values = scores.values()
    return estimate(
        values, scores.weighted, units, resamples=resamples, seed=seed, on_resamples=on_resamples
    )


def difference(
    first: Evaluation, other: Evaluation, resamples: int, seed: int = 0
) -> dict[str, Estimate]:
    """Compute the paired difference ``other - first`` of each metric, with its 95 % interval.

    Both evaluations are resampled together, so that images that are hard for both networks do not
    widen the interval.

    Args:
        first: Evaluation of the reference network.
        other: Evaluation of another network on the same samples.
        resamples: Number of resamples.
        seed: Random seed.
    """
    assert first.samples == other.samples, "evaluations of different samples"
    units = resampling_units([sample.group for sample in first.samples])
    before, after = first.scores.values(), other.scores.values()
    values = {name: after[name] - before[name] for name in before}

    def statistic(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        old, new = first.scores.weighted(counts), other.scores.weighted(counts)
        return {name: new[name] - old[name] for name in values}

    return estimate(values, statistic, units, resamples=resamples, seed=seed)


Row = tuple[str | int | float, ...]


def class_table(
    result: Evaluation, metrics: Mapping[str, Estimate], classes: Sequence[str]
) -> tuple[tuple[str, ...], list[Row]]:
    """Build the table of per-class metrics with their 95 % intervals.

    Args:
        result: Evaluation.
        metrics: Metrics from ``with_intervals``.
        classes: Class names.

    Returns:
        Column titles and rows; "-" for an undefined metric.
    """
    confusion = result.scores.confusion()
    support = confusion.sum(1)
    if isinstance(result, ImageEvaluation):
        titles, size = ("precision", "recall", "F1"), ("images", support.tolist())
    else:
        fractions = (100 * support / max(1, support.sum())).round(2)
        titles, size = ("IoU", "accuracy"), ("% of pixels", fractions.tolist())
    return ("class", *(f"{title} [95 %]" for title in titles), size[0]), [
        (
            name,
            *(_cell(metrics[f"{title.lower()}/{label}"]) for title in titles),
            size[1][label],
        )
        for label, name in enumerate(classes)
    ]


def _cell(metric: Estimate) -> str:
    return metric.describe(3) if np.isfinite(metric.value) else "-"


def as_record(
    result: Evaluation, metrics: Mapping[str, Estimate], classes: Sequence[str]
) -> dict[str, Any]:
    """Build the record of an evaluation for a JSON file; NaN becomes null.

    Args:
        result: Evaluation.
        metrics: Metrics from ``with_intervals``.
        classes: Class names.
    """
    images = isinstance(result, ImageEvaluation)
    names = ("precision", "recall", "f1") if images else ("iou", "accuracy")
    confusion = result.scores.confusion()
    by_class = {
        title: {
            **{name: estimate_record(metrics[f"{name}/{label}"]) for name in names},
            "support": int(confusion[label].sum()),
        }
        for label, title in enumerate(classes)
    }
    return {
        "images": len(result.samples),
        "metrics": {name: estimate_record(metrics[name]) for name in headline_titles(result)},
        "classes": by_class,
        "confusion": confusion.tolist(),
    }


def estimate_record(metric: Estimate) -> dict[str, float | None]:
    """Convert an estimate to a JSON object; NaN becomes null."""
    values = {"value": metric.value, "low": metric.low, "high": metric.high}
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as Parquet, atomically."""
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)
