"""The perceptron of 1957 learns a separating line from its mistakes."""

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classifier.lessons.figure import GREY, INK, ORANGE, new_figure, plot_points, plot_regions
from classifier.lessons.language import Text, say
from classifier.lessons.lesson import Lesson
from classifier.lessons.material.fitting import FloatArray, IntArray
from classifier.models.neuron import FormalNeuron
from classifier.models.perceptron import perceptron_update
from faceswap.core.seeding import generator

_EXTENT = (-0.6, 5.6, -0.6, 5.6)
_LINE = np.array([0.8, 0.6, -3.8])
"""True line between the two classes: weights of x and y, bias."""


@dataclass(frozen=True)
class PerceptronRun:
    """Training of a perceptron, pass by pass.

    Attributes:
        points: ``(N, 2)`` training points.
        labels: ``(N,)`` labels, 0 or 1.
        lines: ``(P, 3)`` weights of x and y and the bias after each pass.
        mistakes: ``(P,)`` misclassified points in each pass.
        bound: Largest possible total number of mistakes by Novikoff's theorem (1962).
    """

    points: FloatArray
    labels: IntArray
    lines: NDArray[np.float64]
    mistakes: IntArray
    bound: float


def two_clouds(count: int, seed: int, margin: float = 0.03) -> tuple[FloatArray, IntArray]:
    """Sample linearly separable points; none lies within ``margin`` of the true line."""
    random = generator(seed, "clouds")
    points = random.normal(2.5, 1.2, (8 * count, 2)).astype(np.float32)
    side = points @ _LINE[:2] + _LINE[2]
    kept = np.flatnonzero((np.abs(side) > margin) & (np.abs(points - 2.5).max(1) < 3))[:count]
    return points[kept], (side[kept] > 0).astype(np.int64)


def compute(seed: int = 0, count: int = 120, passes: int = 200) -> PerceptronRun:
    """Train a perceptron until a whole pass makes no mistake.

    Rosenblatt (1957): The perceptron, a perceiving and recognizing automaton.

    Args:
        seed: Seed of the points.
        count: Number of points.
        passes: Largest number of passes.
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
    bound = _novikoff_bound(points, labels)
    return PerceptronRun(points, labels, np.array(lines), np.array(mistakes), bound)


def _novikoff_bound(points: FloatArray, labels: IntArray) -> float:
    """``(R / margin) ** 2``, with the margin of the true line."""
    extended = np.column_stack([points, np.ones(len(points))])
    line = _LINE / np.linalg.norm(_LINE)
    margin = float((extended @ line * (2 * labels - 1)).min())
    return float((np.linalg.norm(extended, axis=1).max() / margin) ** 2)


def describe(result: PerceptronRun) -> list[str]:
    """Describe the mistakes in each pass and the final line."""
    shown = ", ".join(map(str, result.mistakes[:20]))
    more = ", ..." if len(result.mistakes) > 20 else ""
    x, y, bias = result.lines[-1]
    return [
        f"{len(result.points)} points; mistakes in each pass: {shown}{more}",
        f"Total: {result.mistakes.sum()} mistakes (upper bound by Novikoff: {result.bound:,.0f})",
        f"Pass {len(result.mistakes)}: {result.mistakes[-1]} mistakes; final line: "
        f"{x:.2f} x {y:+.2f} y {bias:+.2f} = 0",
    ]


def plot(result: PerceptronRun) -> Figure:
    """Plot the points with the line after several passes, and the mistakes in each pass."""
    figure = new_figure(3.9)
    plane, bars = figure.subplots(1, 2, width_ratios=(1.25, 1))
    last = result.lines[-1]
    plot_regions(plane, lambda points: _classify(points, last), _EXTENT)
    plot_points(plane, result.points, result.labels)
    shown = np.unique(np.geomspace(1, len(result.lines), 6).round().astype(int)) - 1
    for rank, index in enumerate(shown):
        fraction = (rank + 1) / len(shown)
        final = rank == len(shown) - 1
        colour = INK if final else GREY
        _plot_line(plane, result.lines[index], colour, 0.6 + 1.8 * fraction, fraction)
    plane.set(xlabel="x", ylabel="y")
    plane.set_title(say("Line after several passes", "Droite après plusieurs passages"))
    bars.bar(np.arange(1, len(result.mistakes) + 1), result.mistakes, color=ORANGE, width=0.8)
    bars.set(ylim=(0, None), ylabel=say("mistakes", "erreurs"))
    bars.set_xlabel(say("pass over the points", "passage sur les points"))
    bars.grid(visible=False, axis="x")
    bars.set_title(say("Mistakes in each pass", "Erreurs à chaque passage"))
    return figure


def _classify(points: FloatArray, line: NDArray[np.float64]) -> IntArray:
    return (points @ line[:2] + line[2] >= 0).astype(np.int64)


def _plot_line(
    axes: Axes, line: NDArray[np.float64], colour: str, width: float, opacity: float
) -> None:
    x, y, bias = line
    # The point of the line nearest to the origin, and the direction of the line.
    foot = -bias * np.array([x, y]) / (x**2 + y**2)
    along = 10 * np.array([-y, x]) / np.hypot(x, y)
    ends = np.stack([foot - along, foot + along])
    axes.plot(*ends.T, color=colour, linewidth=width, alpha=0.35 + 0.65 * opacity, zorder=2)


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Each mistake turns the line a little (grey: earlier passes, black: final). The points "
        "can be separated, so the mistakes end.",
        "Chaque erreur fait un peu tourner la droite (gris : passages précédents, noir : droite "
        "finale). Les points sont séparables, donc les erreurs cessent.",
    ),
)
