"""Autoencoders with several bottleneck widths on digits, compared with PCA."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn import functional as F

from classifier.lessons.figure import BLUE, GREY, ORANGE, new_figure, show_image, split_figure, tile
from classifier.lessons.language import Text, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import FloatArray, fit, outputs, rms_error, seeded_module
from classifier.lessons.material.glyphs import SIZE, digit_pixels
from classifier.models.activations import find_activation
from classifier.models.mlp import MLP

WIDTHS = (2, 8, 32, 128)
_SHOWN = 8
_HIDDEN = (256,)


@dataclass(frozen=True)
class Reconstructions:
    """Test digits reconstructed through bottlenecks of several widths.

    Attributes:
        originals: ``(8, 32, 32)`` test digits, in [0, 1].
        by_width: ``(8, 32, 32)`` reconstructions for each width.
        error: Root mean square error on all test digits for each width, in [0, 1].
        pca: RMS errors of PCA, the optimal linear encoder and decoder, as for ``errors``.
        by_step: ``(8, 32, 32)`` reconstructions at some steps of the training of ``followed``.
        history: Test error by step of the same training.
        followed: Width whose training is recorded.
    """

    originals: FloatArray
    by_width: dict[int, FloatArray]
    error: dict[int, float]
    pca: dict[int, float]
    by_step: dict[int, FloatArray]
    history: dict[int, float]
    followed: int


class Autoencoder(nn.Module):
    """Dense autoencoder, ``(B, pixels)`` grey values in [0, 1] -> ``(B, pixels)`` logits.

    Rumelhart, Hinton, Williams (1986); Hinton and Salakhutdinov (2006): Reducing the dimensionality
    of data with neural networks.

    Args:
        width: Size of the bottleneck.
        pixels: Number of pixels.
        hidden: Widths of the encoder's hidden layers; the decoder has them in reverse.
    """

    def __init__(self, width: int, pixels: int, hidden: tuple[int, ...] = _HIDDEN) -> None:
        super().__init__()
        relu = find_activation("relu")
        self.encoder = MLP(pixels, hidden, width, relu)
        self.decoder = MLP(width, hidden[::-1], pixels, relu)

    def forward(self, images: Tensor) -> Tensor:
        """Encode and decode."""
        return self.decoder(self.encoder(images))


def compute(
    seed: int = 0,
    images: int = 5000,
    steps: int = 1500,
    widths: tuple[int, ...] = WIDTHS,
    on_progress: Callable[[float], None] = no_progress,
) -> Reconstructions:
    """Train one autoencoder for each width on rendered digits.

    Args:
        seed: Seed of the digits and of the initial weights.
        images: Number of training digits.
        steps: Training steps of each autoencoder.
        widths: Bottleneck widths; the training of the last but one is recorded.
        on_progress: Progress callback; see ``Lesson``.
    """
    train, test = (
        digit_pixels(count, seed + offset)[0] for offset, count in enumerate((images, 500))
    )
    followed = widths[-2]
    by_width, error, by_step, history = {}, {}, {}, {}
    recorded = sorted({1, 10, 50, 200, steps, *range(0, steps + 1, max(steps // 30, 1))} - {0})
    for width in widths:
        module = seeded_module(lambda w=width: Autoencoder(w, train.shape[1]), seed)

        def record(step: int, _loss: float, module: nn.Module = module, width: int = width) -> None:
            on_progress(1 / (steps * len(widths)))
            if width == followed and step in recorded:
                decoded = _reconstruct(module, test)
                history[step] = rms_error(decoded, test)
                by_step[step] = _shown_digits(decoded)
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
            on_step=record,
        )
        decoded = _reconstruct(module, test)
        by_width[width], error[width] = _shown_digits(decoded), rms_error(decoded, test)
    pca = _pca_errors(train, test, widths)
    shown = {step: by_step[step] for step in (1, 50, 200, steps) if step in by_step}
    return Reconstructions(_shown_digits(test), by_width, error, pca, shown, history, followed)


def _reconstruct(module: nn.Module, images: Tensor) -> Tensor:
    return outputs(module, images).sigmoid()


def _shown_digits(flat: Tensor) -> FloatArray:
    return flat[:_SHOWN].reshape(-1, SIZE, SIZE).numpy()


def _pca_errors(train: Tensor, test: Tensor, widths: tuple[int, ...]) -> dict[int, float]:
    """Errors of PCA (Pearson, 1901) with as many components."""
    mean = train.mean(0)
    _, _, axes = torch.linalg.svd(train - mean, full_matrices=False)
    errors = {}
    for width in widths:
        kept = axes[:width]
        errors[width] = rms_error((test - mean) @ kept.T @ kept + mean, test)
    return errors


def describe(result: Reconstructions) -> list[str]:
    """Describe the error by bottleneck width, with that of PCA, and over the training steps."""
    lines = [
        f"Bottleneck {width:>3} of {SIZE * SIZE} pixels: RMS error {100 * value:.1f} % "
        f"(PCA {100 * result.pca[width]:.1f} %)"
        for width, value in result.error.items()
    ]
    listed = [step for step in (1, 10, 50, 200, max(result.history)) if step in result.history]
    steps = ", ".join(f"step {step} {100 * result.history[step]:.1f} %" for step in listed)
    return [*lines, f"RMS error with bottleneck {result.followed}: {steps}"]


def plot(result: Reconstructions) -> Figure:
    """Plot reconstructions and errors by bottleneck width and by training step."""
    figure = new_figure(5.1)
    above, below = split_figure(figure, 1.6)
    by_width, by_step = above.subplots(1, 2)
    original = say("input", "entrée")
    rows = {original: result.originals}
    rows |= {f"{width}": images for width, images in result.by_width.items()}
    _plot_rows(by_width, rows, say("By bottleneck width", "Selon la largeur du goulot"))
    rows = {f"{step}": images for step, images in result.by_step.items()}
    _plot_rows(
        by_step,
        {original: result.originals} | rows,
        say("By training step (bottleneck {})", "Selon le pas (goulot de {})").format(
            result.followed
        ),
    )
    widths, steps = below.subplots(1, 2)
    for errors, colour, marker, label in (
        (result.pca, ORANGE, "s", say("PCA", "ACP")),
        (result.error, BLUE, "o", say("autoencoder", "auto-encodeur")),
    ):
        values = [100 * value for value in errors.values()]
        widths.plot(list(errors), values, color=colour, marker=marker, label=label)
    widths.set_xscale("log", base=2)
    widths.set_xticks(list(result.error), [str(width) for width in result.error])
    widths.set(xlabel=say("bottleneck width", "largeur du goulot"), ylim=(0, None))
    widths.set_ylabel(say("RMS error (%)", "écart quadratique moyen (%)"))
    widths.legend()
    steps.plot(list(result.history), [100 * value for value in result.history.values()], color=BLUE)
    steps.set(xlabel=say("step", "pas"), ylim=(0, None))
    for step in result.by_step:
        steps.plot(step, 100 * result.history[step], "o", color=GREY)
    return figure


def _plot_rows(axes: Axes, rows: dict[str, FloatArray], title: str) -> None:
    sheet = tile(np.concatenate(list(rows.values())), _SHOWN, gap=2)
    show_image(axes, sheet, vmin=0, vmax=1)
    for row, name in enumerate(rows):
        axes.text(-4, (row + 0.5) * (SIZE + 2), name, ha="right", va="center", fontsize=8.5)
    axes.set_title(title, loc="center")


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Digits through a bottleneck of a few numbers (left: by its width, right: in the "
        "course of training), and the error, compared with the best linear compression (PCA).",
        "Des chiffres à travers un goulot de quelques nombres (à gauche : selon sa largeur, à "
        "droite : au fil de l'entraînement), et l'erreur, comparée à la meilleure compression "
        "linéaire (ACP).",
    ),
)
