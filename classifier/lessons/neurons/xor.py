"""XOR is not linearly separable: a perceptron fails, one hidden layer is enough."""

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from classifier.lessons.figure import INK, new_figure, plot_points, plot_regions
from classifier.lessons.language import Text, percent, say
from classifier.lessons.lesson import Lesson
from classifier.lessons.material.fitting import (
    FloatArray,
    IntArray,
    fit,
    outputs,
    seeded_module,
    top1_accuracy,
)
from classifier.models.activations import find_activation
from classifier.models.mlp import MLP
from classifier.models.neuron import FormalNeuron
from classifier.models.perceptron import perceptron_update
from faceswap.core.seeding import generator

POINTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
LABELS = np.array([0, 1, 1, 0])
_EXTENT = (-0.5, 1.5, -0.5, 1.5)
_MOST_ATTEMPTS = 20


@dataclass(frozen=True)
class XORResult:
    """A perceptron and a network with one hidden layer, both trained on XOR.

    Attributes:
        perceptron: Single neuron with the best weights found in training.
        best: Accuracy of the perceptron with those weights, in [0, 1].
        mistakes: ``(passes,)`` mistakes of the perceptron in each pass.
        network: Network with one hidden layer.
        accuracy: Accuracy of the network, in [0, 1].
        hidden: ``(4, 2)`` activations of the hidden layer for the four inputs.
        attempts: Number of trainings, each from other initial weights, until all four points were
            classified correctly; with two hidden units training can end in a local minimum.
    """

    perceptron: FormalNeuron
    best: float
    mistakes: IntArray
    network: MLP
    accuracy: float
    hidden: FloatArray
    attempts: int


def compute(seed: int = 0, passes: int = 100, steps: int = 400) -> XORResult:
    """Train a neuron by the perceptron rule and a network with one hidden layer by AdamW.

    Minsky and Papert (1969): Perceptrons; Rumelhart, Hinton and Williams (1986).

    Args:
        seed: Seed of the network's initial weights and of the order of points in each pass.
        passes: Passes of the perceptron over the four points.
        steps: Training steps of the network in each attempt.
    """
    inputs, targets = torch.from_numpy(POINTS), torch.from_numpy(LABELS)
    neuron, best, mistakes = _train_perceptron(inputs, targets, passes, seed)
    network, accuracy, attempts = MLP(2, (2,), 2, find_activation("tanh")), 0.0, 0
    while accuracy < 1 and attempts < _MOST_ATTEMPTS:
        attempts += 1
        network = _new_network(seed, attempts)
        fit(network, inputs, targets, steps=steps, batch=16, lr=0.1, seed=seed)
        accuracy = top1_accuracy(network, inputs, targets)
    hidden = outputs(network.features, inputs).numpy()
    return XORResult(neuron, best, mistakes, network, accuracy, hidden, attempts)


def _train_perceptron(
    inputs: Tensor, targets: Tensor, passes: int, seed: int
) -> tuple[FormalNeuron, float, IntArray]:
    """Pocket algorithm (Gallant, 1990): the perceptron rule, keeping the best weights seen."""
    neuron, kept, best = FormalNeuron(2, binary=False), FormalNeuron(2, binary=False), 0.0
    mistakes = np.zeros(passes, np.int64)
    random = generator(seed, "order")
    for number in range(passes):
        for one in random.permutation(len(inputs)):
            example = slice(one, one + 1)
            mistakes[number] += perceptron_update(neuron, inputs[example], targets[example], 1.0)
            accuracy = top1_accuracy(neuron, inputs, targets)
            if accuracy > best:
                kept.load_state_dict(neuron.state_dict())
                best = accuracy
    return kept, best, mistakes


def _new_network(seed: int, attempt: int) -> MLP:
    def build() -> MLP:
        return MLP(2, (2,), 2, find_activation("tanh"))

    network = seeded_module(build, 1000 * seed + attempt)
    assert isinstance(network, MLP)
    return network


def describe(result: XORResult) -> list[str]:
    """Describe both accuracies and the hidden activations of the four inputs."""
    hidden = "  ".join(
        f"{int(x)}{int(y)}->({a:+.2f}, {b:+.2f})"
        for (x, y), (a, b) in zip(POINTS, result.hidden, strict=True)
    )
    return [
        f"Perceptron: best accuracy {result.best:.0%}; {result.mistakes.min()} to "
        f"{result.mistakes.max()} mistakes in each of {len(result.mistakes)} passes",
        f"Two hidden units (tanh): accuracy {result.accuracy:.0%}, reached in attempt "
        f"{result.attempts}",
        f"Hidden activations: {hidden}",
    ]


def plot(result: XORResult) -> Figure:
    """Plot both classifiers' decision regions, and the four points in the hidden layer's space."""
    figure = new_figure(3.3)
    left, middle, right = figure.subplots(1, 3)
    for axes, module, title in (
        (
            left,
            result.perceptron,
            say("Perceptron: {} at best", "Perceptron : {} au mieux").format(percent(result.best)),
        ),
        (
            middle,
            result.network,
            say("One hidden layer: {}", "Une couche cachée : {}").format(percent(result.accuracy)),
        ),
    ):
        plot_regions(axes, lambda p, m=module: _classify(m, p), _EXTENT)
        plot_points(axes, POINTS, LABELS, size=110)
        axes.set(xlabel="x1", ylabel="x2", xticks=(0, 1), yticks=(0, 1))
        axes.set_title(title)
    head = result.network.head
    plot_regions(right, lambda p: _classify(head, p), (-1.3, 1.3, -1.3, 1.3))
    plot_points(right, result.hidden, LABELS, size=110)
    _label_points(right, result.hidden)
    right.set(xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    right.set_xlabel(say("hidden unit 1", "unité cachée 1"))
    right.set_ylabel(say("hidden unit 2", "unité cachée 2"))
    right.set_title(say("Hidden layer's space", "Espace de la couche cachée"))
    return figure


def _classify(module: nn.Module, points: FloatArray) -> IntArray:
    return outputs(module, torch.from_numpy(points), batch=len(points)).argmax(1).numpy()


def _label_points(axes: Axes, hidden: FloatArray) -> None:
    """Label each point of the hidden space with the inputs that are mapped to it."""
    named: dict[tuple[float, float], list[str]] = {}
    for (x, y), point in zip(POINTS.astype(int), hidden.round(1).tolist(), strict=True):
        named.setdefault((point[0], point[1]), []).append(f"{x}{y}")
    for (x, y), names in named.items():
        side = "right" if x > 0 else "left"
        axes.annotate(
            ", ".join(names),
            (x, y),
            (-9 if side == "right" else 9, 0),
            textcoords="offset points",
            ha=side,
            va="center",
            fontsize=8.5,
            color=INK,
        )


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "No line separates the circles from the squares. The hidden layer moves the four "
        "points (right), and there a line does.",
        "Aucune droite ne sépare les ronds des carrés. La couche cachée déplace les quatre "
        "points (à droite), et là une droite suffit.",
    ),
)
