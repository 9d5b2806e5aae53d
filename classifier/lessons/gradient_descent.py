"""Downhill on a bowl and in a valley: plain steps, momentum, Adam, and a rate that is too high."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classifier.lessons.figure import BLUE, GREEN, GREY, ORANGE, PURPLE, new_figure
from classifier.lessons.lesson import Lesson

VALLEY = 30.0
"""How much steeper the walls of the valley are than its floor."""
START = (-4.0, 1.5)
_DONE = 1e-3
_COLOURS = {"plain": BLUE, "momentum": ORANGE, "Adam": GREEN, "too high": PURPLE}


@dataclass(frozen=True)
class Descent:
    """One walk.

    Attributes:
        path: ``(steps + 1, 2)`` places, the start first.
        heights: ``(steps + 1,)`` values of the function there; the minimum is 0.
        arrived: First step from which on the height stays under 0.001, or None.
    """

    path: NDArray[np.float64]
    heights: NDArray[np.float64]
    arrived: int | None


@dataclass(frozen=True)
class Descents:
    """Walks by name, on the bowl and in the valley, and the highest rate that plain steps stand."""

    bowl: dict[str, Descent]
    valley: dict[str, Descent]
    limit: float


def compute(steps: int = 300) -> Descents:
    """Walks from the same place by torch's own optimizers; nothing here is random.

    The function is ``(x^2 + c y^2) / 2``. Plain gradient descent multiplies y by ``1 - rate * c``
    at each step, so it diverges from a rate of ``2 / c`` on. Momentum is Polyak's (1964), Adam
    Kingma's and Ba's (2015).
    """
    limit = 2 / VALLEY
    plain = _optimizer(torch.optim.SGD, lr=0.9 * limit)
    momentum = _optimizer(torch.optim.SGD, lr=0.5 * limit, momentum=0.8)
    adam = _optimizer(torch.optim.Adam, lr=0.15)
    too_high = _optimizer(torch.optim.SGD, lr=1.03 * limit)
    bowl = {"plain": _optimizer(torch.optim.SGD, lr=0.3), "momentum": momentum, "Adam": adam}
    valley = {"plain": plain, "momentum": momentum, "Adam": adam, "too high": too_high}
    return Descents(
        {name: descend(build, 1.0, steps) for name, build in bowl.items()},
        {name: descend(build, VALLEY, steps) for name, build in valley.items()},
        limit,
    )


def _optimizer(
    kind: Callable[..., torch.optim.Optimizer], **options: float
) -> Callable[[torch.Tensor], torch.optim.Optimizer]:
    return lambda place: kind([place], **options)


def descend(
    build: Callable[[torch.Tensor], torch.optim.Optimizer], steepness: float, steps: int
) -> Descent:
    """Walks down ``(x^2 + steepness * y^2) / 2`` from ``START``."""
    place = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    scale = torch.tensor([1.0, steepness], dtype=torch.float64)
    optimizer = build(place)
    path, heights = [], []
    for step in range(steps + 1):
        height = (scale * place**2).sum() / 2
        path.append(place.detach().numpy().copy())
        heights.append(height.item())
        if step < steps:
            optimizer.zero_grad()
            height.backward()
            optimizer.step()
    return Descent(np.array(path), np.array(heights), _arrival(heights))


def _arrival(heights: list[float]) -> int | None:
    late = [step for step, height in enumerate(heights) if height >= _DONE]
    first = late[-1] + 1 if late else 0
    return first if first < len(heights) else None


def describe(result: Descents) -> list[str]:
    """Who arrives, and when."""
    lines = []
    for ground, walks in (("bowl", result.bowl), ("valley", result.valley)):
        for name, walk in walks.items():
            end = f"height {walk.heights[-1]:.2g} after {len(walk.path) - 1} steps"
            if walk.arrived is None:
                lines.append(f"{ground}, {name}: does not arrive, {end}")
            else:
                lines.append(f"{ground}, {name}: below {_DONE:g} from step {walk.arrived} on")
    lines.append(
        f"The valley's walls are {VALLEY:g} times steeper than its floor: plain steps diverge from "
        f"a rate of 2 / {VALLEY:g} = {result.limit:.3f} on."
    )
    return lines


def draw(result: Descents) -> Figure:
    """The walks from above, and their heights over the steps."""
    figure = new_figure(5.6)
    axes = figure.subplots(2, 2, width_ratios=(1.15, 1))
    for (above, curve), ground, walks, steepness in zip(
        axes, ("bowl", "valley"), (result.bowl, result.valley), (1.0, VALLEY), strict=True
    ):
        _draw_map(above, walks, steepness)
        above.set_title(f"Seen from above: the {ground}")
        for name, walk in walks.items():
            heights = np.maximum(walk.heights, 1e-12)
            curve.semilogy(heights, color=_COLOURS[name], label=name)
        curve.axhline(_DONE, color=GREY, linewidth=1, linestyle=":")
        curve.set(xlim=(0, 150), ylim=(1e-6, 1e4), xlabel="step", ylabel="height above the minimum")
        curve.legend(ncols=2, loc="upper right")
    axes[0, 1].set_title("Height over the steps")
    return figure


def _draw_map(axes: Axes, walks: dict[str, Descent], steepness: float) -> None:
    x, y = np.meshgrid(np.linspace(-4.6, 2.2, 200), np.linspace(-2.4, 2.4, 200))
    height = (x**2 + steepness * y**2) / 2
    levels = np.geomspace(0.05, height.max(), 12)
    axes.contour(x, y, height, levels=levels, colors=GREY, linewidths=0.6, alpha=0.6)
    for name, walk in walks.items():
        shown = walk.path[: 5 if name == "too high" else 40]
        # On the bowl momentum goes straight too: the plain walk shows on both sides of it.
        wide = 4.5 if name == "plain" and steepness == 1 else 1.4
        axes.plot(*shown.T, ".-", color=_COLOURS[name], linewidth=wide, markersize=4)
    axes.plot(*START, "o", color=GREY, markersize=7)
    axes.plot(0, 0, "*", color="black", markersize=11, zorder=4)
    axes.grid(visible=False)
    axes.set(xlim=(-4.6, 2.2), ylim=(-2.4, 2.4), xlabel="x", ylabel="y")


LESSON = Lesson(
    "gradient-descent",
    "Downhill on a bowl and in a valley: plain, momentum, Adam; too high a rate diverges.",
    compute,
    describe,
    draw,
)
