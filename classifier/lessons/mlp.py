"""Layers upon layers: what depth and width buy, and what an image costs a dense layer."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure

from classifier.lessons.figure import BLUE, ORANGE, new_figure, show_points, show_regions, two_parts
from classifier.lessons.fitting import (
    FloatArray,
    IntArray,
    fit,
    outputs,
    seeded_module,
    share_right,
)
from classifier.lessons.lesson import Lesson, silent
from classifier.models import build_network
from classifier.models.activations import find_activation
from classifier.models.mlp import MLP
from faceswap.core.seeding import generator

SHAPES: tuple[tuple[int, ...], ...] = ((), (8,), (32,), (32, 32))
_COSTED = ((28, 1), (32, 3), (64, 3), (128, 3), (256, 3))
"""Side and channels of images whose cost is counted."""
_EXTENT = (-1.25, 1.25, -1.25, 1.25)


@dataclass(frozen=True)
class Trained:
    """A network of one shape on the spirals.

    Attributes:
        hidden: Widths of its hidden layers.
        module: The network.
        parameters: How many numbers it has.
        accuracy: On spirals it was not trained on.
    """

    hidden: tuple[int, ...]
    module: MLP
    parameters: int
    accuracy: float


@dataclass(frozen=True)
class Cost:
    """What a dense network pays for images of one size.

    Attributes:
        side: In pixels.
        channels: 1 or 3.
        inputs: Numbers in an image.
        parameters: Of the registry's ``mlp`` (256 and 128 hidden units, ten classes).
    """

    side: int
    channels: int
    inputs: int
    parameters: int


@dataclass(frozen=True)
class Layers:
    """Two spirals, the networks that learnt them, and the cost of images."""

    points: FloatArray
    labels: IntArray
    networks: tuple[Trained, ...]
    costs: tuple[Cost, ...]


def two_spirals(count: int, seed: int) -> tuple[FloatArray, IntArray]:
    """Two arms of one and a quarter turns wound into each other (Lang and Witbrock, 1988)."""
    random = generator(seed, "spirals")
    labels = np.arange(count) % 2
    along = random.uniform(0.1, 1, count)
    angle = 2.5 * np.pi * along + np.pi * labels
    arms = along[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return (arms + random.normal(0, 0.025, (count, 2))).astype(np.float32), labels


def compute(
    seed: int = 0,
    steps: int = 1500,
    shapes: tuple[tuple[int, ...], ...] = SHAPES,
    on_progress: Callable[[float], None] = silent,
) -> Layers:
    """Trains a network of each shape on the same spirals, and counts what images would cost.

    Rumelhart, Hinton and Williams (1986): Learning representations by back-propagating errors.

    Args:
        seed: Of points and weights.
        steps: Training steps of each network.
        shapes: Widths of the hidden layers of each network.
        on_progress: See ``Lesson``.
    """
    points, labels = two_spirals(400, seed)
    fresh, fresh_labels = two_spirals(1000, seed + 1)
    inputs, targets = torch.from_numpy(points), torch.from_numpy(labels)
    trained = []
    for hidden in shapes:
        module = seeded_module(lambda h=hidden: MLP(2, h, 2, find_activation("tanh")), seed)
        assert isinstance(module, MLP)
        fit(
            module,
            inputs,
            targets,
            steps=steps,
            batch=128,
            lr=0.02,
            seed=seed,
            on_step=lambda _step, _loss: on_progress(1 / (steps * len(shapes))),
        )
        right = share_right(module, torch.from_numpy(fresh), torch.from_numpy(fresh_labels))
        trained.append(Trained(hidden, module, _count(module), right))
    return Layers(points, labels, tuple(trained), tuple(_cost(*kind) for kind in _COSTED))


def _count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _cost(side: int, channels: int) -> Cost:
    # On the meta device a network has shapes and no numbers: nothing is allocated.
    with torch.device("meta"):
        built = build_network("mlp", 10, {"channels": channels}, size=side)
    return Cost(side, channels, side * side * channels, _count(built.module))


def describe(result: Layers) -> list[str]:
    """Accuracy by shape, and parameters by size of image."""
    lines = [
        f"{_name(part.hidden)}: {part.parameters:,} parameters, "
        f"{part.accuracy:.1%} of unseen points right"
        for part in result.networks
    ]
    lines += [
        f"Images of {cost.side}x{cost.side}x{cost.channels}: {cost.inputs:,} inputs, "
        f"{cost.parameters:,} parameters with 256 and 128 hidden units"
        for cost in result.costs
    ]
    return lines


def _name(hidden: tuple[int, ...]) -> str:
    return f"hidden {' and '.join(map(str, hidden))}" if hidden else "no hidden layer"


def draw(result: Layers) -> Figure:
    """What each network makes of the plane, and the cost of images."""
    figure = new_figure(4.7)
    above, below = two_parts(figure, 1.35)
    for axes, part in zip(above.subplots(1, len(result.networks)), result.networks, strict=True):
        show_regions(axes, lambda p, m=part.module: _decide(m, p), _EXTENT)
        show_points(axes, result.points, result.labels, size=7)
        axes.set(xticks=(), yticks=(), aspect="equal")
        axes.set_title(_name(part.hidden), loc="center")
        axes.set_xlabel(f"{part.accuracy:.0%} right, {part.parameters:,} weights")
    bars = below.subplots()
    names = [f"{cost.side}×{cost.side}×{cost.channels}" for cost in result.costs]
    values = [cost.parameters / 1e6 for cost in result.costs]
    drawn = bars.barh(names, values, color=[*[BLUE] * (len(values) - 1), ORANGE], height=0.65)
    labels = [f"{cost.inputs:,} inputs, {cost.parameters / 1e6:.1f} M" for cost in result.costs]
    bars.bar_label(drawn, labels, padding=4, fontsize=8.5)
    bars.set(xlabel="million parameters", xlim=(0, 1.35 * max(values)))
    bars.invert_yaxis()
    bars.grid(visible=False, axis="y")
    bars.set_title("The same dense network (256 and 128 hidden units) on images")
    return figure


def _decide(module: torch.nn.Module, places: FloatArray) -> IntArray:
    return outputs(module, torch.from_numpy(places), batch=8192).argmax(1).numpy()


LESSON = Lesson(
    "mlp",
    "Depth and width solve two spirals; what 196,608 inputs cost in weights.",
    compute,
    describe,
    draw,
)
