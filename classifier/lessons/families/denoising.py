"""Autoencoders that learn to remove noise and holes from digits, compared with filters."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter, median_filter
from torch import Tensor, nn
from torch.nn import functional as F

from classifier.lessons.families.autoencoder import Autoencoder
from classifier.lessons.figure import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    new_figure,
    show_image,
    split_figure,
    tile,
)
from classifier.lessons.language import Text, number, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import FloatArray, fit, outputs, rms_error, seeded_module
from classifier.lessons.material.glyphs import SIZE, digit_pixels

TRAINED = 0.5
"""Highest standard deviation of the noise in training, of the value range."""
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9)
_HOLE = 12
_FLIPPED = 0.3
_WIDTH = 64
_SHOWN = 5


@dataclass(frozen=True)
class Repair:
    """Test digits with one kind of damage, repaired in several ways.

    Attributes:
        images: ``(5, 32, 32)`` images by row of the figure: ``damaged``, ``filter``, ``noise`` and
            ``holes`` (networks by what they were trained to repair).
        errors: RMS error on all test digits by the same names, in [0, 1].
        best: Filter with the least error on the test digits themselves.
    """

    images: dict[str, FloatArray]
    errors: dict[str, float]
    best: str


@dataclass(frozen=True)
class Denoising:
    """Two denoising autoencoders and filters on damaged test digits.

    Attributes:
        originals: ``(5, 32, 32)`` test digits, in [0, 1].
        by_level: Repairs by the standard deviation of Gaussian noise.
        salt: Repair of pixels set to black or white, a kind of noise that no network saw.
        holes: Repair of grey squares, which only the network ``holes`` saw.
    """

    originals: FloatArray
    by_level: dict[float, Repair]
    salt: Repair
    holes: Repair


def add_noise(images: Tensor, level: float | Tensor, random: torch.Generator) -> Tensor:
    """Add Gaussian noise.

    Args:
        images: ``(B, 1024)`` grey values in [0, 1].
        level: Standard deviation, or ``(B, 1)`` one for each image.
        random: Random generator.
    """
    return images + level * torch.randn(images.shape, generator=random)


def flip_pixels(images: Tensor, fraction: float, random: torch.Generator) -> Tensor:
    """Set a random ``fraction`` of the pixels to black or white (salt-and-pepper noise)."""
    chosen = torch.rand(images.shape, generator=random)
    flipped = torch.where(chosen < fraction, 0.0, images)
    return torch.where(chosen < fraction / 2, 1.0, flipped)


def cut_holes(images: Tensor, random: torch.Generator, fraction: float = 1) -> Tensor:
    """Cover a square of 12 x 12 pixels with grey, at a random place in a ``fraction`` of images."""
    corners = torch.randint(SIZE - _HOLE + 1, (2, len(images), 1), generator=random)
    line = torch.arange(SIZE)
    y, x = ((line >= corner) & (line < corner + _HOLE) for corner in corners)
    holed = torch.rand(len(images), 1, generator=random) < fraction
    hole = (y[:, :, None] & x[:, None, :]).flatten(1) & holed
    return torch.where(hole, 0.5, images)


class Damage(nn.Module):
    """Damages ``(B, 1024)`` images in training, as dropout does with units; else keeps them.

    Args:
        holes: Whether half of the images also get a hole.
        seed: Random seed.
    """

    def __init__(self, seed: int, *, holes: bool) -> None:
        super().__init__()
        self.holes = holes
        self.random = torch.Generator().manual_seed(seed)

    def forward(self, images: Tensor) -> Tensor:
        """Add noise of a random level, and holes."""
        if not self.training:
            return images
        if self.holes:
            images = cut_holes(images, self.random, 0.5)
        level = TRAINED * torch.rand(len(images), 1, generator=self.random)
        return add_noise(images, level, self.random)


def compute(
    seed: int = 0,
    images: int = 8000,
    test_images: int = 300,
    steps: int = 2500,
    on_progress: Callable[[float], None] = no_progress,
) -> Denoising:
    """Train on noisy digits, and on digits with noise and holes; the targets are undamaged.

    Vincent, Larochelle, Bengio, Manzagol (2008): Extracting and composing robust features with
    denoising autoencoders.

    Args:
        seed: Seed of digits, damage and initial weights.
        images: Number of training digits.
        test_images: Number of test digits.
        steps: Training steps of each network.
        on_progress: Progress callback; see ``Lesson``.
    """
    train, test = (
        digit_pixels(count, seed + offset, noise=0)[0]
        for offset, count in enumerate((images, test_images))
    )
    networks: dict[str, nn.Module] = {}
    for name in ("noise", "holes"):
        network = seeded_module(lambda: Autoencoder(_WIDTH, SIZE**2), seed)
        fit(
            nn.Sequential(Damage(seed, holes=name == "holes"), network),
            train,
            train,
            steps=steps,
            batch=64,
            lr=3e-3,
            seed=seed,
            loss=F.binary_cross_entropy_with_logits,
            on_step=lambda _step, _loss: on_progress(0.5 / steps),
        )
        networks[name] = network
    random = torch.Generator().manual_seed(seed + 1)
    return Denoising(
        _images(test),
        {level: _repair(networks, add_noise(test, level, random), test) for level in LEVELS},
        _repair(networks, flip_pixels(test, _FLIPPED, random), test),
        _repair(networks, cut_holes(test, random), test),
    )


def _repair(networks: dict[str, nn.Module], damaged: Tensor, test: Tensor) -> Repair:
    filtered, best = best_filter(damaged, test)
    found = {"damaged": damaged, "filter": filtered}
    found |= {name: outputs(network, damaged).sigmoid() for name, network in networks.items()}
    return Repair(
        {name: _images(images) for name, images in found.items()},
        {name: rms_error(images, test) for name, images in found.items()},
        best,
    )


def best_filter(damaged: Tensor, originals: Tensor) -> tuple[Tensor, str]:
    """Filter with the Gaussian or median filter that has the least error on these very images.

    Args:
        damaged: ``(N, 1024)`` images to filter.
        originals: ``(N, 1024)`` undamaged images.

    Returns:
        ``(N, 1024)`` filtered images in [0, 1], and the name of the filter.
    """
    images = damaged.reshape(-1, SIZE, SIZE).numpy()
    filtered = {
        f"Gaussian {sigma:g}": gaussian_filter(images, (0, sigma, sigma))
        for sigma in (0.4, 0.6, 0.8, 1, 1.25, 1.5, 2)
    }
    filtered |= {
        f"median {side} x {side}": median_filter(images, (1, side, side)) for side in (3, 5)
    }
    flat = {
        name: torch.from_numpy(found).flatten(1).clamp(0, 1) for name, found in filtered.items()
    }
    best = min(flat, key=lambda name: rms_error(flat[name], originals))
    return flat[best], best


def _images(flat: Tensor) -> FloatArray:
    return flat[:_SHOWN].reshape(-1, SIZE, SIZE).numpy()


def describe(result: Denoising) -> list[str]:
    """Describe the errors of filter and networks for each kind of damage."""
    named = {f"noise {level:g}": repair for level, repair in result.by_level.items()}
    named |= {"salt and pepper": result.salt, "holes": result.holes}
    lines = [f"RMS errors in % of the value range; training: noise 0 to {TRAINED:g}"]
    for name, repair in named.items():
        error = {key: f"{100 * value:.1f}" for key, value in repair.errors.items()}
        lines.append(
            f"{name:<15} damaged {error['damaged']:>4}, filter {error['filter']:>4} "
            f"({repair.best}), network {error['noise']:>4}, trained with holes too "
            f"{error['holes']:>4}"
        )
    return lines


def plot(result: Denoising) -> Figure:
    """Plot repaired digits by kind of damage, and the errors."""
    figure = new_figure(5.5)
    above, below = split_figure(figure, 1.5)
    level = 0.4
    shown = (
        (result.by_level[level], say("Noise {}", "Bruit de {}").format(number(level, 1))),
        (result.salt, say("Salt and pepper: never seen", "Poivre et sel : jamais vu")),
        (result.holes, say("Holes", "Trous")),
    )
    rows = (
        ("damaged", say("damaged", "abîmé")),
        ("filter", say("best filter", "meilleur filtre")),
        ("noise", say("network: noise", "réseau : bruit")),
        ("holes", say("network: + holes", "réseau : + trous")),
    )
    for number_, (axes, (repair, title)) in enumerate(
        zip(above.subplots(1, 3), shown, strict=True)
    ):
        images = [*(repair.images[name] for name, _ in rows), result.originals]
        show_image(axes, tile(np.concatenate(images), _SHOWN, gap=2), vmin=0, vmax=1)
        axes.set_title(title, loc="center")
        if number_ == 0:
            names = [*(name for _, name in rows), say("original", "original")]
            for row, name in enumerate(names):
                y = (row + 0.5) * (SIZE + 2)
                axes.text(-5, y, name, ha="right", va="center", fontsize=8.5)
    curves, bars = below.subplots(1, 2, width_ratios=(1.3, 1))
    _plot_curves(curves, result)
    _plot_bars(bars, result)
    return figure


def _styles() -> dict[str, tuple[str, str, str]]:
    return {
        "damaged": (GREY, "x", say("damaged", "abîmé")),
        "filter": (ORANGE, "s", say("best filter", "meilleur filtre")),
        "noise": (BLUE, "o", say("network: noise", "réseau : bruit")),
        "holes": (GREEN, "^", say("network: noise and holes", "réseau : bruit et trous")),
    }


def _plot_curves(axes: Axes, result: Denoising) -> None:
    axes.axvspan(0, TRAINED, color=PALE, zorder=0)
    axes.text(
        0.01,
        41.5,
        say("seen in training", "vu à l'entraînement"),
        va="top",
        color=GREY,
        fontsize=8.5,
    )
    for name, (colour, marker, label) in _styles().items():
        values = [100 * repair.errors[name] for repair in result.by_level.values()]
        axes.plot(
            [*result.by_level], values, color=colour, marker=marker, markersize=4.5, label=label
        )
    axes.set(xlim=(0, None), ylim=(0, 42))
    axes.set_xlabel(say("standard deviation of the noise", "écart type du bruit"))
    axes.set_ylabel(say("RMS error (%)", "écart quadratique moyen (%)"))
    axes.legend(loc="upper right")


def _plot_bars(axes: Axes, result: Denoising) -> None:
    for offset, (name, (colour, _, _)) in enumerate(_styles().items()):
        values = [100 * repair.errors[name] for repair in (result.salt, result.holes)]
        places = np.arange(2) + 0.2 * (offset - 1.5)
        bars = axes.bar(places, values, 0.18, color=colour)
        axes.bar_label(bars, [number(value, 1) for value in values], fontsize=7.5)
    names = say("salt and pepper", "poivre et sel"), say("holes", "trous")
    axes.set_xticks((0, 1), names)
    axes.grid(visible=False)
    axes.set(ylim=(0, 42))


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Damaged digits, repaired by the filter that suits them best and by two autoencoders, and "
        "the errors. A filter averages neighbours; a network knows digits, and repairs best what "
        "it was trained to repair (grey: noise in training).",
        "Des chiffres abîmés, réparés par le filtre le mieux réglé et par deux auto-encodeurs, et "
        "les erreurs. Un filtre combine les voisins ; un réseau connaît les chiffres, et répare le "
        "mieux ce qu'il a appris à réparer (gris : bruit de l'entraînement).",
    ),
)
