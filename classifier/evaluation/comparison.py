"""Several runs side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from classifier.evaluation.bootstrap import Estimate
from classifier.evaluation.charts import plot_curves
from classifier.models.model_file import LoadedClassifier
from classifier.training.state import EpochResult
from faceswap.core.errors import MediaError
from faceswap.core.files import read_json
from faceswap.core.page import Page


@dataclass(frozen=True)
class RunSummary:
    """How a training went.

    Attributes:
        name: Of the run, as the user wrote it.
        network: Its name.
        parameters: Numbers that it has learnt.
        metric: "balanced accuracy" or "mean IoU".
        score: Of the exported epoch on the images kept aside; None where the model says nothing.
        loss: Cross-entropy there.
        best_epoch: The exported one.
        epochs: Epochs done; None without a history.
        seconds: Time of all training steps.
        images_per_second: Median over the epochs.
        data: Digest of the images and their splits.
    """

    name: str
    network: str
    parameters: int
    metric: str
    score: float | None
    loss: float | None
    best_epoch: int | None
    epochs: int | None
    seconds: float | None
    images_per_second: float | None
    data: str


def short_names(paths: Sequence[Path]) -> list[str]:
    """As much of the end of each path as tells them apart."""
    parts = [path.resolve().parts for path in paths]
    names: list[str] = []
    for length in range(1, max(map(len, parts)) + 1):
        names = [str(Path(*part[-length:])) for part in parts]
        if len(set(names)) == len(names):
            break
    return names


def read_history(folder: Path) -> list[EpochResult]:
    """Epochs of a run; none for a model that came alone.

    Raises:
        MediaError: The file is not ours.
    """
    path = folder / "history.json"
    if not path.is_file():
        return []
    try:
        return [EpochResult(**entry) for entry in read_json(path)]
    except (ValueError, TypeError) as error:
        raise MediaError(
            f"{path} is no history of a run ({error}).", "Remove it, or train the run again."
        ) from error


def summarise(name: str, loaded: LoadedClassifier, history: Sequence[EpochResult]) -> RunSummary:
    """The numbers of one run."""
    pixels = loaded.built.task == "pixels"
    scores = loaded.scores
    epoch = scores.get("epoch")
    return RunSummary(
        name,
        loaded.network,
        sum(parameter.numel() for parameter in loaded.module.parameters()),
        "mean IoU" if pixels else "balanced accuracy",
        scores.get("mean_iou" if pixels else "balanced_accuracy"),
        scores.get("loss"),
        None if epoch is None else int(epoch),
        len(history) or None,
        sum(entry.seconds for entry in history) if history else None,
        float(np.median([entry.images_per_second for entry in history])) if history else None,
        loaded.data,
    )


COLUMNS = ("run", "network", "parameters", "score", "loss", "epoch", "time", "images/s")


def summary_cells(summary: RunSummary) -> tuple[str, ...]:
    """One row of the table, in the order of ``COLUMNS``."""
    best, done = summary.best_epoch, summary.epochs
    return (
        summary.name,
        summary.network,
        f"{summary.parameters:,}",
        _number(summary.score, 4),
        _number(summary.loss, 4),
        "-" if best is None else f"{best} of {done}" if done else str(best),
        "-" if summary.seconds is None else _duration(summary.seconds),
        _number(summary.images_per_second, 0),
    )


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes / 60:.1f} h"


@dataclass(frozen=True)
class Measured:
    """A run evaluated on the images that all are evaluated on.

    Attributes:
        numbers: With their intervals.
        difference: To the first run's, with intervals; None for the first itself.
        trained_on: How many of the images it was trained on.
    """

    numbers: Mapping[str, Estimate]
    difference: Mapping[str, Estimate] | None
    trained_on: int


MEASURED_COLUMNS = ("", "run", "value [95 %]", "to the first [95 %]")


def measured_rows(
    summaries: Sequence[RunSummary], measured: Sequence[Measured], titles: Mapping[str, str]
) -> list[tuple[str, ...]]:
    """A row for each number of each run, in the order of ``MEASURED_COLUMNS``."""
    return [
        (
            title if number == 0 else "",
            summary.name,
            one.numbers[key].describe(),
            "" if one.difference is None else _signed(one.difference[key]),
        )
        for key, title in titles.items()
        for number, (summary, one) in enumerate(zip(summaries, measured, strict=True))
    ]


def _signed(number: Estimate) -> str:
    """A difference; a star where its interval leaves out 0."""
    if not np.isfinite(number.low):
        return f"{number.value:+.3f}"
    star = "*" if number.low > 0 or number.high < 0 else ""
    return f"{number.value:+.3f} [{number.low:+.3f}, {number.high:+.3f}]{star}"


def as_records(
    summaries: Sequence[RunSummary],
    measured: Sequence[Measured],
    titles: Mapping[str, str],
) -> list[dict[str, Any]]:
    """What the JSON file holds of each run; NaN becomes null."""
    records = [asdict(summary) for summary in summaries]
    for record, one in zip(records, measured, strict=False):
        record["evaluated"] = _plain(one.numbers, titles)
        record["trained_on"] = one.trained_on
        if one.difference is not None:
            record["difference_to_first"] = _plain(one.difference, titles)
    return records


def _plain(
    numbers: Mapping[str, Estimate], titles: Mapping[str, str]
) -> dict[str, dict[str, float | None]]:
    return {
        name: {
            part: value if np.isfinite(value) else None
            for part, value in asdict(numbers[name]).items()
        }
        for name in titles
    }


def write_comparison(
    path: Path,
    summaries: Sequence[RunSummary],
    histories: Sequence[Sequence[EpochResult]],
    measured: Sequence[Measured],
    titles: Mapping[str, str],
    facts: Sequence[str],
) -> None:
    """The page: both tables, and curves over epochs and over time."""
    page = Page(f"{len(summaries)} runs compared")
    table = page.section("Training", *facts)
    table.columns = COLUMNS
    table.rows = [summary_cells(summary) for summary in summaries]
    if measured:
        section = page.section(
            "On the same images",
            "Differences come from resamples of the same images for both runs. A star: the 95 % "
            "interval leaves out 0.",
        )
        section.columns = MEASURED_COLUMNS
        section.rows = measured_rows(summaries, measured, titles)
    curves = page.section("Curves", "On the images that each run kept aside.")
    task = "pixels" if summaries[0].metric == "mean IoU" else "images"
    for title, up, value in (
        (summaries[0].metric, summaries[0].metric, lambda entry: entry.score(task)),
        ("loss", "cross-entropy", lambda entry: entry.loss),
    ):
        for across in ("epoch", "seconds of training"):
            lines = {
                summary.name: (_across(history, across), [value(entry) for entry in history])
                for summary, history in zip(summaries, histories, strict=True)
                if history
            }
            curves.add_plot(plot_curves(lines, across, up), f"{title} by {across}")
    page.write(path)


def _across(history: Sequence[EpochResult], axis: str) -> list[float]:
    if axis == "epoch":
        return [entry.epoch for entry in history]
    return list(accumulate(entry.seconds for entry in history))
