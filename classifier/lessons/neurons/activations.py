"""Activation functions, their derivatives, and networks that learn with each of them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from classifier.lessons.figure import BLUE, GREY, ORANGE, new_figure, split_figure
from classifier.lessons.language import Text, percent, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import (
    count_parameters,
    fit,
    seeded_module,
    top1_accuracy,
)
from classifier.lessons.material.spirals import two_spirals
from classifier.models import ACTIVATIONS, activation
from classifier.models.activations import find_activation, slope
from classifier.models.mlp import MLP

_RANGE = 4.0
_PIECES = ((-0.5, -1.0), (0.25, 0.0), (1.2, -1.5))
"""Slope and intercept of the three lines of the plotted maxout unit."""
_WIDTHS = {"maxout": 18}
"""Units of each hidden layer, where not 32: three lines per unit take more weights."""
_DIRECTIONS = 36


class FixedMaxout(nn.Module):
    """A maxout unit of one input with fixed lines; in a network they are learnt."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = nn.Linear(1, len(_PIECES))
        self.maximum = activation("maxout", len(_PIECES))
        with torch.no_grad():
            self.lines.weight.copy_(torch.tensor(_PIECES)[:, :1])
            self.lines.bias.copy_(torch.tensor(_PIECES)[:, 1])

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """``(N,)`` -> ``(N,)``."""
        return self.maximum(self.lines(values[:, None]))[:, 0]


@dataclass(frozen=True)
class Curve:
    """An activation function over a range of inputs.

    Attributes:
        name: Name in the options of networks.
        x: ``(N,)`` inputs.
        y: ``(N,)`` outputs.
        slope: ``(N,)`` derivatives.
        ten_layers: Tenth power of the derivative at 2 and at -2: the factor by which ten layers in
            a row scale a gradient.
    """

    name: str
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    slope: NDArray[np.float32]
    ten_layers: tuple[float, float]


@dataclass(frozen=True)
class Trained:
    """Networks with one activation, trained on two spirals from several initial weights.

    Attributes:
        parameters: Number of parameters of each.
        accuracy: ``(repeats,)`` accuracies on test points, in [0, 1].
    """

    parameters: int
    accuracy: NDArray[np.float64]


@dataclass(frozen=True)
class LearntMaxout:
    """A unit of the first layer of a trained maxout network, along a line through the spirals.

    Attributes:
        position: ``(P,)`` positions on the line; 0 is the centre of the spirals.
        lines: ``(P, 3)`` values of its three linear functions; its output is their maximum.
        angle: Direction of the line, in degrees.
    """

    position: NDArray[np.float32]
    lines: NDArray[np.float32]
    angle: float


@dataclass(frozen=True)
class Activations:
    """Activation functions, and networks trained with each.

    Attributes:
        curves: Functions and slopes.
        trained: Networks by name of the activation.
        maxout: A unit that a network has learnt.
        steps: Training steps of each network.
    """

    curves: tuple[Curve, ...]
    trained: dict[str, Trained]
    maxout: LearntMaxout
    steps: int


def compute(
    seed: int = 0,
    points: int = 801,
    steps: int = 400,
    repeats: int = 5,
    on_progress: Callable[[float], None] = no_progress,
) -> Activations:
    """Evaluate all registered activations, and train a network of two hidden layers with each.

    Args:
        seed: Seed of the spirals and of the initial weights.
        points: Number of inputs at which the functions are evaluated.
        steps: Training steps of each network.
        repeats: Networks with each activation, from different initial weights.
        on_progress: Progress callback; see ``Lesson``.
    """
    networks: dict[str, list[tuple[MLP, float]]] = {name: [] for name in ACTIVATIONS}
    for name, runs in networks.items():
        for repeat in range(repeats):
            runs.append(_train(name, steps, seed, repeat))
            on_progress(1 / (repeats * len(networks)))
    trained = {
        name: Trained(count_parameters(runs[0][0]), np.array([accuracy for _, accuracy in runs]))
        for name, runs in networks.items()
    }
    return Activations(curves(points), trained, learnt_maxout(networks["maxout"][0][0]), steps)


def curves(points: int) -> tuple[Curve, ...]:
    """Evaluate all registered activations and their derivatives.

    Args:
        points: Number of inputs.
    """
    x = torch.linspace(-_RANGE, _RANGE, points)
    evaluated = []
    for name in ACTIVATIONS:
        module = FixedMaxout() if name == "maxout" else activation(name)
        with torch.no_grad():
            y = module(x)
        positive, negative = (slope(module, torch.tensor([2.0, -2.0])) ** 10).tolist()
        slopes = slope(module, x)
        evaluated.append(Curve(name, x.numpy(), y.numpy(), slopes.numpy(), (positive, negative)))
    return tuple(evaluated)


def _train(name: str, steps: int, seed: int, repeat: int) -> tuple[MLP, float]:
    """Train one network; return it with its accuracy on test points."""
    width = _WIDTHS.get(name, 32)
    kind = find_activation(name, len(_PIECES))
    network = seeded_module(lambda: MLP(2, (width, width), 2, kind), 1000 * seed + repeat)
    assert isinstance(network, MLP)
    inputs, targets = (torch.from_numpy(array) for array in two_spirals(400, seed))
    fit(network, inputs, targets, steps=steps, batch=128, lr=0.01, seed=repeat)
    test, labels = (torch.from_numpy(array) for array in two_spirals(1000, seed + 1))
    return network, top1_accuracy(network, test, labels)


@torch.no_grad()
def learnt_maxout(network: MLP) -> LearntMaxout:
    """Find a unit of the first layer, and a line through the centre, with three used pieces.

    Each linear function of the unit is a plane over the two inputs; along a line through the
    inputs it is a line.

    Args:
        network: Maxout network of two inputs.
    """
    first = network.features[1]
    assert isinstance(first, nn.Linear)
    position = torch.linspace(-1, 1, 201)
    best, found = -1, None
    for angle in np.arange(_DIRECTIONS) * 180 / _DIRECTIONS:
        direction = torch.tensor([np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))])
        path = position[:, None] * direction.float()
        values = first(path).unflatten(1, (-1, len(_PIECES)))  # (P, units, pieces)
        used = nn.functional.one_hot(values.argmax(2), len(_PIECES)).sum(0).amin(1)
        unit = int(used.argmax())
        if int(used[unit]) > best:
            best = int(used[unit])
            found = LearntMaxout(position.numpy(), values[:, unit].numpy(), float(angle))
    assert found is not None
    return found


def describe(result: Activations) -> list[str]:
    """Describe each activation in one line: slopes, and accuracy of the networks with it."""
    lines = [
        f"{curve.name:>10}: output {curve.y.min():5.2f} to {curve.y.max():4.2f}, slope "
        f"{curve.slope.min():5.2f} to {curve.slope.max():4.2f}; slope^10 at 2: "
        f"{curve.ten_layers[0]:.2g}, at -2: {curve.ten_layers[1]:.2g}"
        for curve in result.curves
    ]
    accuracies = [
        f"{name} {one.accuracy.mean():.1%} ({one.accuracy.min():.1%} to {one.accuracy.max():.1%})"
        for name, one in result.trained.items()
    ]
    sizes = {name: one.parameters for name, one in result.trained.items()}
    unit = result.maxout
    gradients = (unit.lines[-1] - unit.lines[0]) / (unit.position[-1] - unit.position[0])
    return [
        "Inputs from -4 to 4. slope^10 is the factor by which ten layers scale a gradient.",
        *lines,
        f"Test accuracy after {result.steps} steps on two spirals, mean (and range) of "
        f"{len(result.trained['maxout'].accuracy)} networks:",
        *(", ".join(accuracies[first : first + 3]) for first in range(0, len(accuracies), 3)),
        f"Parameters: {sizes['maxout']:,} with maxout, {sizes['relu']:,} with the others. A learnt "
        f"maxout unit: slopes {', '.join(f'{gradient:.2f}' for gradient in sorted(gradients))}",
    ]


def plot(result: Activations) -> Figure:
    """Plot each activation and its slope, the trained networks, and a learnt maxout unit."""
    figure = new_figure(8.9)
    above, below = split_figure(figure, 2.3)
    rows = -(-len(result.curves) // 3)
    axes = above.subplots(rows, 3, sharex=True)
    for panel in axes.flat[len(result.curves) :]:
        panel.set_axis_off()
    for panel, curve in zip(axes.flat, result.curves, strict=False):
        _plot_curve(panel, curve)
    axes.flat[0].legend(loc="upper left")
    accuracy, unit = below.subplots(1, 2, width_ratios=(1.6, 1))
    _plot_accuracy(accuracy, result)
    _plot_learnt(unit, result.maxout)
    return figure


def _plot_accuracy(axes: Axes, result: Activations) -> None:
    for row, one in enumerate(result.trained.values()):
        mean, low, high = (
            100 * value for value in (one.accuracy.mean(), one.accuracy.min(), one.accuracy.max())
        )
        axes.plot((low, high), (row, row), color=ORANGE, linewidth=5, alpha=0.35)
        axes.plot(mean, row, "o", color=BLUE)
        axes.annotate(
            percent(mean / 100, 1),
            (high, row),
            (7, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
    axes.set_yticks(range(len(result.trained)), list(result.trained))
    axes.invert_yaxis()
    axes.set_xlim(45, 111)
    axes.set_xticks(range(50, 101, 10))
    axes.set_xlabel(say("test accuracy (%)", "exactitude au test (%)"))
    title = say("Trained for {} steps on spirals", "Entraînés pendant {} pas sur des spirales")
    axes.set_title(title.format(result.steps))


def _plot_learnt(axes: Axes, unit: LearntMaxout) -> None:
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.plot(unit.position, unit.lines, color=GREY, linewidth=1.2, linestyle=":")
    axes.plot(unit.position, unit.lines.max(1), color=BLUE)
    axes.set_xlabel(say("position on a line through the inputs", "position sur une droite"))
    axes.set_xlim(-1, 1)
    axes.set_title(say("A learnt maxout unit", "Une unité maxout apprise"))


def _plot_curve(panel: Axes, curve: Curve) -> None:
    panel.axhline(0, color=GREY, linewidth=0.8)
    panel.axvline(0, color=GREY, linewidth=0.8)
    if curve.name == "maxout":
        for gradient, intercept in _PIECES:
            line = gradient * curve.x + intercept
            panel.plot(curve.x, line, color=GREY, linewidth=0.9, linestyle=":")
    # A gap at each discontinuity, so that no vertical line connects its two sides.
    gaps = np.abs(np.diff(curve.y, prepend=curve.y[0])) > 0.5
    panel.plot(curve.x, np.where(gaps, np.nan, curve.y), color=BLUE, label=say("output", "sortie"))
    jumps = np.abs(np.diff(curve.slope, prepend=curve.slope[0])) > 0.2
    slopes = np.where(jumps, np.nan, curve.slope)
    panel.plot(
        curve.x, slopes, color=ORANGE, linestyle="--", linewidth=1.5, label=say("slope", "pente")
    )
    panel.set(xlim=(-_RANGE, _RANGE), ylim=(-1.35, 2.6))
    panel.set_title(curve.name)


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Above: each function (blue) and its slope (dashed), by which back-propagation multiplies "
        "the gradient in each layer. Below: the same small network trained with each (bars: range "
        "over several initial weights), and the three lines of a maxout unit that it has learnt.",
        "En haut : chaque fonction (en bleu) et sa pente (tirets), par laquelle la "
        "rétropropagation multiplie le gradient à chaque couche. En bas : le même petit réseau "
        "entraîné avec chacune (barres : étendue sur plusieurs poids initiaux), et les trois "
        "droites d'une unité maxout qu'il a apprises.",
    ),
)
