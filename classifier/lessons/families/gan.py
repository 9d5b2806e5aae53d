"""A generative adversarial network learns a ring of eight clusters, and one that collapses."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from classifier.lessons.figure import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SIGNED,
    new_figure,
    split_figure,
)
from classifier.lessons.language import Text, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import FloatArray, outputs, seeded_module
from classifier.models.activations import find_activation
from classifier.models.mlp import MLP
from faceswap.core.seeding import generator

MODES = 8
SPREAD = 0.1
"""Standard deviation of a cluster; the ring of their centres has radius 2."""
_ANGLES = 2 * np.pi * np.arange(MODES) / MODES
CENTRES = 2 * np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], 1)
_CODE = 8
_HIDDEN = (64, 64)
_RATE = 1e-3
_PENALTY = 1.0
_REACH = 4.0
_CELLS = 60
_POINTS = 1000
_WINDOW = 50
_SHOWN = (1 / 40, 1 / 12, 1 / 4, 1)
"""Moments at which points are shown, as fractions of the training."""


@dataclass(frozen=True)
class Snapshot:
    """Generator and discriminator at one step.

    Attributes:
        points: ``(1000, 2)`` generated points.
        judged: ``(60, 60)`` probabilities that a point is real, by the discriminator, on a grid
            over [-4, 4] x [-4, 4], y first.
    """

    points: FloatArray
    judged: FloatArray


@dataclass(frozen=True)
class Duel:
    """Training of a generator and a discriminator.

    Attributes:
        snapshots: Both networks by step.
        covered: Number of clusters that generated points cover, by step.
        near: Fraction of generated points in a cluster, by step, in [0, 1].
        discriminator_loss: Loss of the discriminator in each step.
        generator_loss: Loss of the generator in each step.
    """

    snapshots: dict[int, Snapshot]
    covered: dict[int, int]
    near: dict[int, float]
    discriminator_loss: list[float]
    generator_loss: list[float]


@dataclass(frozen=True)
class GANResult:
    """Two trainings that differ in the learning rate of the discriminator only.

    Attributes:
        balanced: Training with the same learning rate for both networks.
        slow: Training with a slow discriminator.
        fraction: Learning rate of the slow discriminator, divided by that of the generator.
    """

    balanced: Duel
    slow: Duel
    fraction: float


def sample_ring(count: int, random: np.random.Generator) -> FloatArray:
    """Sample ``(count, 2)`` points of the eight clusters, all equally probable."""
    centres = CENTRES[random.integers(MODES, size=count)]
    return (centres + random.normal(0, SPREAD, (count, 2))).astype(np.float32)


def coverage(points: NDArray[np.floating]) -> tuple[int, float]:
    """Count the clusters that points cover.

    Args:
        points: ``(N, 2)`` points.

    Returns:
        Number of clusters with at least 2 % of the points within three standard deviations of
        their centre (each has 12.4 % of the real ones), and the fraction of points in a cluster.
    """
    distances = np.linalg.norm(points[:, None] - CENTRES, axis=2)
    inside = distances < 3 * SPREAD
    return int((inside.mean(0) >= 0.02).sum()), float(inside.any(1).mean())


def compute(
    seed: int = 0,
    steps: int = 2000,
    batch: int = 256,
    fraction: float = 0.1,
    on_progress: Callable[[float], None] = no_progress,
) -> GANResult:
    """Train with a discriminator that keeps up, and with one that is too slow.

    Goodfellow et al. (2014): Generative adversarial nets.

    Args:
        seed: Seed of points, codes and initial weights.
        steps: Training steps of both networks.
        batch: Number of real and of generated points in each step.
        fraction: Learning rate of the slow discriminator, divided by that of the generator.
        on_progress: Progress callback; see ``Lesson``.
    """
    duels = [
        duel(seed, steps, batch, rate, lambda done: on_progress(done / 2))
        for rate in (_RATE, fraction * _RATE)
    ]
    return GANResult(duels[0], duels[1], fraction)


def duel(
    seed: int, steps: int, batch: int, rate: float, on_progress: Callable[[float], None]
) -> Duel:
    """Train a generator and a discriminator, one step each in turn.

    The generator's loss is the non-saturating one of the paper. The discriminator has a penalty on
    its slope at real points (R1; Mescheder, Geiger, Nowozin, 2018), without which the two networks
    circle around the solution.

    Args:
        seed: Seed of points, codes and initial weights.
        steps: Number of steps.
        batch: Number of real and of generated points in each step.
        rate: Learning rate of the discriminator.
        on_progress: Called with the fraction of this training done since the last call.
    """
    relu = find_activation("relu")
    generate = seeded_module(lambda: MLP(_CODE, _HIDDEN, 2, relu), seed)
    judge = seeded_module(lambda: MLP(2, _HIDDEN, 1, relu), seed + 1)
    learn_generator = torch.optim.Adam(generate.parameters(), _RATE, betas=(0.5, 0.9))
    learn_judge = torch.optim.Adam(judge.parameters(), rate, betas=(0.5, 0.9))
    random = generator(seed, "ring")
    codes = _sample_codes(_POINTS, generator(seed, "shown codes"))
    shown = {max(1, round(part * steps)) for part in _SHOWN}
    recorded = shown | set(range(0, steps + 1, max(steps // 48, 1))) - {0}
    found = Duel({}, {}, {}, [], [])
    for step in range(1, steps + 1):
        real = torch.from_numpy(sample_ring(batch, random)).requires_grad_()
        fake = generate(_sample_codes(batch, random))
        on_real = judge(real)
        loss = F.softplus(-on_real).mean() + F.softplus(judge(fake.detach())).mean()
        (slope,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
        learn_judge.zero_grad()
        (loss + _PENALTY / 2 * slope.square().sum(1).mean()).backward()
        learn_judge.step()
        deceived = F.softplus(-judge(fake)).mean()
        learn_generator.zero_grad()
        deceived.backward()
        learn_generator.step()
        found.discriminator_loss.append(loss.item())
        found.generator_loss.append(deceived.item())
        if step in recorded:
            points = outputs(generate, codes, _POINTS).numpy()
            found.covered[step], found.near[step] = coverage(points)
            if step in shown:
                judged = outputs(judge, _grid(), _CELLS**2).sigmoid()
                found.snapshots[step] = Snapshot(points, judged.reshape(_CELLS, _CELLS).numpy())
        on_progress(1 / steps)
    return found


def _sample_codes(count: int, random: np.random.Generator) -> Tensor:
    return torch.from_numpy(random.normal(size=(count, _CODE)).astype(np.float32))


def _grid() -> Tensor:
    line = torch.linspace(-_REACH, _REACH, _CELLS)
    return torch.cartesian_prod(line, line).flip(1)


def describe(result: GANResult) -> list[str]:
    """Describe the clusters that both trainings cover, and the discriminators' losses."""
    lines = []
    for name, run in (("Balanced", result.balanced), ("Slow discriminator", result.slow)):
        last = max(run.covered)
        mean = np.mean([*run.covered.values()][len(run.covered) // 2 :])
        lines.append(
            f"{name}: {run.covered[last]} of {MODES} clusters covered after {last} steps, "
            f"{mean:.1f} on average over the second half; {run.near[last]:.0%} of the points "
            "are in a cluster"
        )
    ranges = []
    for run in (result.balanced, result.slow):
        smooth = _smooth(run.discriminator_loss)
        late = smooth[len(smooth) // 2 :]
        ranges.append(f"{late.min():.2f} to {late.max():.2f}")
    lines.append(
        f"Loss of the discriminator in the second half: {ranges[0]}, of the slow one {ranges[1]}; "
        f"one that cannot tell at all has 2 ln 2 = {2 * np.log(2):.2f}"
    )
    return lines


def _smooth(losses: list[float]) -> NDArray[np.float64]:
    """Moving average."""
    return np.convolve(losses, np.ones(_WINDOW) / _WINDOW, "valid")


def plot(result: GANResult) -> Figure:
    """Plot the generated points over the discriminators' fields, coverage and losses."""
    figure = new_figure(7.0)
    above, below = split_figure(figure, 2.3)
    fields = above.subplots(2, len(result.balanced.snapshots), squeeze=False)
    for row, run, name in (
        (fields[0], result.balanced, say("balanced", "équilibré")),
        (fields[1], result.slow, say("slow discriminator", "discriminateur lent")),
    ):
        for axes, (step, snapshot) in zip(row, run.snapshots.items(), strict=True):
            _plot_field(axes, snapshot)
            if run is result.balanced:
                axes.set_title(f"{say('step', 'pas')} {step}", loc="center")
        row[0].set_ylabel(name, fontweight="bold")
    covered, losses = below.subplots(1, 2)
    for run, colour, name in (
        (result.balanced, BLUE, say("balanced", "équilibré")),
        (result.slow, ORANGE, say("slow discriminator", "discriminateur lent")),
    ):
        covered.plot([*run.covered], [*run.covered.values()], color=colour, label=name)
        smooth = _smooth(run.discriminator_loss)
        losses.plot(np.arange(len(smooth)) + _WINDOW // 2, smooth, color=colour, linewidth=1.4)
    covered.set(ylim=(-0.3, MODES + 0.6), yticks=range(0, MODES + 1, 2))
    covered.set_title(say("Clusters covered, of 8", "Amas couverts, sur 8"))
    covered.legend(loc="center right")
    losses.axhline(2 * np.log(2), color=GREY, linewidth=1, linestyle=":")
    losses.set(ylim=(0, 3))
    losses.set_title(say("Discriminator's loss", "Perte du discriminateur"))
    for axes in (covered, losses):
        axes.set(xlabel=say("step", "pas"))
    return figure


def _plot_field(axes: Axes, snapshot: Snapshot) -> None:
    extent = (-_REACH, _REACH, -_REACH, _REACH)
    axes.imshow(
        snapshot.judged, extent=extent, origin="lower", cmap=SIGNED, vmin=0, vmax=1, alpha=0.75
    )
    axes.plot(*CENTRES.T, "o", markersize=9, markerfacecolor="none", markeredgecolor=GREY)
    axes.plot(*snapshot.points[::3].T, ".", color=INK, markersize=1.6)
    axes.grid(visible=False)
    axes.set(xlim=extent[:2], ylim=extent[2:], xticks=(), yticks=())


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Generated points (black), the eight clusters that they should cover (circles), and where "
        "the discriminator sees real points (orange) or generated ones (blue). If it learns too "
        "slowly, all points gather in one place and move on together, even out of the picture: "
        "mode collapse. Dotted: the loss of a discriminator that cannot tell at all; losses are "
        "cut off at 3.",
        "Points générés (noirs), les huit amas à couvrir (cercles), et où le discriminateur voit "
        "des points réels (orange) ou générés (bleu). S'il apprend trop lentement, les points se "
        "rassemblent en un lieu et se déplacent ensemble, parfois hors du cadre : c'est "
        "l'effondrement de modes. Pointillé : la perte d'un discriminateur qui ne distingue rien ; "
        "les pertes sont coupées à 3.",
    ),
)
