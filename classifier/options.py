"""Options shared by several verbs of ``classifier``."""

import json
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[str | None, typer.Option(help="Recipe: a name such as lenet5, or a .yaml file.")]
Model = Annotated[str | None, typer.Option(help="Network name (network.name).")]
Pretrained = Annotated[
    bool, typer.Option("--pretrained", help="Start from the published weights of the network.")
]
Weights = Annotated[Path | None, typer.Option(help="Start from a weights file or run.")]
TransferMode = Annotated[
    str | None,
    typer.Option("--transfer", help="Transfer mode: scratch, features, finetune or gradual."),
]
Epochs = Annotated[int | None, typer.Option(help="Number of epochs (epochs).")]
Classes = Annotated[Path | None, typer.Option(help="File of class names (data.classes).")]
AllowChanges = Annotated[
    bool,
    typer.Option("--allow-changes", help="Resume although seed, network, classes or data changed."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing output files.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="Override a setting, e.g. optimizer.lr=5e-4.")
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
    """Convert shorthand options to ``NAME=VALUE`` overrides of settings."""
    given = {
        "network.name": model,
        "network.weights": None if weights is None else str(weights),
        "network.pretrained": pretrained or None,
        "transfer.mode": transfer,
        "epochs": epochs,
        "data.classes": None if classes is None else str(classes),
    }
    # JSON is valid YAML and quotes special characters.
    return [f"{name}={json.dumps(value)}" for name, value in given.items() if value is not None]
