"""The verb ``classifier compare``: several runs side by side."""

from pathlib import Path
from typing import Annotated

import torch
import typer

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
from classifier.options import Overwrite
from faceswap.core.console import TextTable, note, progress_bar, show_table
from faceswap.core.device import pick_device
from faceswap.core.errors import ConfigError, MediaError
from faceswap.core.files import write_json
from faceswap.core.outputs import claim_files


def compare(
    runs: Annotated[
        list[Path], typer.Argument(help="Run directories, or their model/ directories.")
    ],
    data: Annotated[Path | None, typer.Option(help="Data set to evaluate all runs on.")] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split of --data: test, validation, train or all (of the first run)."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML report to write.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="JSON file of all results to write.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=10, help="Bootstrap resamples.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 64,
    device: Annotated[str, typer.Option(help="Device: auto, cpu, cuda, cuda:N or mps.")] = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Compare runs: network, parameters, score, time, and results on the same images.

    With --data, every run is evaluated on the same images, and its difference to the first run is
    given with a 95 % interval from paired bootstrap resamples.
    """
    if len({run.resolve() for run in runs}) < len(runs):
        raise ConfigError("A run is listed more than once.", "List each run once.")
    place = pick_device(device)
    written = [path for path in (output, json_file) if path]
    with claim_files(written, "the comparison", overwrite=overwrite):
        _compare(runs, data, split, output, json_file, resamples, seed, batch_size, place)


def _compare(
    runs: list[Path],
    data: Path | None,
    split: str | None,
    output: Path | None,
    json_file: Path | None,
    resamples: int,
    seed: int,
    batch_size: int,
    place: torch.device,
) -> None:
    models = _load_models(runs)
    histories = [read_history(run.parent if run.name == "model" else run) for run in runs]
    summaries = [
        summarise(name, model, history)
        for name, model, history in zip(short_names(runs), models, histories, strict=True)
    ]
    _show_summaries(summaries)
    facts = []
    if len({summary.data for summary in summaries}) > 1:
        facts.append(
            "The runs were validated on different images, so their scores and losses are not "
            "comparable. Use --data to evaluate them on the same images."
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
        note(f"Report: {output}")


def _load_models(runs: list[Path]) -> list[LoadedClassifier]:
    models = [load_model(run) for run in runs]
    if len({model.built.task for model in models}) > 1:
        raise ConfigError(
            "Expected runs of one task, found classification and segmentation runs.",
            "Compare runs of the same task.",
        )
    return models


def _show_summaries(summaries: list[RunSummary]) -> None:
    metric = summaries[0].validation.metric
    table = TextTable(*COLUMNS, title=f"score: {metric} on the validation images of each run")
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
    """Evaluate all runs on the same samples; count the training samples of each among them."""
    records = [read_run(run) for run in runs]
    first = open_evaluation_data(data, models[0], records[0])
    chosen, samples = first.select(split)
    note(f"{first.origin} Split: {chosen}.")
    results: list[Evaluation] = []
    trained_on: list[int] = []
    for run, model, record in zip(runs, models, records, strict=True):
        opened = open_evaluation_data(data, model, record)
        reader = SampleReader(model, opened.dataset, record)
        with progress_bar(f"evaluate {run}", len(samples), unit="images") as advance:
            results.append(
                measure(reader, samples, batch_size=batch_size, device=device, on_image=advance)
            )
        trained_on.append(sum(sample.name in opened.train_names for sample in samples))
    if any(result.samples != results[0].samples for result in results):
        raise MediaError("The images changed during the evaluation.", "Run the command again.")
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
        f"Warning: {one.trained_on} of these images were used to train {summary.name}."
        for summary, one in zip(summaries, measured, strict=True)
        if one.trained_on
    ]


def _show_measured(
    summaries: list[RunSummary], measured: list[RunEvaluation], titles: dict[str, str], images: int
) -> None:
    title = f"{images} images; * marks intervals that exclude 0"
    table = TextTable(*EVALUATION_COLUMNS, title=title)
    for row in evaluation_rows(summaries, measured, titles):
        table.add_row(*row)
    show_table(table)
