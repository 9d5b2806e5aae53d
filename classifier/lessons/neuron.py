"""The formal neuron of 1943: a weighted sum, a threshold, and logic."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from classifier.lessons.figure import BLUE, GREY, INK, ORANGE, new_figure, tint
from classifier.lessons.lesson import Lesson
from classifier.models import Neuron


@dataclass(frozen=True)
class Gate:
    """A neuron, and what it answers to every input.

    Attributes:
        name: What it computes.
        neuron: Its weights and threshold.
        inputs: ``(2 ** n, n)`` all rows of zeros and ones.
        sums: ``(2 ** n,)`` weighted sums.
        answers: ``(2 ** n,)`` zeros and ones.
    """

    name: str
    neuron: Neuron
    inputs: NDArray[np.int64]
    sums: NDArray[np.float64]
    answers: NDArray[np.int64]


def compute() -> tuple[Gate, ...]:
    """AND, OR, NOT, and a threshold between: at least two of three. Nothing is learnt, or random.

    McCulloch and Pitts (1943): A logical calculus of the ideas immanent in nervous activity.
    """
    return (
        gate("AND", Neuron.all_of()),
        gate("OR", Neuron.any_of()),
        gate("NOT", Neuron.negation()),
        gate("two of three", Neuron((1.0, 1.0, 1.0), 2.0)),
    )


def gate(name: str, neuron: Neuron) -> Gate:
    """The truth table of a neuron."""
    inputs = np.array(list(product((0, 1), repeat=len(neuron.weights))))
    return Gate(name, neuron, inputs, inputs @ np.array(neuron.weights), neuron(inputs))


def describe(result: tuple[Gate, ...]) -> list[str]:
    """A line for each neuron."""
    lines = []
    for part in result:
        weights = ", ".join(f"{weight:g}" for weight in part.neuron.weights)
        table = "  ".join(
            f"{''.join(map(str, row))}->{answer}"
            for row, answer in zip(part.inputs, part.answers, strict=True)
        )
        lines.append(
            f"{part.name} (weights {weights}; threshold {part.neuron.threshold:g}): {table}"
        )
    return lines


def draw(result: tuple[Gate, ...]) -> Figure:
    """Each neuron with its truth table, and its sums against the threshold."""
    figure = new_figure(5.4)
    axes = figure.subplots(3, len(result), height_ratios=(1.1, 1.35, 1))
    for column, part in enumerate(result):
        _draw_neuron(axes[0, column], part)
        _draw_table(axes[1, column], part)
        _draw_step(axes[2, column], part)
    axes[2, 0].set_ylabel("output")
    return figure


def _draw_neuron(axes: Axes, part: Gate) -> None:
    count = len(part.neuron.weights)
    for index, weight in enumerate(part.neuron.weights):
        y = (count - 1) / 2 - index
        colour = BLUE if weight > 0 else ORANGE
        axes.plot([0, 2], [y, 0], color=colour, linewidth=1 + abs(weight), zorder=1)
        axes.add_patch(Circle((0, y), 0.3, facecolor="white", edgecolor=INK, zorder=2))
        axes.text(0, y, f"x{index + 1}", ha="center", va="center", fontsize=8)
        # Off the line that it belongs to, upwards where that goes down.
        sign = f"{weight:+g}".replace("-", "−")
        axes.text(0.85, 0.6 * y + 0.14, sign, color=colour, ha="center", va="bottom")
    axes.annotate("", (3.6, 0), (2.5, 0), arrowprops={"arrowstyle": "-|>", "color": INK})
    axes.add_patch(Circle((2, 0), 0.62, facecolor=tint(BLUE, 0.15), edgecolor=INK, zorder=2))
    axes.text(2, 0, f"Σ ≥ {part.neuron.threshold:g}", ha="center", va="center", fontsize=8.5)
    axes.set(xlim=(-0.5, 3.7), ylim=(-1.4, 1.4), aspect="equal")
    axes.set_axis_off()
    axes.set_title(part.name, loc="center")


def _draw_table(axes: Axes, part: Gate) -> None:
    count = part.inputs.shape[1]
    heads = [*(f"x{index + 1}" for index in range(count)), "sum", "out"]
    # Eight rows high everywhere, so that the tables share their letters' size.
    for column, head in enumerate(heads):
        axes.text(column, 0, head, ha="center", va="center", color=GREY, fontsize=8)
    for row, (bits, total, answer) in enumerate(
        zip(part.inputs, part.sums, part.answers, strict=True), start=1
    ):
        if answer:
            axes.axhspan(row - 0.5, row + 0.5, color=tint(BLUE, 0.15), linewidth=0)
        for column, value in enumerate([*bits, int(total), answer]):
            axes.text(column, row, f"{value:g}", ha="center", va="center", fontsize=8.5)
    axes.axhline(0.5, color=GREY, linewidth=0.8)
    axes.set(xlim=(-0.7, len(heads) - 0.3), ylim=(8.6, -0.6))
    axes.set_axis_off()


def _draw_step(axes: Axes, part: Gate) -> None:
    low, high = part.sums.min() - 0.7, part.sums.max() + 0.7
    theta = part.neuron.threshold
    axes.plot([low, theta, theta, high], [0, 0, 1, 1], color=INK, linewidth=1.3, zorder=1)
    axes.axvspan(theta, high, color=tint(BLUE, 0.15), linewidth=0)
    axes.scatter(
        part.sums,
        part.answers,
        s=45,
        c=[BLUE if answer else "white" for answer in part.answers],
        edgecolors=INK,
        zorder=3,
    )
    axes.set(xlim=(low, high), ylim=(-0.25, 1.25), xlabel="weighted sum", yticks=(0, 1))
    axes.set_xticks(np.unique(part.sums))
    axes.grid(visible=False)


LESSON = Lesson(
    "neuron",
    "The formal neuron of 1943: a weighted sum and a threshold make AND, OR and NOT.",
    compute,
    describe,
    draw,
)
