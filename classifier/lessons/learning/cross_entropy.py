"""Cross-entropy by hand and by torch; why accuracy and squared error are worse losses."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from classifier.lessons.figure import (
    BLUE,
    GREY,
    ORANGE,
    PALE,
    new_figure,
    split_figure,
    tint,
)
from classifier.lessons.language import Text, number, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import seeded_module
from classifier.models.activations import find_activation
from classifier.models.mlp import MLP
from faceswap.core.seeding import generator

CLASSES = (
    Text("cat", "chat"),
    Text("chihuahua", "chihuahua"),
    Text("muffin", "muffin"),
)
LOGITS = np.array([[2.0, 1.0, 0.0], [0.5, 0.5, 0.5], [-1.0, 3.0, 0.0], [0.0, 4.0, 1.0]])
"""Outputs of an imagined network for four pictures; the last answer is confident and wrong."""
LABELS = np.array([0, 1, 1, 2])
REACHED = 0.95
"""Accuracy at which training counts as successful."""
_RATE = 0.2

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """Cross-entropy of a few pictures, step by step.

    Attributes:
        exponentials: ``(N, C)`` exponentials of the logits.
        probabilities: ``(N, C)`` exponentials divided by their sum (softmax).
        targets: ``(N, C)`` one-hot targets.
        losses: ``(N,)`` losses: minus the logarithm of the probability of the true class.
        mean: Mean of the losses.
        by_torch: Mean by ``torch.nn.functional.cross_entropy``.
    """

    exponentials: FloatArray
    probabilities: FloatArray
    targets: FloatArray
    losses: FloatArray
    mean: float
    by_torch: float


@dataclass(frozen=True)
class Line:
    """Accuracy and cross-entropy of a linear classifier while one weight changes.

    Attributes:
        weight: ``(P,)`` values of the weight.
        accuracy: ``(P,)`` accuracies, in [0, 1].
        loss: ``(P,)`` mean cross-entropies.
        flat: Fraction of the positions at which the slope of the accuracy is exactly 0.
        flat_loss: Fraction of the values at which the cross-entropy has slope 0.
    """

    weight: FloatArray
    accuracy: FloatArray
    loss: FloatArray
    flat: float
    flat_loss: float


@dataclass(frozen=True)
class Training:
    """Two trainings of a network from the same confidently wrong weights.

    Attributes:
        accuracy: ``(steps + 1,)`` training accuracies by loss, in [0, 1], before each step.
        reached: First step with an accuracy of at least ``REACHED`` by loss, or None.
    """

    accuracy: dict[str, FloatArray]
    reached: dict[str, int | None]


@dataclass(frozen=True)
class CrossEntropy:
    """The loss by hand, and its comparison with accuracy and with squared error.

    Attributes:
        table: Four pictures, by hand.
        line: Accuracy and cross-entropy along one weight.
        logit: ``(P,)`` values of the true class's logit; that of the other class is 0.
        gradients: ``(P,)`` derivatives with respect to that logit, by loss.
        wrong: Trainings from weights that were fitted to the wrong labels.
        fresh: Trainings from random weights.
    """

    table: Table
    line: Line
    logit: FloatArray
    gradients: dict[str, FloatArray]
    wrong: Training
    fresh: Training


def squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """Squared difference of probabilities and one-hot targets (Brier, 1950).

    Args:
        logits: ``(N, C)`` outputs.
        labels: ``(N,)`` labels.

    Returns:
        Sum over the classes, mean over the examples.
    """
    targets = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return ((logits.softmax(1) - targets) ** 2).sum(1).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": F.cross_entropy,
    "squared error": squared_error,
}


def compute(
    seed: int = 0,
    steps: int = 3000,
    count: int = 200,
    on_progress: Callable[[float], None] = no_progress,
) -> CrossEntropy:
    """Compute the loss by hand, and compare it with accuracy and with squared error.

    Args:
        seed: Seed of the points and of the initial weights.
        steps: Training steps of each network.
        count: Number of points that the networks learn.
        on_progress: Progress callback; see ``Lesson``.
    """
    points, labels = _clouds(count, seed)
    start = seeded_module(lambda: MLP(2, (16,), 2, find_activation("tanh")), seed)
    fresh = _compare(start, points, labels, steps, on_progress)
    # Weights that give almost every point the wrong class, with high probability.
    descend(start, points, 1 - labels, F.cross_entropy, steps)
    on_progress(0.2)
    wrong = _compare(start, points, labels, steps, on_progress)
    logit = np.linspace(-8, 8, 161)
    gradients = {name: _logit_gradient(loss, logit) for name, loss in LOSSES.items()}
    return CrossEntropy(by_hand(), along_a_weight(seed), logit, gradients, wrong, fresh)


def by_hand() -> Table:
    """Compute the cross-entropy of ``LOGITS`` without torch, and by torch."""
    exponentials = np.exp(LOGITS)
    probabilities = exponentials / exponentials.sum(1, keepdims=True)
    targets = np.eye(len(CLASSES))[LABELS]
    # All terms of the sum are 0 except that of the true class.
    losses = -(targets * np.log(probabilities)).sum(1)
    by_torch = F.cross_entropy(torch.from_numpy(LOGITS), torch.from_numpy(LABELS))
    return Table(
        exponentials, probabilities, targets, losses, float(losses.mean()), float(by_torch)
    )


def along_a_weight(seed: int, positions: int = 401) -> Line:
    """Accuracy and cross-entropy of a classifier of 20 points while one of its weights changes.

    Args:
        seed: Seed of the points.
        positions: Number of values of the weight.
    """
    points, labels = _clouds(20, seed)
    weight = np.linspace(-2, 4, positions)
    with torch.no_grad():
        # Each column is the logit of class 1 for one value of the first weight; class 0 has 0.
        moved = points[:, :1] * torch.from_numpy(weight) + points[:, 1:]
        right = (moved > 0) == (labels[:, None] == 1)
        targets = labels[:, None].double().expand_as(moved)
        loss = F.binary_cross_entropy_with_logits(moved, targets, reduction="none").mean(0)
    accuracy = right.double().mean(0).numpy()
    flat, flat_loss = (float((np.diff(values) == 0).mean()) for values in (accuracy, loss.numpy()))
    return Line(weight, accuracy, loss.numpy(), flat, flat_loss)


def _clouds(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Points around (-1, 0) and (1, 0), with little overlap."""
    random = generator(seed, "clouds")
    labels = np.arange(count) % 2
    centres = np.stack([2.0 * labels - 1, np.zeros(count)], 1)
    points = centres + random.normal(0, 0.4, (count, 2))
    return torch.from_numpy(points).float(), torch.from_numpy(labels)


def _logit_gradient(loss: Callable[[Tensor, Tensor], Tensor], logit: FloatArray) -> FloatArray:
    true = torch.from_numpy(logit).requires_grad_()
    logits = torch.stack([true, torch.zeros_like(true)], 1)
    mean = loss(logits, torch.zeros(len(logit), dtype=torch.int64))
    # The mean divides by the number of examples; each logit belongs to one of them.
    return (torch.autograd.grad(mean, true)[0] * len(logit)).numpy()


def _compare(
    start: nn.Module,
    points: Tensor,
    labels: Tensor,
    steps: int,
    on_progress: Callable[[float], None],
) -> Training:
    """Train copies of a network with each loss."""
    accuracy, reached = {}, {}
    for name, loss in LOSSES.items():
        network = copy.deepcopy(start)
        accuracy[name] = descend(network, points, labels, loss, steps)
        above = np.flatnonzero(accuracy[name] >= REACHED)
        reached[name] = int(above[0]) if len(above) else None
        on_progress(0.2)
    return Training(accuracy, reached)


def descend(
    network: nn.Module,
    points: Tensor,
    labels: Tensor,
    loss: Callable[[Tensor, Tensor], Tensor],
    steps: int,
) -> FloatArray:
    """Train a network by gradient descent on all points at once.

    Args:
        network: Network to train.
        points: ``(N, 2)`` inputs.
        labels: ``(N,)`` labels.
        loss: Loss function of logits and labels.
        steps: Number of steps.

    Returns:
        ``(steps + 1,)`` accuracies before the first step and after each.
    """
    optimizer = torch.optim.SGD(network.parameters(), lr=_RATE)
    accuracy = np.empty(steps + 1)
    for step in range(steps + 1):
        logits = network(points)
        accuracy[step] = (logits.argmax(1) == labels).double().mean()
        if step < steps:
            optimizer.zero_grad()
            loss(logits, labels).backward()
            optimizer.step()
    return accuracy


def describe(result: CrossEntropy) -> list[str]:
    """Describe one row of the table in full, the mean, and both comparisons."""
    table = result.table
    last = len(LABELS) - 1
    exponentials = " + ".join(f"{value:.3f}" for value in table.exponentials[0])
    index = int(np.abs(result.logit + 6).argmin())
    slopes = {name: values[index] for name, values in result.gradients.items()}
    lines = [
        f"Picture 1: exp(2) / ({exponentials}) = {table.probabilities[0, 0]:.4f}; "
        f"-ln {table.probabilities[0, 0]:.4f} = {table.losses[0]:.4f}",
        "Losses: " + ", ".join(f"{loss:.4f}" for loss in table.losses),
        f"Mean {table.mean:.6f}; by torch {table.by_torch:.6f}. Picture {last + 1}, confident and "
        f"wrong, has {table.losses[last] / table.losses.sum():.0%} of the sum.",
        f"Slope along one weight: exactly 0 at {result.line.flat:.0%} of its values for accuracy, "
        f"at {result.line.flat_loss:.0%} for cross-entropy",
        f"Gradient at p = {1 / (1 + np.exp(6)):.4f} of the true class: "
        + ", ".join(f"{name} {value:.4f}" for name, value in slopes.items()),
    ]
    for text, training in (("random", result.fresh), ("confidently wrong", result.wrong)):
        steps = ", ".join(f"{name} {_steps(training, name)}" for name in LOSSES)
        lines.append(f"Steps to {REACHED:.0%} accuracy from {text} weights: {steps}")
    return lines


def _steps(training: Training, name: str) -> str:
    reached = training.reached[name]
    return f"{reached:,}" if reached is not None else f"over {len(training.accuracy[name]) - 1:,}"


_STYLES = {
    "cross-entropy": (BLUE, Text("cross-entropy", "entropie croisée")),
    "squared error": (ORANGE, Text("squared error", "erreur quadratique")),
}


def plot(result: CrossEntropy) -> Figure:
    """Plot the table, and three panels that compare cross-entropy with the two alternatives."""
    figure = new_figure(5.6)
    above, below = split_figure(figure, 0.72)
    _plot_table(above.subplots(), result.table)
    weight, gradient, training = below.subplots(1, 3)
    _plot_line(weight, result.line)
    for name, values in result.gradients.items():
        colour, label = _STYLES[name]
        gradient.plot(result.logit, values, color=colour, label=str(label))
    gradient.set_xlabel(say("logit (at left: wrong)", "logit (à gauche : faux)"))
    gradient.set_ylabel("∂L/∂logit")
    gradient.set_ylim(-1.4, 0.05)  # room for the legend below the curves
    gradient.set_title(say("Gradient by logit", "Gradient selon le logit"))
    gradient.legend(loc="lower right", fontsize=8)
    for part, style in ((result.wrong, "-"), (result.fresh, ":")):
        for name, accuracy in part.accuracy.items():
            steps = np.arange(1, len(accuracy))
            shown = 100 * accuracy[1:]
            training.semilogx(steps, shown, color=_STYLES[name][0], linestyle=style)
    # Room for the legend above the curves.
    training.set(ylim=(-3, 145), yticks=range(0, 101, 20), xlabel=say("step", "pas"))
    training.set_ylabel(say("accuracy (%)", "exactitude (%)"))
    training.set_title(say("Unlearning an error", "Désapprendre une erreur"))
    wrong, fresh = say("wrong start", "départ faux"), say("random start", "départ aléatoire")
    handles = [
        Line2D([], [], color=GREY, linestyle="-", label=wrong),
        Line2D([], [], color=GREY, linestyle=":", label=fresh),
    ]
    training.legend(handles=handles, loc="upper left", fontsize=8)
    return figure


def _plot_line(axes: Axes, line: Line) -> None:
    axes.plot(line.weight, line.accuracy, color=GREY, label=say("accuracy", "exactitude"))
    colour, label = _STYLES["cross-entropy"]
    axes.plot(line.weight, line.loss, color=colour, label=str(label))
    axes.set_ylim(0, None)
    axes.set_xlabel(say("one weight", "un poids"))
    axes.set_title(say("Flat steps, or a slope", "Paliers, ou une pente"))
    axes.legend(loc="upper right", fontsize=8)


def _plot_table(axes: Axes, table: Table) -> None:
    """Draw the table: three columns for each of logits, softmax and target, then the loss."""
    rows = len(LABELS)
    axes.set(xlim=(0, 12.6), ylim=(-0.8, rows + 1.7))
    axes.set_axis_off()
    groups = (
        (2.6, "logits", LOGITS, 1),
        (5.8, "softmax", table.probabilities, 3),
        (9.0, say("target (one-hot)", "cible (one-hot)"), table.targets, 0),
    )
    for left, title, values, digits in groups:
        _write(axes, left + 1, rows + 1.05, title, fontweight="bold")
        for column, name in enumerate(CLASSES):
            _write(axes, left + column, rows + 0.3, str(name), fontsize=7.5, color=GREY)
            for row, label in enumerate(LABELS):
                place = (left + column, rows - 1 - row + 0.5)
                if column == label:
                    corner = (place[0] - 0.45, place[1] - 0.42)
                    axes.add_patch(Rectangle(corner, 0.9, 0.84, color=tint(BLUE, 0.22)))
                _write(axes, *place, number(values[row, column], digits))
    _write(axes, 12.1, rows + 1.05, "\N{MINUS SIGN}ln p", fontweight="bold")
    for row, label in enumerate(LABELS):
        height = rows - 1 - row + 0.5
        picture = say("picture {}: {}", "image {} : {}").format(row + 1, CLASSES[label])
        axes.text(0.05, height, picture, va="center", fontsize=8.5)
        axes.axhline(height + 0.5, color=PALE, linewidth=1)
        _write(axes, 12.1, height, number(table.losses[row], 3))
    axes.axhline(0, color=GREY, linewidth=1)
    text = say("mean loss: {}; by torch: {}", "perte moyenne : {} ; avec torch : {}")
    mean = text.format(number(table.mean, 6), number(table.by_torch, 6))
    axes.text(12.55, -0.45, mean, ha="right", va="center", fontsize=9, fontweight="bold")


def _write(axes: Axes, x: float, y: float, text: str, **options: Any) -> None:
    shown: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8.5} | options
    axes.text(x, y, text, **shown)


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Above: only the probability of the true class (blue cells) counts; a confident error "
        "costs most. Below: accuracy has no slope to descend, squared error nearly none where the "
        "answer is confidently wrong, and unlearning such errors takes it many more steps (log "
        "scale).",
        "En haut : seule compte la probabilité de la vraie classe (cases bleues) ; une erreur "
        "commise avec certitude coûte le plus. En bas : l'exactitude n'a pas de pente à descendre, "
        "l'erreur quadratique presque aucune quand la réponse est fausse mais certaine, et "
        "désapprendre ces erreurs lui prend bien plus de pas (échelle log).",
    ),
)
