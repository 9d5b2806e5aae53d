"""Either, but not both: no line can say that, and one hidden layer can."""

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from classifier.lessons.figure import INK, new_figure, show_points, show_regions
from classifier.lessons.fitting import (
    FloatArray,
    IntArray,
    fit,
    outputs,
    seeded_module,
    share_right,
)
from classifier.lessons.lesson import Lesson
from classifier.models.activations import find_activation
from classifier.models.mlp import MLP
from classifier.models.neuron import FormalNeuron
from classifier.models.perceptron import perceptron_update
from faceswap.core.seeding import generator

POINTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
LABELS = np.array([0, 1, 1, 0])
_EXTENT = (-0.5, 1.5, -0.5, 1.5)
_STARTS = 20


@dataclass(frozen=True)
class Exclusive:
    """Both networks on the four points.

    Attributes:
        perceptron: The single neuron with the best weights that it ever had.
        best: Its accuracy with those.
        mistakes: ``(passes,)``.
        network: The network with a hidden layer.
        accuracy: Of that.
        hidden: ``(4, 2)`` what its hidden layer makes of the four points.
        starts: How many draws of first weights it took: two units can get stuck.
    """

    perceptron: FormalNeuron
    best: float
    mistakes: IntArray
    network: MLP
    accuracy: float
    hidden: FloatArray
    starts: int


def compute(seed: int = 0, passes: int = 100, steps: int = 400) -> Exclusive:
    """Trains both: the neuron by the rule of 1957, the network by back-propagation.

    Minsky and Papert (1969): Perceptrons; Rumelhart, Hinton and Williams (1986).

    Args:
        seed: Of the network's first weights, and of the order in each pass.
        passes: Of the perceptron's rule over the four points.
        steps: Of gradient descent, for each start.
    """
    inputs, targets = torch.from_numpy(POINTS), torch.from_numpy(LABELS)
    neuron, best, mistakes = _best_line(inputs, targets, passes, seed)
    network, accuracy, starts = MLP(2, (2,), 2, find_activation("tanh")), 0.0, 0
    while accuracy < 1 and starts < _STARTS:
        starts += 1
        network = _new_network(seed, starts)
        fit(network, inputs, targets, steps=steps, batch=16, lr=0.1, seed=seed)
        accuracy = share_right(network, inputs, targets)
    hidden = outputs(network.features, inputs).numpy()
    return Exclusive(neuron, best, mistakes, network, accuracy, hidden, starts)


def _best_line(
    inputs: Tensor, targets: Tensor, passes: int, seed: int
) -> tuple[FormalNeuron, float, IntArray]:
    """The rule, with the best weights kept in the pocket (Gallant, 1990): it never settles."""
    neuron, kept, best = FormalNeuron(2, binary=False), FormalNeuron(2, binary=False), 0.0
    mistakes = np.zeros(passes, np.int64)
    random = generator(seed, "order")
    for number in range(passes):
        for one in random.permutation(len(inputs)):
            example = slice(one, one + 1)
            mistakes[number] += perceptron_update(neuron, inputs[example], targets[example], 1.0)
            right = share_right(neuron, inputs, targets)
            if right > best:
                kept.load_state_dict(neuron.state_dict())
                best = right
    return kept, best, mistakes


def _new_network(seed: int, start: int) -> MLP:
    def build() -> MLP:
        return MLP(2, (2,), 2, find_activation("tanh"))

    network = seeded_module(build, 1000 * seed + start)
    assert isinstance(network, MLP)
    return network


def describe(result: Exclusive) -> list[str]:
    """Accuracies, and the hidden layer's view of the four points."""
    seen = "  ".join(
        f"{int(x)}{int(y)}->({a:+.2f}, {b:+.2f})"
        for (x, y), (a, b) in zip(POINTS, result.hidden, strict=True)
    )
    return [
        f"Perceptron: {result.mistakes.min()} to {result.mistakes.max()} mistakes in each of "
        f"{len(result.mistakes)} passes, never better than {result.best:.0%} of the four points",
        f"With two hidden units (tanh): {result.accuracy:.0%}, at start {result.starts}",
        f"What the hidden layer makes of them: {seen}",
    ]


def draw(result: Exclusive) -> Figure:
    """Decision regions side by side, and the four points as the hidden layer sees them."""
    figure = new_figure(3.3)
    alone, layered, inside = figure.subplots(1, 3)
    for axes, module, title in (
        (alone, result.perceptron, f"Perceptron: {result.best:.0%} at best"),
        (layered, result.network, f"One hidden layer: {result.accuracy:.0%}"),
    ):
        show_regions(axes, lambda p, m=module: _decide(m, p), _EXTENT)
        show_points(axes, POINTS, LABELS, size=110)
        axes.set(xlabel="x1", ylabel="x2", xticks=(0, 1), yticks=(0, 1))
        axes.set_title(title)
    head = result.network.head
    show_regions(inside, lambda p: _decide(head, p), (-1.3, 1.3, -1.3, 1.3))
    show_points(inside, result.hidden, LABELS, size=110)
    _name_points(inside, result.hidden)
    inside.set(xlabel="hidden unit 1", ylabel="hidden unit 2", xticks=(-1, 0, 1), yticks=(-1, 0, 1))
    inside.set_title("As the hidden layer sees it")
    return figure


def _decide(module: nn.Module, places: FloatArray) -> IntArray:
    return outputs(module, torch.from_numpy(places), batch=len(places)).argmax(1).numpy()


def _name_points(axes: Axes, hidden: FloatArray) -> None:
    """Writes beside each place which inputs come to lie there."""
    named: dict[tuple[float, float], list[str]] = {}
    for (x, y), place in zip(POINTS.astype(int), hidden.round(1).tolist(), strict=True):
        named.setdefault((place[0], place[1]), []).append(f"{x}{y}")
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
    "xor",
    "Either but not both: the perceptron fails, one hidden layer solves it.",
    compute,
    describe,
    draw,
)
