"""The verb ``faceswap model``: works on exported models."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note
from faceswap.core.model_folder import METADATA, WEIGHTS
from faceswap.core.outputs import claim_folder
from faceswap.models.averaging import average_models
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.model_file import load_model, save_model

model = typer.Typer(no_args_is_help=True)


@model.callback()
def _group() -> None:
    """Make new models of trained ones. For files that other programs read: `faceswap export`."""


@model.command()
def average(
    models: Annotated[list[Path], typer.Argument(help="Runs or models, two or more.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the new model.")],
    weights: Annotated[
        list[float] | None,
        typer.Option("--weight", help="Weight of a model, once for each in their order."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model in the output folder.")
    ] = False,
) -> None:
    """Average the weights of models that match, into a new model.

    Nothing is measured: convert with it, and compare the results.
    """
    loaded = [load_model(path) for path in models]
    mean, meta = average_models(loaded, weights or ())
    with claim_folder(output, (WEIGHTS, METADATA), "the average", overwrite=overwrite):
        save_model(output, mean, meta)
    if isinstance(mean, GuidedAutoencoder):
        note(f"Its references are those of {models[0]}.")
    note(f"Model: {output}.")
