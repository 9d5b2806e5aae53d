"""The verb ``classifier lr-find``: suggests a learning rate."""

from pathlib import Path
from typing import Annotated

import typer

from classifier.console_reporter import ConsoleReporter
from classifier.options import (
    Changes,
    Classes,
    Config,
    Model,
    Overwrite,
    Pretrained,
    TransferMode,
    Weights,
    shorthands,
)
from classifier.training.build import build_session, open_data
from classifier.training.lr_finder import find_lr
from classifier.training.run_directory import RunDirectory
from classifier.training.settings import Settings
from faceswap.core.config import load_config
from faceswap.core.console import note, progress_bar
from faceswap.core.lr_finder import plot_result
from faceswap.core.outputs import check_outputs, claim_files
from faceswap.core.processes import open_accelerator


def lr_find(
    data: Annotated[
        Path, typer.Argument(help="Class folders, images with masks, a list, or idx files.")
    ],
    plot: Annotated[
        Path, typer.Option("--output", "-o", help="Plot of the loss over the learning rate.")
    ] = Path("lr-find.png"),
    config: Config = None,
    model: Model = None,
    pretrained: Pretrained = False,
    weights: Weights = None,
    transfer: TransferMode = None,
    classes: Classes = None,
    low: Annotated[float, typer.Option(help="Lowest learning rate.")] = 1e-6,
    high: Annotated[float, typer.Option(help="Highest learning rate.")] = 10.0,
    steps: Annotated[
        int, typer.Option(help="Steps from the lowest to the highest learning rate.")
    ] = 100,
    overwrite: Overwrite = False,
    changes: Changes = None,
) -> None:
    """Suggest a learning rate by raising it until the loss diverges (LR finder).

    Takes the data and settings of a training; no run is written.
    """
    check_outputs([plot], overwrite=overwrite)  # in every process: all of them end
    named = shorthands(model, weights, transfer, None, classes, pretrained=pretrained)
    settings = load_config(Settings, RunDirectory.section, config, [*(changes or []), *named])
    with open_accelerator(settings.device, settings.precision) as accelerator:
        written = [plot] if accelerator.is_main_process else []
        with claim_files(written, "the search for a learning rate", overwrite=overwrite):
            dataset = open_data(data, settings)
            session = build_session(dataset, settings, accelerator, ConsoleReporter())
            with progress_bar("lr-find", steps, "steps") as advance:
                found = find_lr(session, low=low, high=high, steps=steps, on_step=advance)
            suggestion = found.suggestion()
            for path in written:
                plot_result(found, suggestion, path)
    note(
        f"The loss decreases most steeply at {suggestion:.2g}: --set optimizer.lr={suggestion:.2g} "
        f"(plot: {plot})"
    )
