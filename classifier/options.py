"""Options that several verbs of ``classifier`` have in common."""

import json
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[str | None, typer.Option(help="Recipe: a name (lenet5) or a .yaml file.")]
Model = Annotated[str | None, typer.Option(help="Network, as --set network.name=.")]
Pretrained = Annotated[bool, typer.Option("--pretrained", help="Begin with the published weights.")]
Weights = Annotated[Path | None, typer.Option(help="Begin with the weights of this file.")]
TransferMode = Annotated[
    str | None, typer.Option("--transfer", help="scratch, features, finetune or gradual.")
]
Epochs = Annotated[int | None, typer.Option(help="Passes over the images, as --set epochs=.")]
Classes = Annotated[Path | None, typer.Option(help="File with the names of the classes of masks.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="Change a setting: optimizer.lr=5e-4.")
]


def shorthands(
    model: str | None,
    weights: Path | None,
    transfer: str | None,
    epochs: int | None,
    classes: Path | None,
    *,
    pretrained: bool,
) -> list[str]:
    """What options of the command line stand for, as ``NAME=VALUE`` of settings."""
    given = {
        "network.name": model,
        "network.weights": None if weights is None else str(weights),
        "network.pretrained": pretrained or None,
        "transfer.mode": transfer,
        "epochs": epochs,
        "data.classes": None if classes is None else str(classes),
    }
    # JSON is YAML, and quotes what has a meaning there.
    return [f"{name}={json.dumps(value)}" for name, value in given.items() if value is not None]
