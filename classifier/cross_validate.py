"""The verb ``classifier cross-validate``: k-fold cross-validation of a recipe."""

import json
import math
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated

import typer

from classifier.console_reporter import ConsoleReporter
from classifier.data import open_dataset
from classifier.evaluation.bootstrap import Estimate
from classifier.evaluation.cross_validation import (
    RESULTS,
    evaluate_fold,
    make_folds,
    open_fold,
    pool,
    write_folds,
)
from classifier.evaluation.measure import (
    Evaluation,
    as_record,
    headline_titles,
    with_intervals,
    write_table,
)
from classifier.options import (
    AllowChanges,
    Changes,
    Classes,
    Config,
    Epochs,
    Model,
    Pretrained,
    TransferMode,
    Weights,
    shorthands,
)
from classifier.training.run import run_training
from classifier.training.run_directory import RunDirectory
from classifier.training.settings import Settings
from classifier.training.training_data import resolve_class_file
from faceswap.core.config import load_config
from faceswap.core.console import TextTable, note, show_table
from faceswap.core.device import pick_device
from faceswap.core.files import write_json
from faceswap.core.locks import hold_folder

_RESAMPLES = 2000


def cross_validate(
    data: Annotated[
        Path, typer.Argument(help="Data set in any format that train accepts, except idx.")
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Directory of the runs; existing runs are resumed."),
    ],
    count: Annotated[int, typer.Option("--folds", min=2, help="Number of folds.")] = 5,
    config: Config = None,
    model: Model = None,
    pretrained: Pretrained = False,
    weights: Weights = None,
    transfer: TransferMode = None,
    epochs: Epochs = None,
    classes: Classes = None,
    allow_changes: AllowChanges = False,
    changes: Changes = None,
) -> None:
    """Train one network per fold and evaluate it on that fold.

    Every image is predicted once, by a network that was not trained on it. If the command is
    interrupted, run it again to resume.
    """
    named = shorthands(model, weights, transfer, epochs, classes, pretrained=pretrained)
    # Early stopping would select the epoch on the images that are evaluated.
    overrides = [*(changes or []), *named, "patience=0"]
    settings = load_config(Settings, RunDirectory.section, config, overrides)
    place = str(pick_device(settings.device))
    given = resolve_class_file(settings.data.classes)
    dataset = open_dataset(data, settings.data.group, given)
    for line in dataset.notes:
        note(line)
    members = make_folds(dataset, count, settings.seed)
    with hold_folder(output, "the cross-validation"):
        lists, order = write_folds(members, given, output)
        if order is not None:
            overrides.append(f"data.classes={json.dumps(str(order))}")
        evaluations: list[Evaluation] = []
        for number, listed in enumerate(lists, start=1):
            note(f"Fold {number} of {count}")
            run = RunDirectory(output / listed.stem)
            resolved = run.resolve_config(config, overrides)
            _train(listed, resolved, run, allow_changes=allow_changes)
            fold = open_fold(listed, order, dataset.classes)
            batch_size = resolved.data.batch_size
            evaluations.append(evaluate_fold(fold, run, batch_size=batch_size, device=place))
        _report(evaluations, dataset.classes, output, settings.seed)


def _train(data: Path, settings: Settings, run: RunDirectory, *, allow_changes: bool) -> None:
    result = run_training(data, settings, run, ConsoleReporter(), allow_changes=allow_changes)
    if result.signal:
        note("Stopped and saved. Run the same command to resume.")
        raise typer.Exit(128 + result.signal)


def _report(folds: list[Evaluation], classes: tuple[str, ...], output: Path, seed: int) -> None:
    whole = pool(folds)
    numbers = with_intervals(whole, _RESAMPLES, seed)
    single = [fold.scores.values() for fold in folds]
    table = TextTable("", "all folds", "95 % interval", "mean of folds", "std of folds")
    for name, title in headline_titles(whole).items():
        values = [values[name] for values in single]
        table.add_row(title, *_cells(numbers[name], values))
    show_table(table)
    write_table(output / RESULTS[0], whole.to_table(classes, {}))
    record = as_record(whole, numbers, classes)
    record["folds"] = [{name: _plain(value) for name, value in values.items()} for values in single]
    write_json(output / RESULTS[1], record)
    note(f"Metrics and predictions: {output}")


def _cells(number: Estimate, values: list[float]) -> list[str]:
    return [
        f"{number.value:.4f}",
        number.interval(),
        f"{mean(values):.4f}",
        f"{stdev(values):.4f}",
    ]


def _plain(value: float) -> float | None:
    """None for values that JSON cannot represent (NaN, infinity)."""
    return value if math.isfinite(value) else None
