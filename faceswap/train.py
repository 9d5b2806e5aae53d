"""The verb ``faceswap train``; also run as a script: ``accelerate launch faceswap/train.py``.

Worker processes import this file again, so it defines functions only.
"""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.command_line import run_command
from faceswap.core.config import load_config
from faceswap.core.console import note
from faceswap.core.errors import IdentityError
from faceswap.facesets.subjects import how_to_state, unstated_facesets
from faceswap.training.build import run_training
from faceswap.training.progress_bars import TrainBars, describe
from faceswap.training.run_directory import RunDirectory
from faceswap.training.schedule import Budget
from faceswap.training.settings import TrainConfig
from faceswap.training.trainer import TrainResult

_DEFAULT_RECIPE = "v1"
_NAME = re.compile(r"\w[\w.-]{0,62}")


def train(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the run; one that is there goes on.")
    ],
    faces: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=FACESET; once or more per identity. May be left out when a run goes on."
        ),
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="Recipe, by name or path. [default: v1, or the run's]")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE, such as optimizer.lr=5e-5.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so many minutes, over all starts.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Stop after so many steps, over all starts.")
    ] = None,
) -> None:
    """Train a model on the faces of two or more people.

    Ctrl-C saves before it stops; the same command goes on.
    """
    run = RunDirectory(output)
    overrides = _overrides(settings or [], minutes, steps)
    if config is None and run.exists():
        resolved = run.stored_config(overrides)
    else:
        resolved = load_config(TrainConfig, "faceswap", config or _DEFAULT_RECIPE, overrides)
    named = parse_faces(faces) if faces or not run.exists() else run.stored_facesets()
    for faceset in unstated_facesets(named):
        note(f"{faceset}: {how_to_state(faceset)}")
    result = train_with_progress(resolved, named, output)
    for line in describe(result):
        note(line)
    note(f"Model: {run.model}. Previews: {run.previews}.")
    if result.interrupted:
        raise typer.Exit(128 + result.interrupted)


def _overrides(settings: list[str], minutes: float | None, steps: int | None) -> list[str]:
    # A budget given on the command line replaces the recipe's, of whichever kind that is.
    budget = []
    if minutes is not None or steps is not None:
        budget = ["training.minutes=null", "training.steps=null"]
    if minutes is not None:
        budget.append(f"training.minutes={float(minutes)}")
    if steps is not None:
        budget.append(f"training.steps={steps}")
    return [*settings, *budget]


def parse_faces(faces: list[str] | None) -> dict[str, list[Path]]:
    """``["alice=faces/alice", ...]`` by identity, in the order of their first mention.

    Raises:
        IdentityError: One is not NAME=FACESET.
    """
    named: dict[str, list[Path]] = {}
    for text in faces or []:
        name, equals, path = text.partition("=")
        if not equals or not path or not _NAME.fullmatch(name):
            raise IdentityError(
                f"--faces takes NAME=FACESET, found {text!r}.",
                "A name has up to 63 letters, digits, '-', '_' or '.': --faces alice=faces/alice",
            )
        named.setdefault(name, []).append(Path(path))
    return named


def train_with_progress(
    config: TrainConfig, faces: dict[str, list[Path]], output: Path
) -> TrainResult:
    """``run_training`` behind progress bars."""
    with TrainBars(Budget(config.training.steps, config.training.minutes)) as bars:
        return run_training(config, faces, output, sys.argv, bars.callbacks)


if __name__ == "__main__":
    run_command(train)
