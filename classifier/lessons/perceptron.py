"""The rule of 1957 learns a line: nothing changes until there is a mistake."""

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classifier.lessons.figure import GREY, INK, ORANGE, new_figure, show_points, show_regions
from classifier.lessons.fitting import FloatArray, IntArray
from classifier.lessons.lesson import Lesson
from classifier.models.neuron import FormalNeuron
from classifier.models.perceptron import perceptron_update
from faceswap.core.seeding import generator

_EXTENT = (-0.6, 5.6, -0.6, 5.6)
_LINE = np.array([0.8, 0.6, -3.8])
"""The line that parts the clouds: weights of x and y, bias."""


@dataclass(frozen=True)
class Passes:
    """A line as it is learnt.

    Attributes:
        points: ``(N, 2)``.
        labels: ``(N,)`` 0 or 1.
        lines: ``(P, 3)`` weights of x and y and the bias after each pass.
        mistakes: ``(P,)`` points answered wrongly during each pass.
        bound: Most mistakes that there can be on these points, by Novikoff's theorem (1962).
    """

    points: FloatArray
    labels: IntArray
    lines: NDArray[np.float64]
    mistakes: IntArray
    bound: float


def two_clouds(count: int, seed: int, margin: float = 0.03) -> tuple[FloatArray, IntArray]:
    """Points on both sides of a slanting line, none nearer to it than ``margin``."""
    random = generator(seed, "clouds")
    points = random.normal(2.5, 1.2, (8 * count, 2)).astype(np.float32)
    side = points @ _LINE[:2] + _LINE[2]
    kept = np.flatnonzero((np.abs(side) > margin) & (np.abs(points - 2.5).max(1) < 3))[:count]
    return points[kept], (side[kept] > 0).astype(np.int64)


def compute(seed: int = 0, count: int = 120, passes: int = 200) -> Passes:
    """Goes through the points again and again until a pass has no mistake.

    Rosenblatt (1957): The perceptron, a perceiving and recognizing automaton.

    Args:
        seed: Of the points.
        count: How many points.
        passes: Most passes.
    """
    points, labels = two_clouds(count, seed)
    neuron = FormalNeuron(2, binary=False)
    inputs, targets = torch.from_numpy(points), torch.from_numpy(labels)
    lines, mistakes = [], []
    for _ in range(passes):
        mistakes.append(perceptron_update(neuron, inputs, targets, rate=1.0))
        lines.append([*neuron.head.weight[0].tolist(), neuron.head.bias.item()])
        if not mistakes[-1]:
            break
    return Passes(points, labels, np.array(lines), np.array(mistakes), _bound(points, labels))


def _bound(points: FloatArray, labels: IntArray) -> float:
    """``(R / margin) ** 2`` with the line that the points were made by."""
    extended = np.column_stack([points, np.ones(len(points))])
    line = _LINE / np.linalg.norm(_LINE)
    margin = float((extended @ line * (2 * labels - 1)).min())
    return float((np.linalg.norm(extended, axis=1).max() / margin) ** 2)


def describe(result: Passes) -> list[str]:
    """Mistakes of each pass, and the line that was found."""
    shown = ", ".join(map(str, result.mistakes[:20]))
    more = ", ..." if len(result.mistakes) > 20 else ""
    x, y, bias = result.lines[-1]
    return [
        f"{len(result.points)} points, mistakes in each pass: {shown}{more}",
        f"{result.mistakes.sum()} mistakes in all, of at most {result.bound:,.0f} (Novikoff)",
        f"After {len(result.mistakes)} passes {result.mistakes[-1]} mistakes; the line: "
        f"{x:.2f} x + {y:.2f} y + {bias:.2f} = 0",
    ]


def draw(result: Passes) -> Figure:
    """Points with the line after each pass, and the mistakes of each pass."""
    figure = new_figure(3.9)
    plane, bars = figure.subplots(1, 2, width_ratios=(1.25, 1))
    last = result.lines[-1]
    show_regions(plane, lambda places: _side(places, last), _EXTENT)
    show_points(plane, result.points, result.labels)
    shown = np.unique(np.geomspace(1, len(result.lines), 6).round().astype(int)) - 1
    for rank, index in enumerate(shown):
        share = (rank + 1) / len(shown)
        final = rank == len(shown) - 1
        _draw_line(plane, result.lines[index], INK if final else GREY, 0.6 + 1.8 * share, share)
    plane.set(xlabel="x", ylabel="y")
    plane.set_title("The line after some passes, the last one dark")
    bars.bar(np.arange(1, len(result.mistakes) + 1), result.mistakes, color=ORANGE, width=0.8)
    bars.set(xlabel="pass over the points", ylabel="mistakes", ylim=(0, None))
    bars.grid(visible=False, axis="x")
    bars.set_title("Mistakes in each pass")
    return figure


def _side(places: FloatArray, line: NDArray[np.float64]) -> IntArray:
    return (places @ line[:2] + line[2] >= 0).astype(np.int64)


def _draw_line(
    axes: Axes, line: NDArray[np.float64], colour: str, width: float, opacity: float
) -> None:
    x, y, bias = line
    # The foot of the perpendicular from the middle, and the way along the line.
    foot = -bias * np.array([x, y]) / (x**2 + y**2)
    along = 10 * np.array([-y, x]) / np.hypot(x, y)
    ends = np.stack([foot - along, foot + along])
    axes.plot(*ends.T, color=colour, linewidth=width, alpha=0.35 + 0.65 * opacity, zorder=2)


LESSON = Lesson(
    "perceptron",
    "The rule of 1957 learns a line: mistakes in each pass, and the line moving.",
    compute,
    describe,
    draw,
)
