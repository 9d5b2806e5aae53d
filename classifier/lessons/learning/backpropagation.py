"""Back-propagation: the chain rule number by number, and gradients that vanish over ten layers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from classifier.lessons.figure import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PALE,
    PURPLE,
    new_figure,
    split_figure,
)
from classifier.lessons.language import Text, number, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import fit, seeded_module
from classifier.lessons.material.spirals import two_spirals
from classifier.models.activations import find_activation
from classifier.models.mlp import MLP

Numbers = Mapping[str, float]

INPUTS: Numbers = {"x1": 1.0, "x2": 2.0, "t": 1.0}
"""Two inputs, and the target of the output."""
WEIGHTS: Numbers = {
    "w11": 0.6,
    "w12": -0.2,
    "b1": 0.1,
    "w21": -0.4,
    "w22": 0.5,
    "b2": -0.1,
    "v1": 1.5,
    "v2": -1.0,
    "c": 0.2,
}
"""Weights and biases: ``wij`` leads from input j to hidden unit i, ``vi`` from there to y."""
RATE = 0.5
"""Learning rate of the one step that is taken with the gradient."""
_STEP = 1e-5
PATH = ("dL/dy", "dy/dh1", "dh1/dz1", "dz1/dw11")
"""Local derivatives along the path from the loss to the first weight."""
DEEP = ("sigmoid", "tanh", "relu")
"""Activations of the deep networks."""


@dataclass(frozen=True)
class Chain:
    """The chain rule on a network of two layers, and its check.

    Attributes:
        values: Value of each node, by name, from the inputs to the loss ``L``.
        local: Local derivatives, by names such as ``dy/dh1``.
        gradients: Derivative of the loss with respect to each node and each weight, by name:
            products of local derivatives.
        autograd: Gradient of each weight, by torch.
        differences: Gradient of each weight, by central differences.
        loss_after: Loss after one step of gradient descent.
    """

    values: dict[str, float]
    local: dict[str, float]
    gradients: dict[str, float]
    autograd: dict[str, float]
    differences: dict[str, float]
    loss_after: float


@dataclass(frozen=True)
class DeepNetworks:
    """Deep networks of one activation, from several initial weights.

    Attributes:
        sizes: ``(repeats, layers + 1)`` mean absolute gradient of the weights of each layer
            before training, the first layer first; the last is the output layer.
        losses: ``(repeats, steps)`` training loss of each step.
    """

    sizes: NDArray[np.float64]
    losses: NDArray[np.float64]


@dataclass(frozen=True)
class Backpropagation:
    """The chain rule by hand, and what it does to gradients over many layers.

    Attributes:
        chain: Network with few weights, by hand.
        deep: Deep networks, by name of their activation.
    """

    chain: Chain
    deep: dict[str, DeepNetworks]


def compute(
    seed: int = 0,
    layers: int = 10,
    width: int = 32,
    steps: int = 300,
    repeats: int = 3,
    on_progress: Callable[[float], None] = no_progress,
) -> Backpropagation:
    """Compute the gradients of a small network by hand, and train deep ones on two spirals.

    Rumelhart, Hinton and Williams (1986); vanishing gradients: Hochreiter (1991). Weights start as
    proposed for each activation: Glorot and Bengio (2010) for sigmoid and tanh, He et al. (2015)
    for ReLU.

    Args:
        seed: Seed of the points and of the initial weights.
        layers: Hidden layers of the deep networks.
        width: Units of each hidden layer.
        steps: Training steps of each deep network.
        repeats: Networks of each activation.
        on_progress: Progress callback; see ``Lesson``.
    """
    points, labels = (torch.from_numpy(array) for array in two_spirals(400, seed))
    deep = {}
    for name in DEEP:
        sizes, losses = [], []
        for repeat in range(repeats):
            network = _deep_network(name, layers, width, 1000 * seed + repeat)
            sizes.append(gradient_sizes(network, points, labels))
            history = fit(
                network,
                points,
                labels,
                steps=steps,
                batch=128,
                lr=2e-3,
                seed=repeat,
                on_step=lambda _step, _loss: on_progress(1 / (steps * repeats * len(DEEP))),
            )
            losses.append(history)
        deep[name] = DeepNetworks(np.array(sizes), np.array(losses))
    return Backpropagation(by_hand(), deep)


def by_hand() -> Chain:
    """Compute the gradients of the small network from local derivatives, and check them."""
    numbers = {**INPUTS, **WEIGHTS}
    values = forward(numbers)
    x1, x2, h1, h2, y = (values[name] for name in ("x1", "x2", "h1", "h2", "y"))
    local = {
        "dL/dy": y - numbers["t"],
        "dy/dv1": h1,
        "dy/dv2": h2,
        "dy/dc": 1.0,
        "dy/dh1": numbers["v1"],
        "dy/dh2": numbers["v2"],
        "dh1/dz1": h1 * (1 - h1),
        "dh2/dz2": h2 * (1 - h2),
    }
    for unit in "12":
        local |= {f"dz{unit}/dw{unit}1": x1, f"dz{unit}/dw{unit}2": x2, f"dz{unit}/db{unit}": 1.0}
    gradients = {"L": 1.0, "y": local["dL/dy"]}
    # Backwards: the gradient of each name is that of what follows it, times one local derivative.
    for term, derivative in list(local.items())[1:]:
        after, before = term.replace("d", "").split("/")
        gradients[before] = gradients[after] * derivative
    moved = {name: value - RATE * gradients[name] for name, value in WEIGHTS.items()}
    return Chain(
        values,
        local,
        gradients,
        _by_autograd(),
        {name: _difference(name) for name in WEIGHTS},
        forward({**INPUTS, **moved})["L"],
    )


def forward(numbers: Numbers) -> dict[str, float]:
    """Compute every node of the small network.

    Args:
        numbers: Inputs, target, weights and biases, by name.
    """
    values = {name: numbers[name] for name in ("x1", "x2")}
    for unit in "12":
        products = (numbers[f"w{unit}{index}"] * numbers[f"x{index}"] for index in "12")
        values[f"z{unit}"] = sum(products) + numbers[f"b{unit}"]
        values[f"h{unit}"] = 1 / (1 + exp(-values[f"z{unit}"]))
    values["y"] = numbers["v1"] * values["h1"] + numbers["v2"] * values["h2"] + numbers["c"]
    values["L"] = (values["y"] - numbers["t"]) ** 2 / 2
    return values


def _by_autograd() -> dict[str, float]:
    w = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for name, value in WEIGHTS.items()
    }
    inputs = torch.tensor([INPUTS["x1"], INPUTS["x2"]], dtype=torch.float64)
    matrix = torch.stack([w["w11"], w["w12"], w["w21"], w["w22"]]).reshape(2, 2)
    hidden = torch.sigmoid(F.linear(inputs, matrix, torch.stack([w["b1"], w["b2"]])))
    output = F.linear(hidden, torch.stack([w["v1"], w["v2"]])[None], w["c"][None])
    ((output - INPUTS["t"]) ** 2 / 2).sum().backward()
    return {name: float(value.grad) for name, value in w.items() if value.grad is not None}


def _difference(name: str) -> float:
    numbers = {**INPUTS, **WEIGHTS}
    above, below = (
        forward(numbers | {name: numbers[name] + side * _STEP})["L"] for side in (1, -1)
    )
    return (above - below) / (2 * _STEP)


def _deep_network(name: str, layers: int, width: int, seed: int) -> nn.Module:
    def build() -> nn.Module:
        network = MLP(2, (width,) * layers, 2, find_activation(name))
        initialise = nn.init.kaiming_normal_ if name == "relu" else nn.init.xavier_normal_
        for layer in _linear_layers(network):
            initialise(layer.weight)
            nn.init.zeros_(layer.bias)
        return network

    return seeded_module(build, seed)


def _linear_layers(network: nn.Module) -> list[nn.Linear]:
    return [module for module in network.modules() if isinstance(module, nn.Linear)]


def gradient_sizes(network: nn.Module, points: Tensor, labels: Tensor) -> list[float]:
    """Mean absolute gradient of the weights of each linear layer, the first layer first.

    Args:
        network: Network; its weights do not change.
        points: ``(N, ...)`` inputs.
        labels: ``(N,)`` labels.
    """
    weights = [layer.weight for layer in _linear_layers(network)]
    loss = F.cross_entropy(network(points), labels)
    return [float(gradient.abs().mean()) for gradient in torch.autograd.grad(loss, weights)]


def describe(result: Backpropagation) -> list[str]:
    """Describe one product in full, the checks, and each deep network before and after training."""
    chain, local = result.chain, result.chain.local
    worst = max(
        abs(chain.gradients[name] - other[name])
        for name in WEIGHTS
        for other in (chain.autograd, chain.differences)
    )
    lines = [
        f"Forward: z1 = {chain.values['z1']:.3f}, h1 = {chain.values['h1']:.4f}, z2 = "
        f"{chain.values['z2']:.3f}, h2 = {chain.values['h2']:.4f}, y = {chain.values['y']:.4f}, "
        f"loss {chain.values['L']:.4f}",
        f"dL/dw11 = {' * '.join(PATH)} = {' * '.join(f'{local[term]:.4f}' for term in PATH)} = "
        f"{chain.gradients['w11']:.4f}",
        f"{len(WEIGHTS)} gradients, largest difference from torch.autograd and from finite "
        f"differences: {'below 1e-6' if worst < 1e-6 else f'{worst:.2g}'}",
        f"One step of gradient descent (rate {RATE}): loss {chain.values['L']:.4f} -> "
        f"{chain.loss_after:.4f}",
    ]
    for name, networks in result.deep.items():
        first, last = networks.sizes.mean(0)[[0, -1]]
        lines.append(
            f"{networks.sizes.shape[1] - 1} layers of {name}: mean gradient {first:.1e} in the "
            f"first layer, {last:.1e} in the last; loss {_final(networks):.3f} after "
            f"{networks.losses.shape[1]} steps"
        )
    return lines


def _final(networks: DeepNetworks) -> float:
    """Mean loss of the last tenth of the steps."""
    return float(networks.losses[:, -max(networks.losses.shape[1] // 10, 1) :].mean())


_PLACES = {
    "x1": (0.0, 1.0),
    "x2": (0.0, 0.0),
    "z1": (1.4, 1.0),
    "z2": (1.4, 0.0),
    "h1": (2.45, 1.0),
    "h2": (2.45, 0.0),
    "y": (3.55, 0.5),
    "L": (4.6, 0.5),
}
"""Centre of each node of the graph."""
_BOX = (0.6, 0.34)
"""Width and height of a node."""
_GAP = (0.46, 0.22)
"""Width and height of the gap in an edge in which its numbers are written."""
_EDGES = {
    "w11": ("x1", "z1", 0.5),
    "w12": ("x2", "z1", 0.27),
    "w21": ("x1", "z2", 0.27),
    "w22": ("x2", "z2", 0.5),
    "dh1/dz1": ("z1", "h1", 0.5),
    "dh2/dz2": ("z2", "h2", 0.5),
    "v1": ("h1", "y", 0.5),
    "v2": ("h2", "y", 0.5),
    "dL/dy": ("y", "L", 0.5),
}
"""Edges by weight or local derivative: both ends, and the place of the label between them."""
_COLOURS = {"sigmoid": ORANGE, "tanh": GREEN, "relu": BLUE}
_MARKS = {"sigmoid": "o", "tanh": "^", "relu": "s"}


def plot(result: Backpropagation) -> Figure:
    """Plot the graph of the small network with all numbers, and the deep networks."""
    figure = new_figure(6.5)
    above, below = split_figure(figure, 1.35)
    _plot_graph(above.subplots(), result.chain)
    sizes, losses = below.subplots(1, 2)
    for name, networks in result.deep.items():
        colour, mean = _COLOURS[name], networks.sizes.mean(0)
        sizes.semilogy(range(1, len(mean) + 1), mean, color=colour, marker=_MARKS[name], label=name)
        smooth = _smoothed(networks.losses)
        steps = np.linspace(1, networks.losses.shape[1], smooth.shape[1])
        losses.plot(steps, smooth.mean(0), color=colour)
        losses.fill_between(
            steps, smooth.min(0), smooth.max(0), color=colour, alpha=0.15, linewidth=0
        )
    sizes.set_xlabel(say("layer (1: at the input)", "couche (1 : à l'entrée)"))
    sizes.set_ylabel(say("mean |gradient|", "|gradient| moyen"))
    sizes.set_title(say("Gradient by layer, at the start", "Gradient par couche, au départ"))
    sizes.legend(loc="lower right")
    losses.axhline(np.log(2), color=GREY, linewidth=1, linestyle=":")
    losses.set_xlabel(say("step", "pas"))
    losses.set_ylabel(say("training loss", "perte d'entraînement"))
    losses.set_ylim(0, None)
    losses.set_title(say("The same networks in training", "Les mêmes réseaux à l'entraînement"))
    return figure


def _smoothed(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over up to 50 stretches of steps: the loss of single batches is noisy."""
    stretches = np.array_split(losses, min(50, losses.shape[1]), axis=1)
    return np.stack([stretch.mean(1) for stretch in stretches], 1)


def _plot_graph(axes: Axes, chain: Chain) -> None:
    for name, (start, end, place) in _EDGES.items():
        first, last = np.array(_PLACES[start]), np.array(_PLACES[end])
        half = np.array([_BOX[0] / 2, 0])
        _arrow(axes, first + half, last - half)
        centre = first + half + place * (last - first - 2 * half)
        if name in WEIGHTS:
            corner = (centre[0] - _GAP[0] / 2, centre[1] - _GAP[1] / 2)
            axes.add_patch(Rectangle(corner, *_GAP, fc="white", ec="none", zorder=2))
            _write(axes, centre, f"{name} = {number(WEIGHTS[name], 1)}", chain.gradients[name])
        else:
            axes.text(
                centre[0],
                centre[1],
                f"× {number(chain.local[name], 3)}",
                color=PURPLE,
                fontsize=8.5,
                ha="center",
                va="bottom",
            )
    for name, (x, y) in _PLACES.items():
        corner = (x - _BOX[0] / 2, y - _BOX[1] / 2)
        axes.add_patch(
            FancyBboxPatch(corner, *_BOX, "round,pad=0,rounding_size=0.06", fc=PALE, ec=GREY)
        )
        text = f"{name} = {number(chain.values[name], 3)}"
        _write(axes, np.array([x, y]), text, chain.gradients.get(name))
    _write_product(axes, chain)
    axes.set(xlim=(-0.35, 4.95), ylim=(-0.52, 1.25))
    axes.set_axis_off()
    axes.set_title(
        say(
            "Values forward (blue), gradients of L backward (orange)",
            "Valeurs vers l'avant (bleu), gradients de L vers l'arrière (orange)",
        )
    )


def _arrow(axes: Axes, start: NDArray[np.float64], end: NDArray[np.float64]) -> None:
    style = {"arrowstyle": "-|>", "color": GREY, "shrinkA": 0, "shrinkB": 0, "linewidth": 1}
    axes.annotate("", (end[0], end[1]), (start[0], start[1]), arrowprops=style, zorder=1)


def _write(axes: Axes, centre: NDArray[np.float64], value: str, gradient: float | None) -> None:
    """Write a value, and below it its gradient if it has one."""
    shared: dict[str, Any] = {"ha": "center", "fontsize": 8.5}
    x, y = centre
    if gradient is None:
        axes.text(x, y, value, color=BLUE, va="center", **shared)
        return
    axes.text(x, y + 0.01, value, color=BLUE, va="bottom", **shared)
    axes.text(x, y - 0.01, number(gradient, 3), color=ORANGE, va="top", **shared)


def _write_product(axes: Axes, chain: Chain) -> None:
    """Write the gradient of the first weight as the product along its path."""
    factors = " · ".join(_with_delta(term) for term in PATH)
    numbers = " · ".join(number(chain.local[term], 3) for term in PATH)
    text = f"{_with_delta('dL/dw11')} = {factors} = {numbers} = "
    text += number(chain.gradients["w11"], 3)
    axes.text(2.3, -0.4, text, color=INK, ha="center", va="center", fontsize=9)


def _with_delta(term: str) -> str:
    return term.replace("d", "∂")


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Above: each gradient (orange) is the one to its right times a weight or a local slope "
        "(purple), and for a weight times the value that it multiplies. Below: sigmoids multiply "
        "by at most 0.25 in each layer, so that the first layers hardly get any gradient "
        "(dotted: guessing; bands: several initial weights).",
        "En haut : chaque gradient (orange) est celui de droite multiplié par un poids ou une "
        "pente locale (violet) ; pour un poids, par la valeur qu'il multiplie. En bas : une "
        "sigmoïde multiplie par 0,25 au plus à chaque couche, et les premières ne reçoivent "
        "presque plus de gradient (pointillé : hasard ; bandes : plusieurs poids initiaux).",
    ),
)
