"""The verb ``classifier train``: trains a network on images with classes, or with masks.

Also a script: ``accelerate launch classifier/train.py DATA -o runs/x``.
"""

from pathlib import Path
from typing import Annotated

import typer

from classifier.options import (
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
from classifier.training.batch_size_finder import describe_fit, find_fit
from classifier.training.run import TrainingResult, run_training
from classifier.training.run_directory import SECTION, RunDirectory
from classifier.training.session import Voice
from classifier.training.settings import Settings
from faceswap.core.command_line import run_command
from faceswap.core.config import load_config
from faceswap.core.console import note, progress_bar
from faceswap.core.errors import ConfigError


def train(
    data: Annotated[
        Path, typer.Argument(help="Images in class folders, with masks, in a list, or idx files.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The run; one that is there is resumed."),
    ] = None,
    config: Config = None,
    model: Model = None,
    pretrained: Pretrained = False,
    weights: Weights = None,
    transfer: TransferMode = None,
    epochs: Epochs = None,
    classes: Classes = None,
    fit: Annotated[
        bool, typer.Option("--fit", help="Only say which batch fits into memory, and train not.")
    ] = False,
    changes: Changes = None,
) -> None:
    """Train a network on images with classes, or with masks.

    Ctrl-C saves before it stops. Run it again to go on, or with more --epochs to train longer.
    """
    named = shorthands(model, weights, transfer, epochs, classes, pretrained=pretrained)
    overrides = [*(changes or []), *named]
    if fit:
        settings = load_config(Settings, SECTION, config, overrides)
        for line in describe_fit(find_fit(data, settings, Voice(note, progress_bar))):
            note(line)
        return
    if output is None:
        raise ConfigError("A training needs a folder for its run.", "Add -o runs/NAME.")
    run = RunDirectory(output)
    result = run_training(data, run.settings(config, overrides), run, Voice(note, progress_bar))
    for line in _describe(result, run):
        note(line)
    if result.signal:
        raise typer.Exit(128 + result.signal)


def _describe(result: TrainingResult, run: RunDirectory) -> list[str]:
    lines = []
    if result.signal:
        lines.append("Stopped and saved; the same command goes on from here.")
    if result.stopped_early:
        lines.append(f"Nothing got better for long: stopped after epoch {len(result.history)}.")
    if result.best is None:
        return lines
    name = "mIoU" if result.task == "pixels" else "Balanced accuracy"
    last, best = result.history[-1].score(result.task), result.best.score(result.task)
    lines.append(
        f"{name} on the {result.kept_aside} images kept aside: {last:.1%} at the end, {best:.1%} "
        f"at its best (epoch {result.best.epoch}; accuracy {result.best.accuracy:.1%}). The best "
        f"is in {run.model}."
    )
    return lines


if __name__ == "__main__":
    run_command(train)
