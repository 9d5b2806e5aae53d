"""The curves of a run, ``logs/curves.html``: losses and metrics over its steps."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from faceswap.core.charts import chart_label
from faceswap.core.page import Page
from faceswap.core.text import counted, one_line
from faceswap.training.monitoring.dispensable import Dispensable
from faceswap.training.monitoring.evaluation_log import Evaluation, EvaluationLog
from faceswap.training.monitoring.measurement import Measured
from faceswap.training.run.progress import Progress

CURVES = "curves.html"
"""Name of the page in the folder of the logs."""

_INTERVAL = 60.0  # seconds between pages, at least
_FIGURES = {
    "identity": "identity (1 is a real face)",
    "expression_error": "expression error (1 is a still face)",
    "pose_error": "pose error [°]",
    "found": "fraction of faces found",
}
_COLUMNS = (
    "direction", "score", "identity", "expression error", "pose error [°]", "faces found"
)  # fmt: skip

Value = Callable[[Evaluation], float | None]


class Curves:
    """Keeps the evaluations of a run in ``metrics.jsonl``, and draws them in ``curves.html``.

    Args:
        folder: Folder of the logs.
        title: Name of the run.
        step: Step of the newest checkpoint; evaluations of later ones are dropped.
    """

    def __init__(self, folder: Path, title: str, step: int) -> None:
        self._page, self._title = folder / CURVES, title
        self._log = EvaluationLog(folder / "metrics.jsonl", step)
        self._attempt = Dispensable("The record of the evaluations")
        self._due = time.monotonic()

    @property
    def evaluations(self) -> Sequence[Evaluation]:
        """All evaluations in order."""
        return self._log.entries

    def note_losses(self, losses: dict[str, float]) -> None:
        """Adds mean losses of some steps to those of the next evaluation."""
        self._log.note_losses(losses)

    def add(self, measured: Measured, progress: Progress) -> None:
        """Adds an evaluation; what cannot be written is a warning.

        Drawing takes a second: it is done if the last page is old enough, and by ``draw``.
        """
        self._attempt.run(self._log.add, measured, progress)
        if time.monotonic() >= self._due:
            self.draw(progress)

    def draw(self, progress: Progress) -> None:
        """Draws all evaluations; nothing before the first one."""
        if self._log.entries:
            self._attempt.run(write_curves, self._page, self._title, self._log.entries, progress)
        self._due = time.monotonic() + _INTERVAL


def write_curves(
    path: Path, title: str, evaluations: Sequence[Evaluation], progress: Progress
) -> None:
    """Writes the page.

    Args:
        path: HTML file.
        title: Name of the run.
        evaluations: Evaluations in order, at least one.
        progress: Progress of the training.

    Raises:
        StorageFullError: The disk is full.
    """
    page = Page(f"Training of {one_line(title)}")
    best = next((each for each in evaluations if each.step == progress.best_step), None)
    section = page.section("", _state(progress))
    shown = best or evaluations[-1]
    if shown.swaps:
        section.columns = _COLUMNS
        section.rows = [_row(swap) for swap in shown.swaps]
        _add_swaps(page, evaluations, progress)
    if shown.identities:
        _add_reconstructions(page, evaluations, progress)
    if any(each.losses for each in evaluations):
        _add_losses(page, evaluations, progress)
    page.write(path)


def _state(progress: Progress) -> str:
    if progress.best_step is None or progress.best is None:
        return f"Step {progress.step:,}. Without held-out faces, the newest model is exported."
    number = progress.evaluations
    among = "all evaluations" if number is None else counted(number, "evaluation")
    return (
        f"Step {progress.step:,}. The exported model is of step {progress.best_step:,}, the best "
        f"of {among} by {progress.measure} ({progress.best[0]:.3f}), marked in the charts."
    )


def _row(swap: dict[str, str | float | None]) -> list[str]:
    def number(figure: str, digits: int) -> str:
        value = swap.get(figure)
        return f"{value:.{digits}f}" if isinstance(value, float) else "–"

    return [
        one_line(f"{swap['source']} as {swap['target']}"),
        number("score", 3),
        number("identity", 2),
        number("expression_error", 2),
        number("pose_error", 1),
        number("found", 2),
    ]


def _add_swaps(page: Page, evaluations: Sequence[Evaluation], progress: Progress) -> None:
    section = page.section("Swaps of held-out faces")
    directions = sorted(
        {(str(swap["source"]), str(swap["target"])) for e in evaluations for swap in e.swaps}
    )

    def of(source: str, target: str, figure: str) -> Value:
        def value(evaluation: Evaluation) -> float | None:
            found = [
                swap[figure]
                for swap in evaluation.swaps
                if (swap["source"], swap["target"]) == (source, target)
            ]
            return found[0] if found and isinstance(found[0], float) else None

        return value

    def lines(figure: str) -> dict[str, Value]:
        return {
            f"{source} as {target}": of(source, target, figure) for source, target in directions
        }

    score = {"all": lambda e: e.score[0] if e.swaps else None, **lines("score")}
    section.add_plot(_chart({"score": score}, evaluations, progress), "Higher is better.")
    figures = {title: lines(figure) for figure, title in _FIGURES.items()}
    section.add_plot(
        _chart(figures, evaluations, progress), "Errors: lower is better; others: higher is better."
    )


def _add_reconstructions(page: Page, evaluations: Sequence[Evaluation], progress: Progress) -> None:
    section = page.section("Reconstructions of held-out faces")
    names = list(evaluations[-1].identities)

    def lines(figure: str) -> dict[str, Value]:
        return {name: lambda e, n=name: e.identities.get(n, {}).get(figure) for name in names}

    section.add_plot(
        _chart({"SSIM": lines("ssim"), "L1": lines("l1")}, evaluations, progress),
        "SSIM: higher is better; L1: lower is better.",
    )


def _add_losses(page: Page, evaluations: Sequence[Evaluation], progress: Progress) -> None:
    section = page.section("Losses")
    lines: dict[str, Value] = {
        name: lambda e, n=name: e.losses.get(n)
        for name in next(each.losses for each in reversed(evaluations) if each.losses)
    }
    section.add_plot(
        _chart({"loss": lines}, evaluations, progress),
        "Mean of the steps since the evaluation before; weights of losses may differ by phase.",
    )


def _chart(
    charts: dict[str, dict[str, Value]], evaluations: Sequence[Evaluation], progress: Progress
) -> Figure:
    """Charts side by side in rows of two, with common phases and the best step."""
    rows = (len(charts) + 1) // 2
    figure = Figure(figsize=(10, 3.2 * rows), layout="constrained")
    every = figure.subplots(rows, min(2, len(charts)), squeeze=False)
    for axes, (title, lines) in zip(every.flat, charts.items(), strict=True):
        for name, value in lines.items():
            points = [(e.step, found) for e in evaluations if (found := value(e)) is not None]
            axes.plot(*zip(*points, strict=True) if points else ([], []), marker=".", lw=1.2,
                      label=chart_label(name))  # fmt: skip
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("step", fontsize=9)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(alpha=0.3)
        axes.margins(y=0.15)  # room for the names of the phases
        _mark(axes, progress)
    every.flat[0].legend(fontsize=8)
    return figure


def _mark(axes: Axes, progress: Progress) -> None:
    """Marks the best step and the beginning of each phase."""
    if progress.best_step is not None:
        axes.axvline(progress.best_step, color="#2c8a3d", lw=1.2, ls="--")
    for phase in progress.phases:
        axes.axvline(phase.step, color="grey", lw=0.8)
        axes.annotate(
            chart_label(phase.name), (phase.step, 1), xycoords=("data", "axes fraction"),
            xytext=(3, -3), textcoords="offset points", fontsize=7, color="grey", va="top",
        )  # fmt: skip
