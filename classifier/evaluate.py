"""The verb ``classifier evaluate``: measures a network on images it has not seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from classifier.evaluation.bootstrap import Estimate
from classifier.evaluation.measure import (
    Evaluation,
    as_record,
    class_table,
    headline_titles,
    measure,
    with_intervals,
    write_table,
)
from classifier.evaluation.page import write_page
from classifier.evaluation.run_data import EvaluationData, open_evaluation_data, read_run
from classifier.evaluation.sample_reader import SampleReader
from classifier.models.model_file import load_model
from faceswap.core.console import note, progress_bar, show_table
from faceswap.core.device import pick_device
from faceswap.core.errors import ConfigError
from faceswap.core.files import write_json

_SPLITS = ("test", "validation", "train", "all")
_MOST_NOTED = 5
_MOST_CLASSES = 40  # that a terminal shows; the page and the file have all


def evaluate(
    model: Annotated[Path, typer.Argument(help="A run, or the model folder in it.")],
    data: Annotated[Path, typer.Argument(help="Data of any kind that train takes.")],
    split: Annotated[
        str | None,
        typer.Option(
            help="test, validation, train or all; else the first there is of the first 2."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder for the page, the numbers and the predictions."
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(min=10, help="Resamples for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 64,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Measure a network: accuracy, F1, AUROC, calibration or IoU, with 95 % intervals.

    Of a run's own data, what the run kept aside is "validation".
    """
    if split not in (None, *_SPLITS):
        raise ConfigError(f"There is no split {split!r}.", f"Choose one of {', '.join(_SPLITS)}.")
    place = pick_device(device)
    loaded, run = load_model(model), read_run(model)
    known = open_evaluation_data(data, loaded, run)
    chosen, samples = known.select(split)
    reader = SampleReader(loaded, known.dataset, run)
    with progress_bar(f"evaluate {chosen}", len(samples), unit="images") as advance:
        result = measure(reader, samples, batch_size=batch_size, device=place, on_image=advance)
    facts = _facts(model, known, chosen, result, reader)
    with progress_bar("intervals", resamples, unit="resamples") as advance:
        numbers = with_intervals(result, resamples, seed, advance)
    _show(result, numbers, chosen, loaded.classes)
    if output is not None:
        record = {"model": str(model), "weights_sha256": loaded.digest, "data": str(data)}
        record |= {"split": chosen, "trained_on": _leaked(known, result), "resamples": resamples}
        _write(output, record, facts, result, numbers, reader, known)


def _facts(
    model: Path, known: EvaluationData, split: str, result: Evaluation, reader: SampleReader
) -> list[str]:
    """Says what was left out and what was trained on; the sentences go on the page too."""
    for path, reason in reader.skipped[:_MOST_NOTED]:
        note(f"Skipped {path}: {reason}")
    network = reader.loaded.network
    facts = [
        f"{network} from {model}, on {len(result.samples)} images of {known.dataset.root} "
        f"({'all splits' if split == 'all' else split}).",
        known.origin,
    ]
    if reader.skipped:
        facts.append(f"{len(reader.skipped)} images could not be read and are left out.")
    groups = {sample.group for sample in result.samples if sample.group}
    if groups:
        facts.append(
            f"Intervals redraw {len(groups)} groups, not single images."
            if len(groups) > 1
            else "All images are of one group, so there are no intervals."
        )
    if leaked := _leaked(known, result):
        facts.append(
            f"Warning: the network was trained on {leaked} of these images. It knows them, so the "
            "numbers say nothing about images it has not seen."
        )
    for fact in [*known.dataset.notes, *facts[1:]]:
        note(fact)
    return facts


def _leaked(known: EvaluationData, result: Evaluation) -> int:
    return sum(sample.name in known.train_names for sample in result.samples)


def _show(
    result: Evaluation, numbers: dict[str, Estimate], split: str, classes: Sequence[str]
) -> None:
    table = Table("", "value", "95 % interval", title=f"{len(result.samples)} images, {split}")
    for name, title in headline_titles(result).items():
        number = numbers[name]
        table.add_row(title, f"{number.value:.4f}", number.interval())
    show_table(table)
    if len(classes) <= _MOST_CLASSES:
        heads, rows = class_table(result, numbers, classes)
        table = Table(*heads)
        for row in rows:
            table.add_row(*map(str, row))
        show_table(table)


def _write(
    output: Path,
    record: dict[str, Any],
    facts: list[str],
    result: Evaluation,
    numbers: dict[str, Estimate],
    reader: SampleReader,
    known: EvaluationData,
) -> None:
    classes = reader.loaded.classes
    skipped = [[str(path), reason] for path, reason in reader.skipped]
    record |= {"skipped": skipped, **as_record(result, numbers, classes)}
    write_json(output / "metrics.json", record)
    write_table(output / "predictions.parquet", result.to_table(classes, known.split_of()))
    title = f"How well {reader.loaded.network} tells {len(classes)} classes apart"
    write_page(output / "report.html", title, facts, result, numbers, reader)
    note(f"Page, numbers and predictions: {output}")
