"""The verb ``classifier train``; also a script: ``accelerate launch classifier/train.py``."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from classifier.console_reporter import ConsoleReporter
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
from classifier.training.batch_size_finder import BatchSizeReport
from classifier.training.run import TrainingResult, find_batch_size, run_training
from classifier.training.run_directory import RunDirectory
from classifier.training.settings import Settings
from faceswap.core.command_line import run_command
from faceswap.core.config import load_config
from faceswap.core.console import note
from faceswap.core.errors import ConfigError


def train(
    data: Annotated[
        Path, typer.Argument(help="Class folders, images with masks, a list, or idx files.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the run; an existing run is resumed."),
    ] = None,
    config: Config = None,
    model: Model = None,
    pretrained: Pretrained = False,
    weights: Weights = None,
    transfer: TransferMode = None,
    epochs: Epochs = None,
    classes: Classes = None,
    find_batch: Annotated[
        bool,
        typer.Option(
            "--find-batch-size",
            help="Report the largest batch size that fits in memory; do not train.",
        ),
    ] = False,
    allow_changes: AllowChanges = False,
    changes: Changes = None,
) -> None:
    """Train a network on images with classes, or with masks.

    If it is interrupted, run the same command again to resume. Ctrl-C saves before it stops. More
    --epochs continue a finished run.
    """
    named = shorthands(model, weights, transfer, epochs, classes, pretrained=pretrained)
    overrides = [*(changes or []), *named]
    if find_batch:
        settings = load_config(Settings, RunDirectory.section, config, overrides)
        for line in describe_memory(find_batch_size(data, settings, ConsoleReporter())):
            note(line)
        return
    if output is None:
        raise ConfigError("Expected a folder for the run, found none.", "Add -o runs/NAME.")
    run = RunDirectory(output)
    settings = run.resolve_config(config, overrides)
    result = run_training(data, settings, run, ConsoleReporter(), allow_changes=allow_changes)
    for line in _describe(result, run):
        note(line)
    if result.signal:
        raise typer.Exit(128 + result.signal)


def _describe(result: TrainingResult, run: RunDirectory) -> Iterator[str]:
    if result.signal:
        yield "Stopped and saved; run the same command again to resume."
    if result.stopped_early:
        yield f"Stopped early after epoch {len(result.history)}: validation no longer improves."
    if result.best is None:
        return
    name = "mIoU" if result.task == "pixels" else "Balanced accuracy"
    last, best = result.history[-1].score(result.task), result.best.score(result.task)
    yield (
        f"{name} on {result.validation_images} validation images: {last:.1%} in the last epoch, "
        f"{best:.1%} in the best (epoch {result.best.epoch}; accuracy {result.best.accuracy:.1%}). "
        f"Best model: {run.model}."
    )


def describe_memory(report: BatchSizeReport) -> list[str]:
    """Lines about the memory of a training step; the last one names the setting or the remedy."""
    activations = report.total(report.wanted) - report.total(0) + report.fixed
    terms = {
        "weights": report.state.weights,
        "gradients": report.state.gradients,
        "optimizer": report.state.optimizer,
        "moving average": report.state.ema,
        f"activations of {report.wanted} images": activations,
    }
    listed = ", ".join(f"{name} {_human(size)}" for name, size in terms.items() if size)
    lines = [
        f"A step with batch size {report.wanted} takes {_human(report.total(report.wanted))} on "
        f"{report.device}: {listed}.",
        f"Each image takes {_human(report.per_image)} of {_human(report.free)} usable.",
    ]
    if report.batch_size == 0:
        return [*lines, "Not even one image fits: use a smaller network or smaller images."]
    return [
        *lines,
        f"Largest batch size for one process: --set data.batch_size={report.batch_size}",
    ]


def _human(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


if __name__ == "__main__":
    run_command(train)
