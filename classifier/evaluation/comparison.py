"""Comparison of several runs: summaries, metrics on the same images, learning curves."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from classifier.evaluation.bootstrap import Estimate
from classifier.evaluation.charts import plot_curves
from classifier.evaluation.measure import estimate_record
from classifier.models.model_file import LoadedClassifier
from classifier.training.state import EpochResult
from faceswap.core.documents import Items, read_json, restore_type
from faceswap.core.errors import MediaError
from faceswap.core.page import Page


@dataclass(frozen=True)
class ValidationScore:
    """Validation result of the exported epoch; None where the model does not contain it.

    Attributes:
        metric: Name of the metric, "balanced accuracy" or "mean IoU".
        score: Value of the metric, in [0, 1].
        loss: Mean cross-entropy.
        best_epoch: Number of the exported epoch.
    """

    metric: str
    score: float | None
    loss: float | None
    best_epoch: int | None


@dataclass(frozen=True)
class TrainingTime:
    """Duration of a training; None without a history.

    Attributes:
        epochs: Number of epochs done.
        seconds: Total time of the training steps in seconds.
        images_per_second: Median throughput of the epochs in images per second.
    """

    epochs: int | None = None
    seconds: float | None = None
    images_per_second: float | None = None


@dataclass(frozen=True)
class RunSummary:
    """Summary of a run.

    Attributes:
        name: Short name of the run.
        network: Registered name of the network.
        parameters: Number of parameters.
        validation: Validation result.
        training: Duration of the training.
        data: Digest of the images and their splits.
    """

    name: str
    network: str
    parameters: int
    validation: ValidationScore
    training: TrainingTime
    data: str


def short_names(paths: Sequence[Path]) -> list[str]:
    """Shortest ends of the paths that are distinct."""
    parts = [path.resolve().parts for path in paths]
    names: list[str] = []
    for length in range(1, max(map(len, parts)) + 1):
        names = [str(Path(*part[-length:])) for part in parts]
        if len(set(names)) == len(names):
            break
    return names


def read_history(folder: Path) -> list[EpochResult]:
    """Read the epochs of a run; an empty list for a model without its run.

    Raises:
        MediaError: The file is not a training history.
    """
    path = folder / "history.json"
    if not path.is_file():
        return []
    hint = "Remove the file, or train the run again."
    values = read_json(path, finite=False, error=MediaError, hint=hint)  # a loss may be NaN
    history = restore_type(values, Items[EpochResult], path, MediaError, hint)
    if not all(isfinite(entry.seconds + entry.images_per_second) for entry in history):
        raise MediaError(f"Expected finite durations in {path}.", hint)
    return history


def summarise(name: str, loaded: LoadedClassifier, history: Sequence[EpochResult]) -> RunSummary:
    """Summarise a run.

    Args:
        name: Short name of the run.
        loaded: Exported network.
        history: Epochs of the training; empty if unknown.
    """
    parameters = sum(parameter.numel() for parameter in loaded.module.parameters())
    score, time = _validation_score(loaded), _training_time(history)
    return RunSummary(name, loaded.network, parameters, score, time, loaded.data)


def _validation_score(loaded: LoadedClassifier) -> ValidationScore:
    scores = loaded.scores
    pixels = loaded.built.task == "pixels"
    epoch = scores.get("epoch")
    return ValidationScore(
        "mean IoU" if pixels else "balanced accuracy",
        scores.get("mean_iou" if pixels else "balanced_accuracy"),
        scores.get("loss"),
        None if epoch is None else int(epoch),
    )


def _training_time(history: Sequence[EpochResult]) -> TrainingTime:
    if not history:
        return TrainingTime()
    seconds = sum(entry.seconds for entry in history)
    throughput = float(np.median([entry.images_per_second for entry in history]))
    return TrainingTime(len(history), seconds, throughput)


COLUMNS = ("run", "network", "parameters", "score", "loss", "epoch", "time", "images/s")


def summary_cells(summary: RunSummary) -> tuple[str, ...]:
    """Format one row of the table of runs, in the order of ``COLUMNS``."""
    validation, training = summary.validation, summary.training
    best, done = validation.best_epoch, training.epochs
    return (
        summary.name,
        summary.network,
        f"{summary.parameters:,}",
        _number(validation.score, 4),
        _number(validation.loss, 4),
        "-" if best is None else f"{best} of {done}" if done else str(best),
        "-" if training.seconds is None else _duration(training.seconds),
        _number(training.images_per_second, 0),
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


@dataclass(frozen=True)
class RunEvaluation:
    """Evaluation of a run on the images that all runs are evaluated on.

    Attributes:
        metrics: Metrics with their intervals.
        difference: Paired differences to the first run, with intervals; None for the first run.
        trained_on: Number of these images the run was trained on.
    """

    metrics: Mapping[str, Estimate]
    difference: Mapping[str, Estimate] | None
    trained_on: int


EVALUATION_COLUMNS = ("metric", "run", "value [95 %]", "difference to first [95 %]")


def evaluation_rows(
    summaries: Sequence[RunSummary], evaluations: Sequence[RunEvaluation], titles: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """Format one row for each metric and run, in the order of ``EVALUATION_COLUMNS``."""
    return [
        (
            title if number == 0 else "",
            summary.name,
            one.metrics[name].describe(),
            "" if one.difference is None else _signed(one.difference[name]),
        )
        for name, title in titles.items()
        for number, (summary, one) in enumerate(zip(summaries, evaluations, strict=True))
    ]


def _signed(metric: Estimate) -> str:
    """Format a difference, with a star if its interval excludes 0."""
    if not np.isfinite(metric.low):
        return f"{metric.value:+.3f}"
    star = "*" if metric.low > 0 or metric.high < 0 else ""
    return f"{metric.value:+.3f} [{metric.low:+.3f}, {metric.high:+.3f}]{star}"


def as_records(
    summaries: Sequence[RunSummary],
    evaluations: Sequence[RunEvaluation],
    titles: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Build one record per run for a JSON file; NaN becomes null."""
    records = [_flat_record(summary) for summary in summaries]
    for record, one in zip(records, evaluations, strict=False):
        record["evaluated"] = {name: estimate_record(one.metrics[name]) for name in titles}
        record["trained_on"] = one.trained_on
        if one.difference is not None:
            difference = {name: estimate_record(one.difference[name]) for name in titles}
            record["difference_to_first"] = difference
    return records


def _flat_record(summary: RunSummary) -> dict[str, Any]:
    record = asdict(summary)
    validation, training = record.pop("validation"), record.pop("training")
    return record | validation | training


def write_comparison(
    path: Path,
    summaries: Sequence[RunSummary],
    histories: Sequence[Sequence[EpochResult]],
    evaluations: Sequence[RunEvaluation],
    titles: Mapping[str, str],
    notes: Sequence[str],
) -> None:
    """Write the HTML page with both tables, and validation curves over epochs and time.

    Args:
        path: HTML file.
        summaries: Summaries of the runs.
        histories: Epochs of each run.
        evaluations: Evaluations on the same images; empty for none.
        titles: Titles of the metrics, by name.
        notes: Sentences for the top of the page.
    """
    page = Page(f"Comparison of {len(summaries)} runs")
    table = page.section("Training", *notes)
    table.columns = COLUMNS
    table.rows = [summary_cells(summary) for summary in summaries]
    if evaluations:
        section = page.section(
            "Evaluation on the same images",
            "Differences are paired: both runs are resampled together. A star marks differences "
            "whose 95 % interval excludes 0.",
        )
        section.columns = EVALUATION_COLUMNS
        section.rows = evaluation_rows(summaries, evaluations, titles)
    curves = page.section("Validation curves", "Each run on its own validation images.")
    metric = summaries[0].validation.metric
    task = "pixels" if metric == "mean IoU" else "images"
    for title, ylabel, value in (
        (metric[0].upper() + metric[1:], metric, lambda entry: entry.score(task)),
        ("Loss", "cross-entropy", lambda entry: entry.loss),
    ):
        for axis in ("epoch", "training time (s)"):
            lines = {
                summary.name: (_x_values(history, axis), [value(entry) for entry in history])
                for summary, history in zip(summaries, histories, strict=True)
                if history
            }
            curves.add_plot(plot_curves(lines, axis, ylabel), f"{title} by {axis}")
    page.write(path)


def _x_values(history: Sequence[EpochResult], axis: str) -> list[float]:
    if axis == "epoch":
        return [entry.epoch for entry in history]
    return list(accumulate(entry.seconds for entry in history))
