"""Through a narrow middle and out again: how few numbers tell a digit."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional as F

from classifier.lessons.figure import BLUE, GREY, ORANGE, new_figure, show_image, tile, two_parts
from classifier.lessons.fitting import FloatArray, fit, outputs, seeded_module
from classifier.lessons.glyphs import SIZE, draw_glyphs
from classifier.lessons.lesson import Lesson, silent
from classifier.models.activations import find_activation
from classifier.models.mlp import MLP

WIDTHS = (2, 8, 32, 128)
_SHOWN = 8
_HIDDEN = 256


@dataclass(frozen=True)
class Reconstructions:
    """Unseen digits through bottlenecks of several widths.

    Attributes:
        originals: ``(8, 32, 32)`` in [0, 1].
        by_width: For each width, the same digits out of the trained network.
        error: For each width, root mean square error on all unseen digits.
        linear: The same for the best linear encoder and decoder, principal components.
        by_step: For some steps of the training at ``followed`` numbers, the digits then.
        history: Steps and errors on unseen digits of that training.
        followed: Which width.
    """

    originals: FloatArray
    by_width: dict[int, FloatArray]
    error: dict[int, float]
    linear: dict[int, float]
    by_step: dict[int, FloatArray]
    history: dict[int, float]
    followed: int


class Autoencoder(nn.Module):
    """``(B, 1024)`` -> ``(B, 1024)`` logits of grey values, through ``width`` numbers.

    Rumelhart, Hinton, Williams (1986); Hinton and Salakhutdinov (2006): Reducing the dimensionality
    of data with neural networks.
    """

    def __init__(self, width: int, pixels: int) -> None:
        super().__init__()
        relu = find_activation("relu")
        self.encoder = MLP(pixels, (_HIDDEN,), width, relu)
        self.decoder = MLP(width, (_HIDDEN,), pixels, relu)

    def forward(self, images: Tensor) -> Tensor:
        """Encodes and decodes."""
        return self.decoder(self.encoder(images))


def compute(
    seed: int = 0,
    images: int = 5000,
    steps: int = 1500,
    widths: tuple[int, ...] = WIDTHS,
    on_progress: Callable[[float], None] = silent,
) -> Reconstructions:
    """Trains one autoencoder for each width on drawn digits.

    Args:
        seed: Of digits and weights.
        images: Digits to train on.
        steps: Training steps of each.
        widths: Numbers in the middle. The last but one is followed over its steps.
        on_progress: See ``Lesson``.
    """
    train, unseen = (
        torch.from_numpy(draw_glyphs(count, seed + part)[0]).flatten(1) / 255
        for part, count in enumerate((images, 500))
    )
    followed = widths[-2]
    by_width, error, by_step, history = {}, {}, {}, {}
    looks = sorted({1, 10, 50, 200, steps, *range(0, steps + 1, max(steps // 30, 1))} - {0})
    for width in widths:
        module = seeded_module(lambda w=width: Autoencoder(w, train.shape[1]), seed)

        def look(step: int, _loss: float, module: nn.Module = module, width: int = width) -> None:
            on_progress(1 / (steps * len(widths)))
            if width == followed and step in looks:
                found = _decode(module, unseen)
                history[step] = _rms(found, unseen)
                by_step[step] = _pictures(found)
                module.train()

        fit(
            module,
            train,
            train,
            steps=steps,
            batch=64,
            lr=3e-3,
            seed=seed,
            loss=F.binary_cross_entropy_with_logits,
            on_step=look,
        )
        found = _decode(module, unseen)
        by_width[width], error[width] = _pictures(found), _rms(found, unseen)
    linear = _linear_errors(train, unseen, widths)
    shown = {step: by_step[step] for step in (1, 50, 200, steps) if step in by_step}
    return Reconstructions(_pictures(unseen), by_width, error, linear, shown, history, followed)


def _decode(module: nn.Module, images: Tensor) -> Tensor:
    return outputs(module, images).sigmoid()


def _rms(found: Tensor, images: Tensor) -> float:
    return float((found - images).square().mean().sqrt())


def _pictures(flat: Tensor) -> FloatArray:
    return flat[:_SHOWN].reshape(-1, SIZE, SIZE).numpy()


def _linear_errors(train: Tensor, unseen: Tensor, widths: tuple[int, ...]) -> dict[int, float]:
    """Errors of as many principal components (Pearson, 1901)."""
    mean = train.mean(0)
    _, _, axes = torch.linalg.svd(train - mean, full_matrices=False)
    errors = {}
    for width in widths:
        kept = axes[:width]
        errors[width] = _rms((unseen - mean) @ kept.T @ kept + mean, unseen)
    return errors


def describe(result: Reconstructions) -> list[str]:
    """Error by width, beside that of principal components, and over the steps."""
    lines = [
        f"{width:>4} numbers for {SIZE * SIZE} pixels: error {100 * value:.1f} % of white "
        f"(principal components {100 * result.linear[width]:.1f} %)"
        for width, value in result.error.items()
    ]
    told = [step for step in (1, 10, 50, 200, max(result.history)) if step in result.history]
    course = ", ".join(f"step {step}: {100 * result.history[step]:.1f} %" for step in told)
    return [*lines, f"At {result.followed} numbers, {course}"]


def draw(result: Reconstructions) -> Figure:
    """Digits by width and by step above, errors below."""
    figure = new_figure(5.1)
    above, below = two_parts(figure, 1.6)
    by_width, by_step = above.subplots(1, 2)
    rows = {"unseen": result.originals}
    rows |= {f"{width}": images for width, images in result.by_width.items()}
    _show_rows(by_width, rows, "Numbers in the middle")
    rows = {f"{step}": images for step, images in result.by_step.items()}
    _show_rows(
        by_step,
        {"unseen": result.originals} | rows,
        f"Steps of training ({result.followed} numbers)",
    )
    widths, steps = below.subplots(1, 2)
    for errors, colour, marker, label in (
        (result.linear, ORANGE, "s", "principal components"),
        (result.error, BLUE, "o", "autoencoder"),
    ):
        values = [100 * value for value in errors.values()]
        widths.plot(list(errors), values, color=colour, marker=marker, label=label)
    widths.set_xscale("log", base=2)
    widths.set_xticks(list(result.error), [str(width) for width in result.error])
    widths.set(xlabel="numbers in the middle", ylabel="error, % of white", ylim=(0, None))
    widths.legend()
    steps.plot(list(result.history), [100 * value for value in result.history.values()], color=BLUE)
    steps.set(xlabel="step", ylim=(0, None))
    for step in result.by_step:
        steps.plot(step, 100 * result.history[step], "o", color=GREY)
    return figure


def _show_rows(axes: Axes, rows: dict[str, FloatArray], title: str) -> None:
    sheet = tile(np.concatenate(list(rows.values())), _SHOWN, gap=2)
    show_image(axes, sheet, vmin=0, vmax=1)
    for row, name in enumerate(rows):
        axes.text(-4, (row + 0.5) * (SIZE + 2), name, ha="right", va="center", fontsize=8.5)
    axes.set_title(title, loc="center")


LESSON = Lesson(
    "autoencoder",
    "Through a narrow middle and out again: how few numbers tell a digit.",
    compute,
    describe,
    draw,
)
