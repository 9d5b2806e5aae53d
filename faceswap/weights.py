"""The verb ``faceswap weights``: shows, prefetches and verifies published weights."""

from typing import Annotated

import typer
from rich.table import Table

from faceswap.core.console import note, show_table
from faceswap.core.weights import WEIGHTS, search_weights, weights_entry, weights_path

weights = typer.Typer(no_args_is_help=True)

Names = Annotated[
    list[str] | None, typer.Argument(help="Names from the list; else those of the default nets.")
]


def _chosen(names: list[str] | None, everything: bool) -> list[str]:
    if names:
        return [name for name in names if weights_entry(name)]
    return [name for name, entry in WEIGHTS.items() if everything or entry.from_index]


@weights.command("list")
def list_weights() -> None:
    """Show all known weights, their licences, and where they are on this machine."""
    table = Table(
        "name", "what for", "MB", "licence", "commercial use", "where", title="Published weights"
    )
    for name, entry in WEIGHTS.items():
        path, _ = search_weights(name)
        source = "package index" if entry.from_index else "web"
        commercial = "yes" if entry.commercial else "no"
        where = str(path) if path else f"not here; from the {source}"
        size = f"{entry.size / 1e6:.2f}"
        table.add_row(name, entry.role, size, entry.licence, commercial, where)
    show_table(table)
    for name, entry in WEIGHTS.items():
        if entry.note:
            note(f"{name}: {entry.note}")


@weights.command()
def fetch(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are known.")] = False,
) -> None:
    """Fetch weights now, so that later runs need no network."""
    for name in _chosen(names, everything):
        note(f"{name}: {weights_path(name)}")


@weights.command()
def verify(
    names: Names = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are known.")] = False,
) -> None:
    """Check the hashes of the weights on this machine; exit code 1 if any is missing or damaged."""
    unfit = 0
    for name in _chosen(names, everything):
        path, tried = search_weights(name)
        unfit += path is None
        note(f"{name}: ok, {path}" if path else f"{name}: missing or damaged: {'; '.join(tried)}")
    if unfit:
        note(f"{unfit} not usable; 'faceswap weights fetch' gets them.")
        raise typer.Exit(1)
