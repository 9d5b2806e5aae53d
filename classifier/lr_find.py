"""The verb ``classifier lr-find``: suggests a learning rate."""

from pathlib import Path
from typing import Annotated

import typer

from classifier.options import (
    Changes,
    Classes,
    Config,
    Model,
    Pretrained,
    TransferMode,
    Weights,
    shorthands,
)
from classifier.training.lr_finder import plot_sweep, sweep
from classifier.training.run_directory import SECTION
from classifier.training.session import Voice, prepare
from classifier.training.settings import Settings
from classifier.training.training_data import open_data
from faceswap.core.config import load_config
from faceswap.core.console import note, progress_bar
from faceswap.core.processes import open_accelerator


def lr_find(
    data: Annotated[
        Path, typer.Argument(help="Images in class folders, with masks, in a list, or idx files.")
    ],
    plot: Annotated[
        Path, typer.Option("--output", "-o", help="Picture of loss over learning rate.")
    ] = Path("lr-find.png"),
    config: Config = None,
    model: Model = None,
    pretrained: Pretrained = False,
    weights: Weights = None,
    transfer: TransferMode = None,
    classes: Classes = None,
    low: Annotated[float, typer.Option(help="Lowest rate.")] = 1e-6,
    high: Annotated[float, typer.Option(help="Highest rate.")] = 10.0,
    steps: Annotated[int, typer.Option(help="Steps from the lowest to the highest.")] = 100,
    changes: Changes = None,
) -> None:
    """Suggest a learning rate, by raising it until the loss explodes.

    Takes the data and settings of a training, and leaves no run behind.
    """
    named = shorthands(model, weights, transfer, None, classes, pretrained=pretrained)
    settings = load_config(Settings, SECTION, config, [*(changes or []), *named])
    with open_accelerator(settings.device, settings.precision) as accelerator:
        dataset = open_data(data, settings)
        session = prepare(dataset, settings, accelerator, Voice(note, progress_bar))
        with progress_bar("lr-find", steps, "steps") as advance:
            found = sweep(session, low=low, high=high, steps=steps, on_step=advance)
    suggestion = found.suggestion()
    plot_sweep(found, suggestion, plot)
    note(
        f"The loss falls most steeply at {suggestion:.2g}: --set optimizer.lr={suggestion:.2g} "
        f"(plot: {plot})"
    )
