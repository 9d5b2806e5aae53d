"""Gradient descent, momentum and Adam on two quadratic functions, and a learning rate too high."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classifier.lessons.figure import BLUE, GREEN, GREY, ORANGE, PURPLE, new_figure
from classifier.lessons.language import Text, say
from classifier.lessons.lesson import Lesson

VALLEY = 30.0
"""Curvature across the valley, divided by that along it (the condition number)."""
START = (-4.0, 1.5)
_CONVERGED = 1e-3
_COLOURS = {"SGD": BLUE, "momentum": ORANGE, "Adam": GREEN, "rate too high": PURPLE}


@dataclass(frozen=True)
class Descent:
    """One run of an optimizer.

    Attributes:
        path: ``(steps + 1, 2)`` points, the start first.
        losses: ``(steps + 1,)`` function values at these points; the minimum is 0.
        converged: First step from which the loss stays below 0.001, or None.
    """

    path: NDArray[np.float64]
    losses: NDArray[np.float64]
    converged: int | None


@dataclass(frozen=True)
class Descents:
    """Runs by optimizer on the bowl and in the valley.

    Attributes:
        bowl: Runs on the bowl.
        valley: Runs in the valley.
        limit: Learning rate from which SGD diverges in the valley.
    """

    bowl: dict[str, Descent]
    valley: dict[str, Descent]
    limit: float


def compute(steps: int = 300) -> Descents:
    """Run PyTorch's optimizers from the same start; nothing is random.

    The function is ``(x^2 + c y^2) / 2``. SGD multiplies y by ``1 - rate * c`` in each step, so it
    diverges for rates above ``2 / c``. Momentum: Polyak (1964); Adam: Kingma and Ba (2015).

    Args:
        steps: Number of steps of each run.
    """
    limit = 2 / VALLEY
    sgd = _optimizer(torch.optim.SGD, lr=0.9 * limit)
    momentum = _optimizer(torch.optim.SGD, lr=0.5 * limit, momentum=0.8)
    adam = _optimizer(torch.optim.Adam, lr=0.15)
    too_high = _optimizer(torch.optim.SGD, lr=1.03 * limit)
    bowl = {"SGD": _optimizer(torch.optim.SGD, lr=0.3), "momentum": momentum, "Adam": adam}
    valley = {"SGD": sgd, "momentum": momentum, "Adam": adam, "rate too high": too_high}
    return Descents(
        {name: descend(build, 1.0, steps) for name, build in bowl.items()},
        {name: descend(build, VALLEY, steps) for name, build in valley.items()},
        limit,
    )


def _optimizer(
    kind: Callable[..., torch.optim.Optimizer], **options: float
) -> Callable[[torch.Tensor], torch.optim.Optimizer]:
    return lambda point: kind([point], **options)


def descend(
    build: Callable[[torch.Tensor], torch.optim.Optimizer], curvature: float, steps: int
) -> Descent:
    """Minimise ``(x^2 + curvature * y^2) / 2`` from ``START``.

    Args:
        build: Builds the optimizer of the point.
        curvature: Second derivative along y; that along x is 1.
        steps: Number of steps.
    """
    point = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([1.0, curvature], dtype=torch.float64)
    optimizer = build(point)
    path, losses = [], []
    for step in range(steps + 1):
        loss = (scale * point**2).sum() / 2
        path.append(point.detach().numpy().copy())
        losses.append(loss.item())
        if step < steps:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return Descent(np.array(path), np.array(losses), _convergence(losses))


def _convergence(losses: list[float]) -> int | None:
    above = [step for step, loss in enumerate(losses) if loss >= _CONVERGED]
    first = above[-1] + 1 if above else 0
    return first if first < len(losses) else None


def describe(result: Descents) -> list[str]:
    """Describe when each run converges."""
    lines = []
    for surface, runs in (("bowl", result.bowl), ("valley", result.valley)):
        for name, run in runs.items():
            end = f"loss {run.losses[-1]:.2g} after {len(run.path) - 1} steps"
            if run.converged is None:
                how = "diverges" if run.losses[-1] > run.losses[0] else "has not converged"
                lines.append(f"{surface}, {name}: {how}, {end}")
            else:
                lines.append(
                    f"{surface}, {name}: loss below {_CONVERGED:g} at step {run.converged}"
                )
    lines.append(
        f"The valley is {VALLEY:g} times more curved across than along: SGD diverges for learning "
        f"rates above 2 / {VALLEY:g} = {result.limit:.3f}."
    )
    return lines


_IN_FRENCH = {
    "SGD": "SGD",
    "momentum": "inertie",
    "Adam": "Adam",
    "rate too high": "taux trop élevé",
}


def plot(result: Descents) -> Figure:
    """Plot the paths on contour lines, and the loss over the steps."""
    figure = new_figure(5.6)
    axes = figure.subplots(2, 2, width_ratios=(1.15, 1))
    for (contours, curve), surface, runs, curvature in zip(
        axes,
        (say("bowl", "cuvette"), say("valley", "vallée")),
        (result.bowl, result.valley),
        (1.0, VALLEY),
        strict=True,
    ):
        _plot_paths(contours, runs, curvature)
        contours.set_title(say("Paths: {}", "Chemins : {}").format(surface))
        for name, run in runs.items():
            losses = np.maximum(run.losses, 1e-12)
            curve.semilogy(losses, color=_COLOURS[name], label=say(name, _IN_FRENCH[name]))
        curve.axhline(_CONVERGED, color=GREY, linewidth=1, linestyle=":")
        curve.set(
            xlim=(0, 150), ylim=(1e-6, 1e4), xlabel=say("step", "pas"), ylabel=say("loss", "perte")
        )
        curve.set_title(say("Loss: {}", "Perte : {}").format(surface))
        curve.legend(loc="upper right")
    return figure


def _plot_paths(axes: Axes, runs: dict[str, Descent], curvature: float) -> None:
    x, y = np.meshgrid(np.linspace(-4.6, 2.2, 200), np.linspace(-2.4, 2.4, 200))
    loss = (x**2 + curvature * y**2) / 2
    levels = np.geomspace(0.05, loss.max(), 12)
    axes.contour(x, y, loss, levels=levels, colors=GREY, linewidths=0.6, alpha=0.6)
    for name, run in runs.items():
        shown = run.path[: 5 if name == "rate too high" else 40]
        # On the bowl SGD and momentum take the same path: the wider line shows on both sides.
        wide = 4.5 if name == "SGD" and curvature == 1 else 1.4
        axes.plot(*shown.T, ".-", color=_COLOURS[name], linewidth=wide, markersize=4)
    axes.plot(*START, "o", color=GREY, markersize=7)
    axes.plot(0, 0, "*", color="black", markersize=11, zorder=4)
    axes.grid(visible=False)
    axes.set(xlim=(-4.6, 2.2), ylim=(-2.4, 2.4), xlabel="x", ylabel="y")


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Paths from the grey point to the minimum (star), and the loss at each step; below the "
        "dotted line it counts as arrived. In the valley plain gradient descent creeps along the "
        "floor.",
        "Chemins du point gris au minimum (étoile), et la perte à chaque pas ; sous la "
        "ligne pointillée, le minimum est atteint. Dans la vallée, la descente simple rampe le "
        "long du fond.",
    ),
)
