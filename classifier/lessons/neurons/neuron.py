"""The formal neuron of 1943: a weighted sum, a threshold, and logic."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray

from classifier.lessons.figure import BLUE, GREY, INK, ORANGE, new_figure, tint
from classifier.lessons.language import Text, number, say
from classifier.lessons.lesson import Lesson
from classifier.models import Neuron


@dataclass(frozen=True)
class Gate:
    """A logic gate made of one neuron, with its truth table.

    Attributes:
        name: Name of the logic function.
        neuron: Weights and threshold.
        inputs: ``(2 ** n, n)`` all binary inputs.
        sums: ``(2 ** n,)`` weighted sums.
        outputs: ``(2 ** n,)`` outputs, 0 or 1.
    """

    name: str
    neuron: Neuron
    inputs: NDArray[np.int64]
    sums: NDArray[np.float64]
    outputs: NDArray[np.int64]


def compute() -> tuple[Gate, ...]:
    """Evaluate AND, OR, NOT and "at least two of three" on all inputs; nothing is trained.

    McCulloch and Pitts (1943): A logical calculus of the ideas immanent in nervous activity.
    """
    return (
        gate("AND", Neuron.all_of()),
        gate("OR", Neuron.any_of()),
        gate("NOT", Neuron.negation()),
        gate("two of three", Neuron((1.0, 1.0, 1.0), 2.0)),
    )


def gate(name: str, neuron: Neuron) -> Gate:
    """Compute the truth table of a neuron."""
    inputs = np.array(list(product((0, 1), repeat=len(neuron.weights))))
    return Gate(name, neuron, inputs, inputs @ np.array(neuron.weights), neuron(inputs))


def describe(result: tuple[Gate, ...]) -> list[str]:
    """Describe each gate in one line: weights, threshold and truth table."""
    lines = []
    for one in result:
        weights = ", ".join(f"{weight:g}" for weight in one.neuron.weights)
        table = "  ".join(
            f"{''.join(map(str, row))}->{output}"
            for row, output in zip(one.inputs, one.outputs, strict=True)
        )
        lines.append(f"{one.name} (weights {weights}; threshold {one.neuron.threshold:g}): {table}")
    return lines


_IN_FRENCH = {"AND": "ET", "OR": "OU", "NOT": "NON", "two of three": "au moins deux sur trois"}


def plot(result: tuple[Gate, ...]) -> Figure:
    """Plot each gate as a diagram, as a truth table, and as output over weighted sum."""
    figure = new_figure(5.4)
    axes = figure.subplots(3, len(result), height_ratios=(1.1, 1.35, 1))
    for column, one in enumerate(result):
        _plot_diagram(axes[0, column], one)
        _plot_table(axes[1, column], one)
        _plot_step(axes[2, column], one)
    axes[2, 0].set_ylabel(say("output", "sortie"))
    return figure


def _plot_diagram(axes: Axes, one: Gate) -> None:
    count = len(one.neuron.weights)
    for index, weight in enumerate(one.neuron.weights):
        y = (count - 1) / 2 - index
        colour = BLUE if weight > 0 else ORANGE
        axes.plot([0, 2], [y, 0], color=colour, linewidth=1 + abs(weight), zorder=1)
        axes.add_patch(Circle((0, y), 0.3, facecolor="white", edgecolor=INK, zorder=2))
        axes.text(0, y, f"x{index + 1}", ha="center", va="center", fontsize=8)
        # Above its line, so that the two do not overlap.
        sign = f"{weight:+g}".replace("-", "−")
        axes.text(0.85, 0.6 * y + 0.14, sign, color=colour, ha="center", va="bottom")
    axes.annotate("", (3.6, 0), (2.5, 0), arrowprops={"arrowstyle": "-|>", "color": INK})
    axes.add_patch(Circle((2, 0), 0.62, facecolor=tint(BLUE, 0.15), edgecolor=INK, zorder=2))
    axes.text(2, 0, f"Σ ≥ {one.neuron.threshold:g}", ha="center", va="center", fontsize=8.5)
    axes.set(xlim=(-0.5, 3.7), ylim=(-1.4, 1.4), aspect="equal")
    axes.set_axis_off()
    axes.set_title(say(one.name, _IN_FRENCH[one.name]), loc="center")


def _plot_table(axes: Axes, one: Gate) -> None:
    count = one.inputs.shape[1]
    heads = [
        *(f"x{index + 1}" for index in range(count)),
        say("sum", "Σ"),
        say("out", "sortie"),
    ]
    # All tables have the height of eight rows, so that their fonts are equally large.
    for column, head in enumerate(heads):
        axes.text(column, 0, head, ha="center", va="center", color=GREY, fontsize=8)
    for row, (bits, total, output) in enumerate(
        zip(one.inputs, one.sums, one.outputs, strict=True), start=1
    ):
        if output:
            axes.axhspan(row - 0.5, row + 0.5, color=tint(BLUE, 0.15), linewidth=0)
        for column, value in enumerate([*bits, int(total), output]):
            axes.text(column, row, number(value), ha="center", va="center", fontsize=8.5)
    axes.axhline(0.5, color=GREY, linewidth=0.8)
    axes.set(xlim=(-0.7, len(heads) - 0.3), ylim=(8.6, -0.6))
    axes.set_axis_off()


def _plot_step(axes: Axes, one: Gate) -> None:
    low, high = one.sums.min() - 0.7, one.sums.max() + 0.7
    theta = one.neuron.threshold
    axes.plot([low, theta, theta, high], [0, 0, 1, 1], color=INK, linewidth=1.3, zorder=1)
    axes.axvspan(theta, high, color=tint(BLUE, 0.15), linewidth=0)
    axes.scatter(
        one.sums,
        one.outputs,
        s=45,
        c=[BLUE if output else "white" for output in one.outputs],
        edgecolors=INK,
        zorder=3,
    )
    axes.set(xlim=(low, high), ylim=(-0.25, 1.25), yticks=(0, 1))
    axes.set_xlabel(say("weighted sum", "somme pondérée"))
    axes.set_xticks(np.unique(one.sums))
    axes.grid(visible=False)


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Each column is one neuron: its weights and threshold, its truth table, and its output "
        "over the weighted sum. The output is 1 where the sum reaches the threshold (blue).",
        "Chaque colonne est un neurone : ses poids et son seuil, sa table de vérité, et sa "
        "sortie selon la somme pondérée. La sortie vaut 1 là où la somme atteint le seuil (en "
        "bleu).",
    ),
)
