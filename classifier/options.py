"""Options that several verbs of ``classifier`` have in common."""

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
