"""Progress and notes on stderr: bars on a terminal, plain lines in log files and pipes."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import typer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from faceswap.core.log import rank
from faceswap.core.text import one_line, printable

_LINE_EVERY_S = 10.0
_SLOWEST_SHOWN = 0.05  # units per second; slower rates are not displayed


class Advance(Protocol):
    """Callback that reports progress."""

    def __call__(self, amount: float = 1, text: str = "") -> None:
        """Advances by a number of units; ``text`` is displayed after the bar."""


def note(text: str) -> None:
    """Prints a line to stderr, on rank 0 only."""
    if rank() == 0:
        # No wrapping: log files and pipes need whole lines.
        Console(stderr=True).print(
            printable(text), markup=False, highlight=False, soft_wrap=True, emoji=False
        )


def write_line(text: str) -> None:
    """Prints results to stdout, where other programs may read them: whole lines, without codes."""
    typer.echo(printable(text, longest=max(len(text), 5)))


class TextTable(Table):
    """Table of any text: brackets are no markup, and control characters are replaced.

    Args:
        *columns: Column names.
        title: Title; may be empty.
        caption: Text below the table; may be empty.
        least_width: Width in characters to which a short table is widened.
    """

    def __init__(
        self,
        *columns: str,
        title: str = "",
        caption: str = "",
        least_width: int | None = None,
    ) -> None:
        super().__init__(
            title=Text(printable(title)) if title else None,
            caption=Text(printable(caption)) if caption else None,
            title_justify="left",
            min_width=least_width,
        )
        for name in columns:
            self.add_column(name)

    def add_column(self, header: RenderableType = "", *args: Any, **options: Any) -> None:
        """Adds a column; the name may be ``Text`` with a style."""
        super().add_column(_as_text(header), *args, **options)

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
        """Adds a row; cells may be ``Text`` with a style."""
        super().add_row(*(cell and _as_text(cell) for cell in cells), **options)


def _as_text(cell: RenderableType) -> RenderableType:
    return Text(printable(cell)) if isinstance(cell, str) else cell


def show_table(table: TextTable) -> None:
    """Prints a table to stdout."""
    # rich would assume 80 columns for a pipe and truncate cells.
    width = None if sys.stdout.isatty() else 100
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)


@contextmanager
def progress_bar(title: str, total: float | None, unit: str = "") -> Iterator[Advance]:
    """Displays the progress of a job.

    Args:
        title: Description of the job in a few words.
        total: Number of units; None if unknown.
        unit: Name of the units in the plural ("frames").

    Yields:
        Callback that takes the number of units just completed.
    """
    title = one_line(title)
    if rank() != 0:
        yield _silent
    elif sys.stderr.isatty():
        with _bar(title, total, unit) as advance:
            yield advance
    else:
        lines = _Lines(title, total, unit)
        yield lines
        lines.finish()


def _silent(amount: float = 1, text: str = "") -> None:
    """Reports nothing: rank 0 displays the progress."""


class _RateColumn(ProgressColumn):
    """Completed units and units per second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        rate = f", {_number(speed)}/s" if speed and speed >= _SLOWEST_SHOWN else ""
        return Text(f"{_count(task.completed, task.total)} {task.fields['unit']}{rate}", "cyan")


@contextmanager
def _bar(title: str, total: float | None, unit: str) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}", markup=False),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, expand=True, speed_estimate_period=10) as progress:
        task = progress.add_task(title, total=total, unit=unit, text="")

        def advance(amount: float = 1, text: str = "") -> None:
            if text:
                progress.update(task, text=one_line(text))
            progress.advance(task, amount)

        yield advance


class _Lines:
    """A line every ten seconds instead of a bar, for log files and pipes."""

    def __init__(self, title: str, total: float | None, unit: str) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done = 0.0
        self.text = ""
        self.begun = self.last = time.monotonic()

    def __call__(self, amount: float = 1, text: str = "") -> None:
        self.done += amount
        self.text = text or self.text
        now = time.monotonic()
        if now - self.last >= _LINE_EVERY_S:
            self.last = now
            self._print(now)

    def finish(self) -> None:
        """Prints the last line, with the mean rate."""
        self._print(time.monotonic())

    def _print(self, now: float) -> None:
        seconds = max(now - self.begun, 1e-9)
        rate = self.done / seconds
        fields = [f"{self.title}: {_count(self.done, self.total)} {self.unit}".rstrip()]
        if self.total:
            fields[0] += f" ({100 * self.done / self.total:.0f} %)"
        if rate >= _SLOWEST_SHOWN:
            fields.append(f"{_number(rate)}/s")
        if self.total and rate > 0 and self.done < self.total:
            left = int((self.total - self.done) / rate)
            fields.append(f"{left // 60}:{left % 60:02d} left")
        if self.text:
            fields.append(self.text)
        note(", ".join(fields))


def _count(done: float, total: float | None) -> str:
    return _number(done) if total is None else f"{_number(done)}/{_number(total)}"


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"
