"""What stands between two layers: the activations by name, and the slopes learning depends on."""

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn

from classifier.lessons.figure import BLUE, GREY, ORANGE, new_figure
from classifier.lessons.lesson import Lesson
from classifier.models import ACTIVATIONS, activation
from classifier.models.activations import slope

_RANGE = 4.0
_PIECES = ((-0.5, -1.0), (0.25, 0.0), (1.2, -1.5))
"""Slope and height of the three lines that the drawn maxout unit takes the largest of."""


class DrawnMaxout(nn.Module):
    """A maxout unit of one input with given lines: a net would learn them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = nn.Linear(1, len(_PIECES))
        self.largest = activation("maxout", len(_PIECES))
        with torch.no_grad():
            self.lines.weight.copy_(torch.tensor(_PIECES)[:, :1])
            self.lines.bias.copy_(torch.tensor(_PIECES)[:, 1])

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """``(N,)`` -> ``(N,)``."""
        return self.largest(self.lines(values[:, None]))[:, 0]


@dataclass(frozen=True)
class Curve:
    """An activation over a range of inputs.

    Attributes:
        name: As options of networks call it.
        x: ``(N,)``.
        y: ``(N,)`` outputs.
        slope: ``(N,)`` derivatives.
        through: What ten layers in a row leave of a gradient if each multiplies it by the slope
            at 2, and by that at -2.
    """

    name: str
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    slope: NDArray[np.float32]
    through: tuple[float, float]


def compute(points: int = 801) -> tuple[Curve, ...]:
    """The curves of all activations in the toolkit's table; nothing is random."""
    x = torch.linspace(-_RANGE, _RANGE, points)
    curves = []
    for name in ACTIVATIONS:
        module = DrawnMaxout() if name == "maxout" else activation(name)
        with torch.no_grad():
            y = module(x)
        up, down = (slope(module, torch.tensor([2.0, -2.0])) ** 10).tolist()
        slopes = slope(module, x)
        curves.append(Curve(name, x.numpy(), y.numpy(), slopes.numpy(), (up, down)))
    return tuple(curves)


def describe(result: tuple[Curve, ...]) -> list[str]:
    """Ranges and slopes."""
    lines = [
        f"{curve.name:>10}: from {curve.y.min():5.2f} to {curve.y.max():4.2f} on [-4, 4], slopes "
        f"{curve.slope.min():5.2f} to {curve.slope.max():4.2f}; ten slopes in a row at 2: "
        f"{curve.through[0]:.2g}, at -2: {curve.through[1]:.2g}"
        for curve in result
    ]
    return [*lines, "Gradients are multiplied by such slopes on their way back to the first layer."]


def draw(result: tuple[Curve, ...]) -> Figure:
    """A panel for each, the curve and its slope."""
    figure = new_figure(6.2)
    rows = -(-len(result) // 3)
    axes = figure.subplots(rows, 3, sharex=True)
    for panel, curve in zip(axes.flat, result, strict=False):
        _draw_curve(panel, curve)
    for panel in list(axes.flat)[len(result) :]:
        panel.set_axis_off()
    axes.flat[0].legend(loc="upper left")
    return figure


def _draw_curve(panel: Axes, curve: Curve) -> None:
    panel.axhline(0, color=GREY, linewidth=0.8)
    panel.axvline(0, color=GREY, linewidth=0.8)
    if curve.name == "maxout":
        for steep, height in _PIECES:
            panel.plot(curve.x, steep * curve.x + height, color=GREY, linewidth=0.9, linestyle=":")
    # A step is drawn as a step: the line between its two sides is not part of it.
    gaps = np.abs(np.diff(curve.y, prepend=curve.y[0])) > 0.5
    panel.plot(curve.x, np.where(gaps, np.nan, curve.y), color=BLUE, label="output")
    jumps = np.abs(np.diff(curve.slope, prepend=curve.slope[0])) > 0.2
    slopes = np.where(jumps, np.nan, curve.slope)
    panel.plot(curve.x, slopes, color=ORANGE, linestyle="--", linewidth=1.5, label="slope")
    panel.set(xlim=(-_RANGE, _RANGE), ylim=(-1.35, 2.6))
    panel.set_title(curve.name)


LESSON = Lesson(
    "activations",
    "Threshold, sigmoid, tanh, ReLU and their kin: curves, and the slopes learning needs.",
    compute,
    describe,
    draw,
)
