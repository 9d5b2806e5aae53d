"""Measures a network on images: predictions, their scores, and the intervals of these."""

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
from classifier.evaluation.bootstrap import Estimate, estimate, units_of
from classifier.evaluation.pixel_scoring import PixelScores, count_pixels
from classifier.evaluation.sample_reader import SampleReader
from classifier.evaluation.scoring import ImageScores
from classifier.models.inference import predict_images
from faceswap.core.errors import MediaError
from faceswap.core.files import atomic_path

Report = Callable[[int], None]


@dataclass(frozen=True)
class ImageEvaluation:
    """Predictions of images.

    Attributes:
        samples: What could be read.
        scores: Their probabilities and labels.
    """

    samples: tuple[Sample, ...]
    scores: ImageScores

    def mistakes(self, most: int) -> list[int]:
        """Positions of the wrong ones, the surest first."""
        wrong = np.flatnonzero(self.scores.correct == 0)
        return wrong[np.argsort(-self.scores.confidence[wrong], kind="stable")][:most].tolist()

    def rows(self, classes: Sequence[str], split_of: dict[str, str]) -> pa.Table:
        """A row for each image."""
        scores = self.scores
        return pa.table(
            {
                **_about(self.samples, split_of),
                "label": [classes[label] for label in scores.labels],
                "predicted": [classes[label] for label in scores.predicted],
                "right": scores.correct.astype(bool),
                "probability": scores.confidence,
                "probabilities": list(scores.probabilities),
            }
        )


@dataclass(frozen=True)
class PixelEvaluation:
    """Predictions of pixels, counted image by image.

    Attributes:
        samples: What could be read.
        scores: Their confusion matrices.
    """

    samples: tuple[Sample, ...]
    scores: PixelScores

    def ranked(self) -> list[int]:
        """Positions from the lowest mean IoU to the highest; without those that have no mask."""
        values = self.scores.by_image()
        order = np.argsort(values, kind="stable")  # NaN comes last
        return [int(position) for position in order if np.isfinite(values[position])]

    def rows(self, classes: Sequence[str], split_of: dict[str, str]) -> pa.Table:
        """A row for each image."""
        counts = self.scores.confusions
        total = np.maximum(counts.sum((1, 2)), 1)
        iou = pixel_scoring.class_iou(counts)
        return pa.table(
            {
                **_about(self.samples, split_of),
                "mean_iou": self.scores.by_image(),
                "pixel_accuracy": np.trace(counts, axis1=1, axis2=2) / total,
                **{f"iou_{name}": iou[:, label] for label, name in enumerate(classes)},
            }
        )


Evaluation = ImageEvaluation | PixelEvaluation


def _about(samples: Sequence[Sample], split_of: dict[str, str]) -> dict[str, Any]:
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
    on_image: Report = lambda _: None,
) -> Evaluation:
    """Predicts samples and counts what is right.

    Args:
        reader: Reads them for its network.
        samples: Which.
        batch_size: Images at a time.
        device: Where to compute.
        on_image: Called with the number of images that were just read or left out.

    Raises:
        MediaError: None can be read.
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
        raise MediaError("There are no images to evaluate.", "Choose another --split.")
    if loaded.built.task == "images":
        scores = ImageScores(np.concatenate(found), np.concatenate(labels))
        return ImageEvaluation(tuple(kept), scores)
    return PixelEvaluation(tuple(kept), PixelScores(np.stack(found)))


def headlines(result: Evaluation) -> dict[str, str]:
    """Names of the numbers of an evaluation and how they are called."""
    if isinstance(result, ImageEvaluation):
        return scoring.HEADLINES
    return pixel_scoring.HEADLINES


def with_intervals(
    result: Evaluation, resamples: int, seed: int = 0, on_resamples: Report = lambda _: None
) -> dict[str, Estimate]:
    """All numbers with their 95 % intervals: images, or the groups they come in, are redrawn."""
    units = units_of([sample.group for sample in result.samples])
    scores = result.scores
    values = scores.values()
    return estimate(
        values, scores.weighted, units, resamples=resamples, seed=seed, on_resamples=on_resamples
    )


def difference(
    first: Evaluation, other: Evaluation, resamples: int, seed: int = 0
) -> dict[str, Estimate]:
    """How much higher each number of ``other`` is, with the interval of that difference.

    Both must be of the same images, which are redrawn together, so that images that are hard for
    both do not widen the interval.
    """
    assert first.samples == other.samples, "compared on the same images"
    units = units_of([sample.group for sample in first.samples])
    before, after = first.scores.values(), other.scores.values()
    values = {name: after[name] - before[name] for name in before}

    def statistic(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        old, new = first.scores.weighted(counts), other.scores.weighted(counts)
        return {name: new[name] - old[name] for name in values}

    return estimate(values, statistic, units, resamples=resamples, seed=seed)


Row = tuple[str | int | float, ...]


def each_class(
    result: Evaluation, numbers: Mapping[str, Estimate], classes: Sequence[str]
) -> tuple[tuple[str, ...], list[Row]]:
    """Heads and rows of the table of classes; a dash where a class has no value."""
    if isinstance(result, ImageEvaluation):
        table = result.scores.by_class()
        shares = (table.precision, table.recall, table.f1)
        return ("class", "precision", "recall", "F1", "images"), [
            (name, *(_rounded(share[label]) for share in shares), int(table.support[label]))
            for label, name in enumerate(classes)
        ]
    confusion = result.scores.confusion()
    accuracy = pixel_scoring.class_accuracy(confusion)
    share = 100 * confusion.sum(1) / max(1, confusion.sum())
    return ("class", "IoU", "95 % interval", "accuracy", "% of pixels"), [
        (
            name,
            _rounded(numbers[f"iou/{label}"].value),
            numbers[f"iou/{label}"].interval(3),
            _rounded(accuracy[label]),
            _rounded(share[label], 2),
        )
        for label, name in enumerate(classes)
    ]


def _rounded(value: float, digits: int = 3) -> float | str:
    return round(float(value), digits) if np.isfinite(value) else "-"


def as_record(
    result: Evaluation, numbers: dict[str, Estimate], classes: Sequence[str]
) -> dict[str, Any]:
    """What ``metrics.json`` holds of an evaluation; NaN becomes null."""
    by_class: dict[str, dict[str, Any]] = {}
    if isinstance(result, ImageEvaluation):
        table = result.scores.by_class()
        for label, name in enumerate(classes):
            by_class[name] = {
                "precision": float(table.precision[label]),
                "recall": float(table.recall[label]),
                "f1": float(table.f1[label]),
                "support": int(table.support[label]),
            }
    else:
        for label, name in enumerate(classes):
            by_class[name] = {"iou": _plain(numbers[f"iou/{label}"])}
    return {
        "images": len(result.samples),
        "metrics": {name: _plain(numbers[name]) for name in headlines(result)},
        "classes": by_class,
        "confusion": result.scores.confusion().tolist(),
    }


def _plain(number: Estimate) -> dict[str, float | None]:
    parts = {"value": number.value, "low": number.low, "high": number.high}
    return {name: value if np.isfinite(value) else None for name, value in parts.items()}


def write_rows(path: Path, table: pa.Table) -> None:
    """Writes a table as Parquet, complete or not at all."""
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary)
