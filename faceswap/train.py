"""The verb ``faceswap train``; also a script: ``accelerate launch faceswap/train.py``.

Worker processes import this file again, so it defines only functions.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.command_line import run_command
from faceswap.core.console import TextTable, note, progress_bar, show_table
from faceswap.core.errors import ConfigError
from faceswap.core.log import rank
from faceswap.core.peers import join_processes
from faceswap.facesets.named import find_crowd, parse_faces
from faceswap.facesets.pack_folder import PackPlace
from faceswap.facesets.subjects import subject_hint, unstated_facesets
from faceswap.models.reuse import parse_origin
from faceswap.training.agreement import resolve_for_all
from faceswap.training.batch_size_finder import find_batch
from faceswap.training.build import open_training, run_training
from faceswap.training.fit.report import advice_of, table_of
from faceswap.training.loop.plan import TrainResult
from faceswap.training.optimizers.schedule import Budget
from faceswap.training.progress_bars import TrainBars, describe, describe_model
from faceswap.training.run.run_directory import RunDirectory
from faceswap.training.settings import TrainConfig

_DEFAULT_RECIPE = "v1"
_ROW = 6  # steps of the LR finder, in its table


def train(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the run; an existing run is resumed.")
    ],
    faces: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=FACESET, or a folder of facesets, or a pack, at least once for each "
            "identity. When resuming, only of facesets that were moved."
        ),
    ] = None,
    crowd: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder of facesets, or folder or URL of packs, of many people who teach the "
            "encoder and are no targets; one --faces then suffices. Repeatable."
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(help="Name or path of a recipe. [default: v1, or that of a resumed run]"),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting to change: NAME=VALUE, as in optimizer.lr=5e-5."),
    ] = None,
    start_from: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="Run or model whose weights a new run starts from: RUN, or RUN:PART,NEW=OLD for "
            "some parts. Repeatable.",
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Budget in minutes, over all starts of the run.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Budget in steps, over all starts of the run.")
    ] = None,
    allow_changes: Annotated[
        bool,
        typer.Option(
            "--allow-changes", help="Resume although seed, model, identities or faces changed."
        ),
    ] = False,
    find_lr: Annotated[
        bool,
        typer.Option(
            "--find-lr",
            help="Suggest a learning rate by raising it until the loss diverges; train nothing.",
        ),
    ] = False,
    fit: Annotated[
        bool,
        typer.Option(
            "--fit",
            "--find-batch-size",
            help="Report the memory of a training and the largest batch that fits; train nothing.",
        ),
    ] = False,
    memory: Annotated[
        float | None,
        typer.Option(
            min=0.5, help="With --fit: memory in GB of a GPU that need not be in this machine."
        ),
    ] = None,
) -> None:
    """Train a model on the faces of two or more people.

    If it is interrupted, run the same command again to resume. Ctrl-C saves before it stops.
    """
    if memory is not None and not fit:
        raise ConfigError("--memory belongs to --fit, which is not given.", "Add --fit.")
    run = RunDirectory(output)
    with join_processes() as peers:
        with peers.together():
            overrides = _overrides(settings or [], start_from or [], minutes, steps)
            given = parse_faces(faces) | find_crowd(crowd)
        resolved, named = resolve_for_all(peers, run, config, _DEFAULT_RECIPE, overrides, given)
        for faceset in unstated_facesets(named):
            note(f"{faceset}: {subject_hint(faceset)}")
        if find_lr:
            suggest_lr(resolved, named, output)
            return
        if fit:
            report_fit(resolved, named, output, memory)
            return
        result = train_with_progress(resolved, named, output, allow_changes=allow_changes)
    for line in describe(result):
        note(line)
    note(f"Model: {run.model}, {describe_model(result)}. Previews: {run.previews}.")
    if result.interrupted:
        raise typer.Exit(128 + result.interrupted)


def _overrides(
    settings: list[str], start_from: list[str], minutes: float | None, steps: int | None
) -> list[str]:
    # Runs record absolute paths, as of facesets.
    origins = [str(parse_origin(text)) for text in start_from]
    start = [f"model.start_from={json.dumps(origins)}"] if origins else []
    # A budget on the command line replaces that of the recipe, in steps or in minutes.
    budget = []
    if minutes is not None or steps is not None:
        budget = ["training.minutes=null", "training.steps=null"]
    if minutes is not None:
        budget.append(f"training.minutes={float(minutes)}")
    if steps is not None:
        budget.append(f"training.steps={steps}")
    return [*settings, *start, *budget]


def suggest_lr(config: TrainConfig, faces: Mapping[str, Sequence[PackPlace]], output: Path) -> None:
    """Suggests a learning rate; only its plot and the cache of faces are written.

    It starts from the newest checkpoint of a run that exists.

    Raises:
        ConfigError: The optimizer estimates its own learning rate.
        FaceswapError: Settings, facesets or the run cannot be used, or the loss does not decrease.
    """
    # Imported when used: it needs matplotlib.
    from faceswap.training.lr_finder import RATES, find_lr

    if config.optimizer.name == "prodigy":
        raise ConfigError(
            "Prodigy estimates the learning rate itself: there is none to find.",
            "Train with --set optimizer.lr=1, or choose another optimizer.",
        )
    plot = RunDirectory(output).logs / "lr-finder.png"
    with (
        open_training(config, faces, output, writes=False) as (opened, trainer),
        progress_bar("find-lr", len(RATES), "steps") as advance,
    ):
        result, suggestion = find_lr(opened, trainer, plot, advance)
    table = TextTable("learning rate", "loss")
    for rate, loss in list(zip(result.rates, result.smoothed, strict=True))[::_ROW]:
        table.add_row(f"{rate:.2g}", f"{loss:.4f}")
    show_table(table)
    note(
        f"A tenth of the rate with the lowest loss: --set optimizer.lr={suggestion:.2g} "
        f"(plot: {plot})"
    )


def report_fit(
    config: TrainConfig,
    faces: Mapping[str, Sequence[PackPlace]],
    output: Path,
    memory: float | None = None,
) -> None:
    """Prints the memory of a training, and the largest batch that fits; nothing is trained.

    Args:
        config: Settings of the training.
        faces: Facesets or packs of each identity.
        output: Folder of the run.
        memory: Memory in GB of a GPU that need not be in this machine; None for the device.

    Raises:
        FaceswapError: Settings, facesets or the run cannot be used.
    """
    with progress_bar("fit", None, "steps tried") as advance:
        report = find_batch(config, faces, output, memory, advance)
    if rank():
        return
    header, *rows = table_of(report)
    table = TextTable(*header)
    for row in rows:
        table.add_row(*row)
    show_table(table)
    for line in advice_of(report):
        note(line)


def train_with_progress(
    config: TrainConfig,
    faces: Mapping[str, Sequence[PackPlace]],
    output: Path,
    *,
    allow_changes: bool = False,
) -> TrainResult:
    """``run_training`` with progress bars."""
    with TrainBars(Budget(config.training.steps, config.training.minutes)) as bars:
        return run_training(
            config, faces, output, sys.argv, bars.callbacks, allow_changes=allow_changes
        )


if __name__ == "__main__":
    run_command(train)
