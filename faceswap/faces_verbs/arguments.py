"""Arguments that several subcommands take."""

from pathlib import Path
from typing import Annotated

import typer

Facesets = Annotated[list[Path], typer.Argument(help="Facesets, or folders of facesets.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Report, and change nothing.")]
