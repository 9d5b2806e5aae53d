"""The verb ``classifier evaluate``: metrics of a model, with confidence intervals."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

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
from classifier.options import Overwrite
from faceswap.core.console import TextTable, note, progress_bar, show_table
from faceswap.core.device import pick_device
from faceswap.core.errors import ConfigError
from faceswap.core.files import write_json
from faceswap.core.outputs import claim_folder

_FILES = ("metrics.json", "predictions.parquet", "report.html")
_SPLITS = ("test", "validation", "train", "all")
_MOST_NOTED = 5
_MOST_CLASSES = 40  # listed in the terminal; the report lists all


def evaluate(
    model: Annotated[Path, typer.Argument(help="Run directory, or its model/ directory.")],
    data: Annotated[Path, typer.Argument(help="Data set in any format that train accepts.")],
    split: Annotated[
        str | None,
        typer.Option(
            help="Split: test, validation, train or all. Default: test, else validation, else all."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Directory for the report, the metrics and the predictions."
        ),
    ] = None,
    resamples: Annotated[int, typer.Option(min=10, help="Bootstrap resamples.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 64,
    device: Annotated[str, typer.Option(help="Device: auto, cpu, cuda, cuda:N or mps.")] = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Evaluate a model: accuracy, F1, AUROC, calibration or IoU, with 95 % intervals.

    On the data of the run, the splits are those of the training.
    """
    if split not in (None, *_SPLITS):
        raise ConfigError(f"Unknown split {split!r}.", f"Choose one of {', '.join(_SPLITS)}.")
    place = pick_device(device)
    with claim_folder(output, _FILES, "the evaluation", overwrite=overwrite):
        loaded, run = load_model(model), read_run(model)
        opened = open_evaluation_data(data, loaded, run)
        chosen, samples = opened.select(split)
        reader = SampleReader(loaded, opened.dataset, run)
        with progress_bar(f"evaluate {chosen}", len(samples), unit="images") as advance:
            result = measure(reader, samples, batch_size=batch_size, device=place, on_image=advance)
        facts = _facts(model, opened, chosen, result, reader)
        with progress_bar("intervals", resamples, unit="resamples") as advance:
            numbers = with_intervals(result, resamples, seed, advance)
        _show(result, numbers, chosen, loaded.classes)
        if output is not None:
            record = {"model": str(model), "weights_sha256": loaded.digest, "data": str(data)}
            record |= {
                "split": chosen,
                "trained_on": _leaked(opened, result),
                "resamples": resamples,
            }
            _write(output, record, facts, result, numbers, reader, opened)


def _facts(
    model: Path, opened: EvaluationData, split: str, result: Evaluation, reader: SampleReader
) -> list[str]:
    """Report skipped and training images; the sentences also go into the report."""
    for path, reason in reader.skipped[:_MOST_NOTED]:
        note(f"Skipped {path}: {reason}")
    network = reader.loaded.network
    facts = [
        f"{network} from {model}, on {len(result.samples)} images of {opened.dataset.root} "
        f"({'all splits' if split == 'all' else split}).",
        opened.origin,
    ]
    if reader.skipped:
        facts.append(f"{len(reader.skipped)} images could not be read and were skipped.")
    groups = {sample.group for sample in result.samples if sample.group}
    if groups:
        facts.append(
            f"Intervals resample {len(groups)} groups instead of single images."
            if len(groups) > 1
            else "All images belong to one group, so there are no intervals."
        )
    if leaked := _leaked(opened, result):
        facts.append(
            f"Warning: {leaked} of these images were used to train the network; its scores on them "
            "are too optimistic."
        )
    for fact in [*opened.dataset.notes, *facts[1:]]:
        note(fact)
    return facts


def _leaked(opened: EvaluationData, result: Evaluation) -> int:
    return sum(sample.name in opened.train_names for sample in result.samples)


def _show(
    result: Evaluation, numbers: dict[str, Estimate], split: str, classes: Sequence[str]
) -> None:
    table = TextTable("", "value", "95 % interval", title=f"{len(result.samples)} images, {split}")
    for name, title in headline_titles(result).items():
        number = numbers[name]
        table.add_row(title, f"{number.value:.4f}", number.interval())
    show_table(table)
    if len(classes) <= _MOST_CLASSES:
        heads, rows = class_table(result, numbers, classes)
        table = TextTable(*heads)
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
    opened: EvaluationData,
) -> None:
    classes = reader.loaded.classes
    skipped = [[str(path), reason] for path, reason in reader.skipped]
    record |= {"skipped": skipped, **as_record(result, numbers, classes)}
    metrics, predictions, report = (output / name for name in _FILES)
    write_json(metrics, record)
    write_table(predictions, result.to_table(classes, opened.split_of()))
    title = f"{reader.loaded.network}: evaluation on {len(classes)} classes"
    write_page(report, title, facts, result, numbers, reader)
    note(f"Report, metrics and predictions: {output}")
