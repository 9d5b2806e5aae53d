"""The multilayer perceptron: effect of depth and width, and its parameter count on images."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from matplotlib.figure import Figure

from classifier.lessons.figure import (
    BLUE,
    ORANGE,
    new_figure,
    plot_points,
    plot_regions,
    split_figure,
)
from classifier.lessons.language import Text, number, percent, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import (
    FloatArray,
    IntArray,
    count_parameters,
    fit,
    outputs,
    seeded_module,
    top1_accuracy,
)
from classifier.lessons.material.spirals import two_spirals
from classifier.models import build_network
from classifier.models.activations import find_activation
from classifier.models.mlp import MLP

SHAPES: tuple[tuple[int, ...], ...] = ((), (8,), (32,), (32, 32))
_IMAGE_SHAPES = ((28, 1), (32, 3), (64, 3), (128, 3), (256, 3))
"""Side and channels of the images whose parameter count is shown."""
_EXTENT = (-1.25, 1.25, -1.25, 1.25)


@dataclass(frozen=True)
class TrainedMLP:
    """A network trained on the two spirals.

    Attributes:
        hidden: Widths of the hidden layers.
        module: Trained network.
        parameters: Number of parameters.
        accuracy: Accuracy on test points, in [0, 1].
    """

    hidden: tuple[int, ...]
    module: MLP
    parameters: int
    accuracy: float


@dataclass(frozen=True)
class InputCost:
    """Size of the registered ``mlp`` (256 and 128 hidden units, ten classes) for one image size.

    Attributes:
        side: Side of the images in pixels.
        channels: Channels of the images, 1 or 3.
        inputs: Number of inputs, one per pixel and channel.
        parameters: Number of parameters.
    """

    side: int
    channels: int
    inputs: int
    parameters: int


@dataclass(frozen=True)
class MLPResult:
    """Networks trained on two spirals, and the size of an MLP on images.

    Attributes:
        points: ``(N, 2)`` training points.
        labels: ``(N,)`` labels, 0 or 1.
        networks: Trained networks, one for each choice of hidden layers.
        costs: Parameter counts by image size.
    """

    points: FloatArray
    labels: IntArray
    networks: tuple[TrainedMLP, ...]
    costs: tuple[InputCost, ...]


def compute(
    seed: int = 0,
    steps: int = 1500,
    shapes: tuple[tuple[int, ...], ...] = SHAPES,
    on_progress: Callable[[float], None] = no_progress,
) -> MLPResult:
    """Train networks of several shapes on the same spirals; count parameters on images.

    Rumelhart, Hinton and Williams (1986): Learning representations by back-propagating errors.

    Args:
        seed: Seed of the points and of the initial weights.
        steps: Training steps of each network.
        shapes: Widths of the hidden layers, one tuple for each network.
        on_progress: Progress callback; see ``Lesson``.
    """
    points, labels = two_spirals(400, seed)
    unseen, unseen_labels = two_spirals(1000, seed + 1)
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
        test = torch.from_numpy(unseen), torch.from_numpy(unseen_labels)
        accuracy = top1_accuracy(module, *test)
        trained.append(TrainedMLP(hidden, module, count_parameters(module), accuracy))
    costs = tuple(_input_cost(*shape) for shape in _IMAGE_SHAPES)
    return MLPResult(points, labels, tuple(trained), costs)


def _input_cost(side: int, channels: int) -> InputCost:
    # The meta device has shapes but no storage: nothing is allocated.
    with torch.device("meta"):
        built = build_network("mlp", 10, {"channels": channels}, size=side)
    return InputCost(side, channels, side * side * channels, count_parameters(built.module))


def describe(result: MLPResult) -> list[str]:
    """Describe accuracy by network shape and parameter count by image size."""
    lines = [
        f"{_name(one.hidden)}: {one.parameters:,} parameters, test accuracy {one.accuracy:.1%}"
        for one in result.networks
    ]
    lines += [
        f"Images of {cost.side}x{cost.side}x{cost.channels}: {cost.inputs:,} inputs, "
        f"{cost.parameters:,} parameters with 256 and 128 hidden units"
        for cost in result.costs
    ]
    return lines


def _name(hidden: tuple[int, ...]) -> str:
    if not hidden:
        return say("no hidden layer", "sans couche cachée")
    return say("hidden {}", "cachées : {}").format(say(" and ", " et ").join(map(str, hidden)))


def plot(result: MLPResult) -> Figure:
    """Plot each network's decision regions, and the parameter count by image size."""
    figure = new_figure(4.7)
    above, below = split_figure(figure, 1.35)
    for axes, one in zip(above.subplots(1, len(result.networks)), result.networks, strict=True):
        plot_regions(axes, lambda p, m=one.module: _classify(m, p), _EXTENT)
        plot_points(axes, result.points, result.labels, size=7)
        axes.set(xticks=(), yticks=(), aspect="equal")
        axes.set_title(_name(one.hidden), loc="center")
        parameters = say("{} parameters", "{} paramètres").format(number(one.parameters))
        axes.set_xlabel(f"{percent(one.accuracy)}, {parameters}")
    bars = below.subplots()
    names = [f"{cost.side}×{cost.side}×{cost.channels}" for cost in result.costs]
    values = [cost.parameters / 1e6 for cost in result.costs]
    colours = [*[BLUE] * (len(values) - 1), ORANGE]
    container = bars.barh(names, values, color=colours, height=0.65)
    labels = [
        say("{} inputs, {} M", "{} entrées, {} M").format(
            number(cost.inputs), number(cost.parameters / 1e6, 1)
        )
        for cost in result.costs
    ]
    bars.bar_label(container, labels, padding=4, fontsize=8.5)
    bars.set(
        xlabel=say("million parameters", "millions de paramètres"), xlim=(0, 1.35 * max(values))
    )
    bars.invert_yaxis()
    bars.grid(visible=False, axis="y")
    bars.set_title(
        say(
            "An MLP with 256 and 128 hidden units on images of several sizes",
            "Un MLP de 256 et 128 unités cachées sur des images de plusieurs tailles",
        )
    )
    return figure


def _classify(module: torch.nn.Module, points: FloatArray) -> IntArray:
    return outputs(module, torch.from_numpy(points), batch=8192).argmax(1).numpy()


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Above: what networks of more and wider layers can separate. Below: connecting every "
        "pixel to every unit soon takes more parameters than there are images.",
        "En haut : ce que séparent des réseaux plus profonds et plus larges. En bas : relier "
        "chaque pixel à chaque unité demande vite plus de paramètres qu'il n'y a d'images.",
    ),
)
