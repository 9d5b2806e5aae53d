"""The verb ``classifier compare``: several runs in one table."""

from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.table import Table

from classifier.evaluation.comparison import (
    COLUMNS,
    EVALUATION_COLUMNS,
    RunEvaluation,
    RunSummary,
    as_records,
    evaluation_rows,
    read_history,
    short_names,
    summarise,
    summary_cells,
    write_comparison,
)
from classifier.evaluation.measure import (
    Evaluation,
    difference,
    headline_titles,
    measure,
    with_intervals,
)
from classifier.evaluation.run_data import open_evaluation_data, read_run
from classifier.evaluation.sample_reader import SampleReader
from classifier.models.model_file import LoadedClassifier, load_model
from faceswap.core.console import note, progress_bar, show_table
from faceswap.core.device import pick_device
from faceswap.core.errors import ConfigError, MediaError
from faceswap.core.files import write_json


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Runs, or the model folders in them.")],
    data: Annotated[
        Path | None, typer.Option(help="Data to evaluate all of them on, with intervals.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Of --data: test, validation, train or all, as the first run divides."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML page with tables and curves.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for all numbers.")] = None,
    resamples: Annotated[int, typer.Option(min=10, help="Resamples for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Images at a time.")] = 64,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Show several runs side by side: network, size, score, time, and on the same images.

    Differences to the first run are measured on the same resamples, so they have intervals too.
    """
    if len({run.resolve() for run in runs}) < len(runs):
        raise ConfigError("A run was given twice.", "Give each run once.")
    place = pick_device(device)
    models = [load_model(run) for run in runs]
    if len({model.built.task for model in models}) > 1:
        raise ConfigError(
            "Some of these give classes to images, others to pixels.", "Compare like with like."
        )
    histories = [read_history(run.parent if run.name == "model" else run) for run in runs]
    summaries = [
        summarise(name, model, history)
        for name, model, history in zip(short_names(runs), models, histories, strict=True)
    ]
    _show_summaries(summaries)
    facts = []
    if len({summary.data for summary in summaries}) > 1:
        facts.append(
            "The runs were measured on different images: their scores and losses are not "
            "comparable. On the same images they are (--data)."
        )
    measured: list[RunEvaluation] = []
    titles: dict[str, str] = {}
    if data is not None:
        results, trained_on = _evaluate(runs, models, data, split, batch_size, place)
        titles = headline_titles(results[0])
        measured = _measure(results, trained_on, resamples, seed)
        facts += _leaks(summaries, measured)
        _show_measured(summaries, measured, titles, len(results[0].samples))
    for fact in facts:
        note(fact)
    if json_file is not None:
        write_json(json_file, as_records(summaries, measured, titles))
    if output is not None:
        write_comparison(output, summaries, histories, measured, titles, facts)
        note(f"Page: {output}")


def _show_summaries(summaries: list[RunSummary]) -> None:
    metric = summaries[0].validation.metric
    table = Table(*COLUMNS, title=f"score: {metric} on the validation images of each run")
    for summary in summaries:
        table.add_row(*summary_cells(summary))
    show_table(table)


def _evaluate(
    runs: list[Path],
    models: list[LoadedClassifier],
    data: Path,
    split: str | None,
    batch_size: int,
    device: torch.device,
) -> tuple[list[Evaluation], list[int]]:
    """All runs on the same samples, and how many of these each was trained on."""
    records = [read_run(run) for run in runs]
    first = open_evaluation_data(data, models[0], records[0])
    chosen, samples = first.select(split)
    note(f"{first.origin} Split: {chosen}.")
    results: list[Evaluation] = []
    trained_on: list[int] = []
    for run, model, record in zip(runs, models, records, strict=True):
        known = open_evaluation_data(data, model, record)
        reader = SampleReader(model, known.dataset, record)
        with progress_bar(f"evaluate {run}", len(samples), unit="images") as advance:
            results.append(
                measure(reader, samples, batch_size=batch_size, device=device, on_image=advance)
            )
        trained_on.append(sum(sample.name in known.train_names for sample in samples))
    if any(result.samples != results[0].samples for result in results):
        raise MediaError("The images changed while they were read.", "Run it again.")
    return results, trained_on


def _measure(
    results: list[Evaluation], trained_on: list[int], resamples: int, seed: int
) -> list[RunEvaluation]:
    measured: list[RunEvaluation] = []
    with progress_bar("intervals", len(results), unit="runs") as advance:
        for result, count in zip(results, trained_on, strict=True):
            numbers = with_intervals(result, resamples, seed)
            gap = None if result is results[0] else difference(results[0], result, resamples, seed)
            measured.append(RunEvaluation(numbers, gap, count))
            advance()
    return measured


def _leaks(summaries: list[RunSummary], measured: list[RunEvaluation]) -> list[str]:
    return [
        f"Warning: {summary.name} was trained on {one.trained_on} of these images."
        for summary, one in zip(summaries, measured, strict=True)
        if one.trained_on
    ]


def _show_measured(
    summaries: list[RunSummary], measured: list[RunEvaluation], titles: dict[str, str], images: int
) -> None:
    title = f"the same {images} images; a star: the interval leaves out 0"
    table = Table(*EVALUATION_COLUMNS, title=title)
    for row in evaluation_rows(summaries, measured, titles):
        table.add_row(*row)
    show_table(table)
