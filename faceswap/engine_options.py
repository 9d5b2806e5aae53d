"""The options of engines, and how far their work is, for the verbs that take them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal, TypeVar

import typer

from faceswap.core.console import TextTable, note, progress_bar, show_table
from faceswap.core.errors import ConfigError
from faceswap.core.text import counted
from faceswap.engines.ray_data import Progress, RayEngine, RayOptions, connected
from faceswap.engines.work import Item, Outcome, Work

R = TypeVar("R")

LOCAL = "local"
Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(help="local: in this process; ray: on a Ray cluster, or all cores of this one."),
]
Address = Annotated[
    str,
    typer.Option(
        metavar="ADDRESS",
        help="Ray cluster: auto for the one on this machine; default: $RAY_ADDRESS, or none.",
    ),
]
Tries = Annotated[
    int,
    typer.Option(
        min=1, max=100, help="Times that a part may end its process before it is reported (ray)."
    ),
]

_MOST_ROWS = 50  # of the table at the end; of more sources it shows those that failed


@contextmanager
def ray_engine(address: str, tries: int, device: str) -> Iterator[RayEngine]:
    """Connects to a cluster for the duration of the block.

    Args:
        address: Address of the cluster; "" for ``$RAY_ADDRESS``, or none.
        tries: Times that a part may end its process before it is reported.
        device: Device of the networks; "auto" for GPUs where the cluster has some.

    Raises:
        ConfigError: The device names one GPU of several, or the cluster cannot be used.
    """
    if ":" in device:
        raise ConfigError(
            f"Expected cuda, cpu or auto with --engine ray, found {device!r}.",
            "Each worker gets a GPU of its own; omit the number.",
        )
    with connected(RayOptions(address, tries, device)) as engine:
        yield engine


def run_with_progress(
    engine: RayEngine,
    work: Work[R],
    items: Sequence[Item],
    title: str,
    show: Callable[[R], str | None] = lambda _: None,
    *,
    nouns: tuple[str, str] = ("sources", "frames"),
) -> list[Outcome[R]]:
    """Does the work of a verb on a cluster, with a line on how far it is.

    Args:
        engine: Connection to the cluster.
        work: Work.
        items: Items that it is done on.
        title: Title of the progress.
        show: Function of a report, which returns what is said of it.
        nouns: Names of the items, and of what is counted in their parts, in the plural.

    Returns:
        How the work on each item ended.
    """
    outcomes = []
    with progress_bar(title, len(items), nouns[0]) as advance:
        before = 0

        def report(progress: Progress) -> None:
            nonlocal before
            rate = progress.frames / max(progress.seconds, 1e-9)
            text = f"{progress.parts:,} parts, {progress.frames:,} {nouns[1]}, {rate:.1f}/s"
            if progress.failed:
                text += f", {progress.failed:,} failed"
            advance(progress.items - before, text)
            before = progress.items

        for outcome in engine.run(work, items, report):
            outcomes.append(outcome)
            if outcome.report is None:
                note(f"{outcome.name}: {outcome.reason}")
            elif text := show(outcome.report):
                note(text)
    return outcomes


def show_outcomes(outcomes: Iterable[Outcome[Any]]) -> None:
    """Shows a table of what became of sources; of many, only of those that failed."""
    outcomes = [*outcomes]
    failed = [outcome for outcome in outcomes if outcome.report is None]
    table = TextTable("source", "state", "parts", "frames", "frames/s", "reason")
    for outcome in outcomes if len(outcomes) <= _MOST_ROWS else failed:
        state = "failed" if outcome.report is None else "done" if outcome.parts else "kept"
        rate = f"{outcome.frames / outcome.seconds:.1f}" if outcome.frames else ""
        frames = f"{outcome.frames:,}" if outcome.frames else ""
        table.add_row(outcome.name, state, str(outcome.parts), frames, rate, outcome.reason)
    if table.row_count:
        show_table(table)
    frames = sum(outcome.frames for outcome in outcomes)
    note(
        f"{counted(len(outcomes) - len(failed), 'source')} of {len(outcomes):,} complete, "
        f"{counted(len(failed), 'failure')}, {counted(frames, 'frame')} processed."
    )
