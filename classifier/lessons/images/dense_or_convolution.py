"""A fully connected and a convolutional network on windows of real photos, at equal steps."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray
from torch import Tensor, nn

from classifier.lessons.figure import (
    BLUE,
    GREY,
    ORANGE,
    new_figure,
    show_image,
    tile,
)
from classifier.lessons.language import Text, number, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import (
    FloatArray,
    count_parameters,
    fit,
    seeded_module,
    top1_accuracy,
)
from classifier.lessons.material.photos import PHOTOS, class_name, photo_windows

_BATCH = 32
_TIMES_TESTED = 10


@dataclass(frozen=True)
class Contender:
    """A trained network and what it scores.

    Attributes:
        name: Kind of the network.
        parameters: Number of parameters.
        first: Number of parameters of the first layer.
        tested: Numbers of steps after which it was tested.
        accuracies: Test accuracy after these steps, in [0, 1].
        training: Accuracy on the training windows, in [0, 1].
        shifted: Accuracy on the test windows shifted by a quarter of their side; what leaves on
            one side returns on the other.
        turned: Accuracy on the test windows upside down.
        seconds: Processor time of the training in seconds; it varies from run to run.
        weights: ``(N, h, w, 3)`` weights of the first units or filters.
    """

    name: Text
    parameters: int
    first: int
    tested: list[int]
    accuracies: list[float]
    training: float
    shifted: float
    turned: float
    seconds: float
    weights: FloatArray


@dataclass(frozen=True)
class DenseOrConvolution:
    """Both networks, and examples of the windows.

    Attributes:
        names: Names of the photos, which are the classes.
        shown: ``(2, K, S, S, 3) uint8`` RGB windows: of training and of test, one of each photo.
        steps: Number of training steps of each network.
        dense: Fully connected network.
        convolutional: Convolutional network.
    """

    names: tuple[str, ...]
    shown: NDArray[np.uint8]
    steps: int
    dense: Contender
    convolutional: Contender


class _Scale(nn.Module):
    """Maps bytes to [-1, 1], batch by batch: as bytes the windows take a quarter of the memory."""

    def forward(self, images: Tensor) -> Tensor:
        return images.float().div_(127.5).sub_(1)


def compute(
    seed: int = 0,
    windows: int = 560,
    test_windows: int = 210,
    side: int = 256,
    steps: int = 100,
    on_progress: Callable[[float], None] = no_progress,
) -> DenseOrConvolution:
    """Train both networks to tell which photo a window is from, with equally many steps.

    Training windows are from the left of the photos, test windows from the right: a network has
    to know the kind of picture, not the place. LeCun et al. (1989): Backpropagation applied to
    handwritten zip code recognition.

    Args:
        seed: Seed of windows, initial weights and batches.
        windows: Number of training windows.
        test_windows: Number of test windows.
        side: Side of the windows in pixels.
        steps: Number of training steps of each network, at a batch size of 32.
        on_progress: Progress callback; see ``Lesson``.
    """
    names = tuple(PHOTOS)
    train = photo_windows(names, windows, side, seed)
    test = photo_windows(names, test_windows, side, seed, test=True)
    train_data, test_data = (
        (torch.from_numpy(part.images).permute(0, 3, 1, 2), torch.from_numpy(part.labels))
        for part in (train, test)
    )

    def contend(name: Text, build: Callable[[], nn.Sequential], rate: float) -> Contender:
        module = seeded_module(build, seed)
        assert isinstance(module, nn.Sequential)
        return _contend(
            name,
            module,
            train_data,
            test_data,
            steps,
            rate,
            seed,
            lambda: on_progress(1 / (2 * steps)),
        )

    count = len(names)
    return DenseOrConvolution(
        names,
        np.stack([train.images[:count], test.images[:count]]),
        steps,
        contend(
            Text("fully connected", "entièrement connecté"),
            lambda: dense_network(side, count),
            1e-4,
        ),
        contend(Text("convolutional", "convolutif"), lambda: convolutional_network(count), 3e-3),
    )


def dense_network(side: int, classes: int, hidden: int = 64) -> nn.Sequential:
    """Build a network with one hidden layer: each of its units has a weight for every value."""
    return nn.Sequential(
        _Scale(),
        nn.Flatten(),
        nn.Linear(3 * side * side, hidden),
        nn.ReLU(),
        nn.Linear(hidden, classes),
    )


def convolutional_network(classes: int) -> nn.Sequential:
    """Build four convolutions with strides, and the mean of each map: any side of 16 or more."""
    return nn.Sequential(
        _Scale(),
        nn.Conv2d(3, 12, 7, stride=4, padding=3),
        nn.ReLU(),
        nn.Conv2d(12, 24, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(24, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, classes),
    )


def _contend(
    name: Text,
    module: nn.Sequential,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    steps: int,
    rate: float,
    seed: int,
    on_step: Callable[[], None],
) -> Contender:
    images, labels = test
    side = images.shape[-1]
    tested: list[int] = []
    accuracies: list[float] = []
    testing = 0.0

    def watch(step: int, _loss: float) -> None:
        nonlocal testing
        on_step()
        if step % max(1, steps // _TIMES_TESTED) == 0 or step == steps:
            begun = time.process_time()
            tested.append(step)
            accuracies.append(top1_accuracy(module, images, labels))
            testing += time.process_time() - begun

    begun = time.process_time()
    fit(module, *train, steps=steps, batch=_BATCH, lr=rate, seed=seed, on_step=watch)
    seconds = time.process_time() - begun - testing
    first = next(layer for layer in module if isinstance(layer, nn.Linear | nn.Conv2d))
    return Contender(
        name,
        count_parameters(module),
        count_parameters(first),
        tested,
        accuracies,
        top1_accuracy(module, *train),
        top1_accuracy(module, images.roll((side // 4, side // 4), (2, 3)), labels),
        top1_accuracy(module, images.flip(2), labels),
        seconds,
        _pictures(first, side),
    )


def _pictures(first: nn.Linear | nn.Conv2d, side: int) -> FloatArray:
    """Weights of up to twelve filters, or of four dense units, as ``(N, h, w, 3)`` pictures."""
    weights = first.weight.detach()
    if isinstance(first, nn.Linear):
        weights = weights[:4].unflatten(1, (3, side, side))
    return weights[:12].permute(0, 2, 3, 1).numpy()


def describe(result: DenseOrConvolution) -> list[str]:
    """Describe the data, and parameters, accuracies and time of both networks."""
    side = result.shown.shape[2]
    lines = [
        f"{len(result.names)} photos, windows of {side} x {side} x 3 = {3 * side * side:,} values; "
        f"{result.steps} steps each; guessing: {1 / len(result.names):.0%}"
    ]
    for each in (result.dense, result.convolutional):
        lines.append(
            f"{each.name.english}: {each.parameters:,} parameters ({each.first:,} in the first "
            f"layer), {each.seconds:.0f} s"
        )
        lines.append(
            f"  accuracy: training {each.training:.0%}, test {each.accuracies[-1]:.0%}, test "
            f"shifted {each.shifted:.0%}, test upside down {each.turned:.0%}"
        )
    return lines


def plot(result: DenseOrConvolution) -> Figure:
    """Plot windows, accuracies, parameters and the weights of both first layers."""
    figure = new_figure(8.0)
    windows, middle, below = np.asarray(
        figure.subfigures(3, 1, height_ratios=(1, 1.05, 1.1))
    ).tolist()
    _plot_windows(windows, result)
    curve, scores, parameters = middle.subplots(1, 3, width_ratios=(1.25, 1.25, 1))
    _plot_accuracies(curve, result)
    _plot_scores(scores, result)
    _plot_parameters(parameters, result)
    _plot_weights(below, result)
    return figure


def _pairs(result: DenseOrConvolution) -> tuple[tuple[Contender, str, str], ...]:
    """Both networks with their colours and markers."""
    return (result.dense, ORANGE, "s"), (result.convolutional, BLUE, "o")


def _plot_windows(figure: SubFigure, result: DenseOrConvolution) -> None:
    rows = say("training", "entraînement"), say("test", "test")
    for row, (line, images) in enumerate(
        zip(figure.subplots(2, len(result.names)), result.shown, strict=True)
    ):
        for axes, image, name in zip(line, images, result.names, strict=True):
            show_image(axes, image, "" if row else class_name(name))
        line[0].text(
            -0.08, 0.5, rows[row], rotation=90, ha="right", va="center", transform=line[0].transAxes
        )


def _plot_accuracies(axes: Axes, result: DenseOrConvolution) -> None:
    for each, colour, marker in _pairs(result):
        values = [100 * value for value in each.accuracies]
        axes.plot(
            each.tested, values, color=colour, marker=marker, markersize=4, label=str(each.name)
        )
    chance = 100 / len(result.names)
    axes.axhline(chance, color=GREY, linewidth=1, linestyle=":")
    place = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "top"}
    axes.text(0.98, chance - 2, say("chance", "hasard"), color=GREY, fontsize=7.5, **place)
    axes.set(xlabel=say("step", "pas"), ylim=(0, 100))
    axes.set_title(say("Test accuracy (%)", "Exactitude au test (%)"), fontsize=9)
    axes.legend(loc="upper right", fontsize=7.5)


def _plot_scores(axes: Axes, result: DenseOrConvolution) -> None:
    names = (
        say("training", "entraînement"),
        say("test", "test"),
        say("shifted", "décalé"),
        say("upside\ndown", "renversé"),
    )
    for offset, (each, colour, _) in zip((-0.2, 0.2), _pairs(result), strict=True):
        values = each.training, each.accuracies[-1], each.shifted, each.turned
        bars = axes.bar(
            np.arange(len(values)) + offset, [100 * v for v in values], 0.38, color=colour
        )
        texts = [number(100 * value) for value in values]
        axes.bar_label(bars, texts, fontsize=7.5, padding=1)
    axes.set_xticks(range(len(names)), names, fontsize=7.5)
    axes.grid(visible=False, axis="x")
    axes.set_ylim(0, 112)
    axes.set_title(say("Accuracy at the end (%)", "Exactitude à la fin (%)"), fontsize=9)


def _plot_parameters(axes: Axes, result: DenseOrConvolution) -> None:
    for row, (each, colour, _) in enumerate(_pairs(result)):
        axes.barh(row, each.parameters, 0.5, color=colour)
        axes.text(1.3, row - 0.3, str(each.name), va="bottom", fontsize=8)
        text = number(each.parameters)
        style = {"ha": "right", "va": "center", "color": "white", "fontsize": 8}
        axes.text(each.parameters / 1.5, row, text, **style)
    axes.set(xscale="log", xlim=(1, None), yticks=(), ylim=(1.5, -0.7))
    axes.grid(visible=False, axis="y")
    axes.set_title(say("Parameters (log scale)", "Paramètres (échelle log.)"), fontsize=9)


def _plot_weights(figure: SubFigure, result: DenseOrConvolution) -> None:
    dense, filters = figure.subplots(1, 2, width_ratios=(1.25, 1))
    units = _visible(result.dense.weights)
    gap = max(1, units.shape[1] // 24)
    show_image(
        dense,
        tile(units, 2, gap),
        say(
            "Four of the dense units, {}×{}×3 weights each", "Quatre unités denses, {}×{}×3 poids"
        ).format(*units.shape[1:3]),
    )
    kernels = _visible(result.convolutional.weights)
    show_image(
        filters,
        tile(kernels, 4),
        say("All filters, {}×{}×3 weights each", "Tous les filtres, {}×{}×3 poids").format(
            *kernels.shape[1:3]
        ),
    )


def _visible(weights: FloatArray) -> FloatArray:
    """Weights as colours: grey is 0, and four standard deviations span the range."""
    return np.clip(0.5 + weights / (4 * weights.std()), 0, 1)


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Which photo is a window from? Above: windows of training, from the left of each photo, "
        "and of test, from its right. Middle: accuracies, also on test windows that are shifted or "
        "upside down, and the parameters. Below: weights of the first layer (grey is 0): a dense "
        "unit has one for every value of the window, a filter is used everywhere.",
        "De quelle photo vient la fenêtre ? En haut : fenêtres d'entraînement, de la gauche de "
        "chaque photo, et de test, de sa droite. Au milieu : exactitudes, aussi sur des fenêtres "
        "de test décalées ou renversées, et les paramètres. En bas : poids de la première couche "
        "(gris : 0) ; une unité dense en a un par valeur de la fenêtre, un filtre sert partout.",
    ),
)
