"""Activation functions and their derivatives, which scale the gradient in back-propagation."""

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from classifier.lessons.figure import BLUE, GREY, ORANGE, new_figure
from classifier.lessons.language import Text, say
from classifier.lessons.lesson import Lesson
from classifier.models import ACTIVATIONS, activation
from classifier.models.activations import slope

_RANGE = 4.0
_PIECES = ((-0.5, -1.0), (0.25, 0.0), (1.2, -1.5))
"""Slope and intercept of the three lines of the plotted maxout unit."""


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


def compute(points: int = 801) -> tuple[Curve, ...]:
    """Evaluate all registered activations and their derivatives; nothing is random."""
    x = torch.linspace(-_RANGE, _RANGE, points)
    curves = []
    for name in ACTIVATIONS:
        module = FixedMaxout() if name == "maxout" else activation(name)
        with torch.no_grad():
            y = module(x)
        positive, negative = (slope(module, torch.tensor([2.0, -2.0])) ** 10).tolist()
        slopes = slope(module, x)
        curves.append(Curve(name, x.numpy(), y.numpy(), slopes.numpy(), (positive, negative)))
    return tuple(curves)


def describe(result: tuple[Curve, ...]) -> list[str]:
    """Describe each activation in one line: output range, slope range, slope to the power of 10."""
    lines = [
        f"{curve.name:>10}: output {curve.y.min():5.2f} to {curve.y.max():4.2f}, slope "
        f"{curve.slope.min():5.2f} to {curve.slope.max():4.2f}; slope^10 at 2: "
        f"{curve.ten_layers[0]:.2g}, at -2: {curve.ten_layers[1]:.2g}"
        for curve in result
    ]
    return [
        "Inputs from -4 to 4. slope^10 is the factor by which ten layers scale a gradient.",
        *lines,
    ]


def plot(result: tuple[Curve, ...]) -> Figure:
    """Plot each activation and its slope in a panel of its own."""
    figure = new_figure(6.2)
    rows = -(-len(result) // 3)
    axes = figure.subplots(rows, 3, sharex=True)
    for panel, curve in zip(axes.flat, result, strict=False):
        _plot_curve(panel, curve)
    for panel in list(axes.flat)[len(result) :]:
        panel.set_axis_off()
    axes.flat[0].legend(loc="upper left")
    return figure


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
        "Each function (blue) and its slope (dashed), by which back-propagation multiplies the "
        "gradient in each layer.",
        "Chaque fonction (en bleu) et sa pente (tirets), par laquelle la rétropropagation "
        "multiplie le gradient à chaque couche.",
    ),
)
