"""The verb ``faceswap weights``: lists, downloads and verifies published weights."""

from typing import Annotated

import typer

from faceswap.core.console import TextTable, note, show_table
from faceswap.core.weights import (
    WEIGHTS,
    WeightsEntry,
    search_weights,
    weights_entry,
    weights_path,
)

weights = typer.Typer(no_args_is_help=True)

Names = Annotated[
    list[str] | None,
    typer.Argument(help="Names from `faceswap weights list` (default: the default networks)."),
]
All = Annotated[bool, typer.Option("--all", help="All weights of the list.")]


def _selected(names: list[str] | None, everything: bool) -> list[str]:
    if names:
        return [name for name in names if weights_entry(name)]
    return [name for name, entry in WEIGHTS.items() if everything or entry.from_index]


@weights.command("list")
def list_weights() -> None:
    """List the published weights with size, licence and location on this machine."""
    table = TextTable(
        "name", "purpose", "MB", "licence", "commercial use", "location", title="Published weights"
    )
    for name, entry in WEIGHTS.items():
        path, _ = search_weights(name)
        source = "package index" if entry.from_index else "web"
        commercial = "yes" if entry.commercial else "no"
        location = str(path) if path else f"not downloaded (source: {source})"
        size = "?" if entry.size is None else f"{entry.size / 1e6:.2f}"
        table.add_row(name, entry.role, size, entry.licence, commercial, location)
    show_table(table)
    for name, entry in WEIGHTS.items():
        if entry.note:
            note(f"{name}: {entry.note}")


@weights.command()
def fetch(names: Names = None, everything: All = False) -> None:
    """Download weights now, so that later runs need no network."""
    for name in _selected(names, everything):
        note(f"{name}: {weights_path(name)}")


@weights.command()
def verify(names: Names = None, everything: All = False) -> None:
    """Verify the SHA-256 of weights; exit with code 1 if any is missing or damaged."""
    failures = 0
    for name in _selected(names, everything):
        path, tried = search_weights(name)
        failures += path is None
        if path:
            note(f"{name}: ok{_hash_note(weights_entry(name))}, {path}")
        else:
            note(f"{name}: missing or damaged: {'; '.join(tried)}")
    if failures:
        note(f"{failures} missing or damaged. Run `faceswap weights fetch` to download them.")
        raise typer.Exit(1)


def _hash_note(entry: WeightsEntry) -> str:
    if entry.is_hash_complete:
        return ""
    return f" (first {len(entry.sha256)} digits of the SHA-256)"
