"""A variational autoencoder generates digits from random codes; a plain one is not made for it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor, nn
from torch.nn import functional as F

from classifier.lessons.families.autoencoder import Autoencoder
from classifier.lessons.figure import CLASSES, INK, new_figure, show_image, split_figure, tile
from classifier.lessons.language import Text, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import (
    FloatArray,
    IntArray,
    fit,
    outputs,
    rms_error,
    seeded_module,
    seeded_network,
    top1_accuracy,
)
from classifier.lessons.material.glyphs import DIGITS, SIZE, digit_pixels
from faceswap.core.seeding import generator

_SIDE = 12
_QUANTILES = (0.02, 0.98)
_WALK = 8
_SAMPLES = 1000
_SURE = 0.9
_HIDDEN = (256, 128)


class VariationalAutoencoder(nn.Module):
    """Autoencoder whose encoder gives a normal distribution of codes.

    Kingma, Welling (2013): Auto-encoding variational Bayes.

    Args:
        width: Size of a code.
        pixels: Number of pixels.
        seed: Seed of the noise in training.
    """

    def __init__(self, width: int, pixels: int, seed: int = 0) -> None:
        super().__init__()
        plain = Autoencoder(width, pixels, _HIDDEN)
        self.encoder, self.decoder = plain.encoder, plain.decoder
        self.encoder.head = nn.Linear(self.encoder.head.in_features, 2 * width)
        self.random = torch.Generator().manual_seed(seed)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance of the codes, ``(B, width)`` each."""
        mean, log_variance = self.encoder(images).chunk(2, 1)
        return mean, log_variance

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of the pixels decoded from a sampled code, its mean and log-variance.

        The code is ``mean + deviation * noise`` (reparameterisation): randomness enters from
        outside, and gradients flow through the mean and the deviation.
        """
        mean, log_variance = self.encode(images)
        noise = torch.randn(mean.shape, generator=self.random)
        return self.decoder(mean + (log_variance / 2).exp() * noise), mean, log_variance


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of normal distributions from the standard one, in nats.

    Args:
        mean: ``(B, width)`` means.
        log_variance: ``(B, width)`` logarithms of the variances.

    Returns:
        ``(B,)`` divergences, summed over the dimensions.
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


def variational_loss(output: tuple[Tensor, Tensor, Tensor], images: Tensor) -> Tensor:
    """Reconstruction error plus divergence of the codes, in nats for each image.

    Args:
        output: Logits, mean and log-variance, as a network returns them.
        images: ``(B, pixels)`` grey values in [0, 1].
    """
    logits, mean, log_variance = output
    return reconstruction_loss(logits, images) + kl_to_standard_normal(mean, log_variance).mean()


def reconstruction_loss(logits: Tensor, images: Tensor) -> Tensor:
    """Binary cross-entropy of an image, summed over its pixels, in nats."""
    return F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)


@dataclass(frozen=True)
class CodePlane:
    """Codes of an autoencoder with two numbers each, and what it decodes from random ones.

    Attributes:
        codes: ``(N, 2)`` codes of the test digits (means of the variational one).
        samples: ``(24, 32, 32)`` images decoded from codes of the standard normal distribution, in
            [0, 1].
        sure: Fraction of such images of which a digit classifier is at least 90 % sure.
        classes: Number of digits among them, each with at least 1 % of the images.
        error: RMS error of the reconstructed test digits, in [0, 1].
    """

    codes: FloatArray
    samples: FloatArray
    sure: float
    classes: int
    error: float


@dataclass(frozen=True)
class Generation:
    """A variational and a plain autoencoder of the same size on the same digits.

    Attributes:
        labels: ``(N,)`` labels of the test digits.
        variational: Codes and samples of the variational autoencoder.
        plain: Codes and samples of the plain one, from the same random codes.
        fitted: Fraction of images that the classifier is sure of if the random codes have the mean
            and covariance of the codes of the plain one's training digits.
        grid: ``(144, 32, 32)`` digits decoded by the variational one from a grid of quantiles of
            the standard normal distribution, row by row from the top.
        walk: ``(8, 32, 32)`` digits decoded on the straight line between the codes of two test
            digits.
        divergence: Mean divergence of the codes from the standard normal distribution, in nats.
        real: Fraction of test digits of which the classifier is at least 90 % sure.
        accuracy: Accuracy of that classifier on the test digits, in [0, 1].
    """

    labels: IntArray
    variational: CodePlane
    plain: CodePlane
    fitted: float
    grid: FloatArray
    walk: FloatArray
    divergence: float
    real: float
    accuracy: float


def compute(
    seed: int = 0,
    images: int = 6000,
    test_images: int = 1000,
    steps: int = 2200,
    classifier_steps: int = 300,
    on_progress: Callable[[float], None] = no_progress,
) -> Generation:
    """Train both autoencoders, and a classifier that judges what they generate.

    Args:
        seed: Seed of digits, initial weights and codes.
        images: Number of training digits.
        test_images: Number of test digits.
        steps: Training steps of each autoencoder.
        classifier_steps: Training steps of the classifier, a LeNet-5.
        on_progress: Progress callback; see ``Lesson``.
    """
    (train, labels), (test, test_labels) = (
        digit_pixels(count, seed + offset, noise=0, variation=0)
        for offset, count in enumerate((images, test_images))
    )
    judge = nn.Sequential(
        nn.Unflatten(1, (1, SIZE, SIZE)),
        seeded_network("lenet5", len(DIGITS), {"channels": 1}, seed).module,
    )
    fit(judge, train, labels, steps=classifier_steps, batch=64, lr=4e-3, seed=seed)
    on_progress(0.2)
    plain = seeded_module(lambda: Autoencoder(2, SIZE**2, _HIDDEN), seed)
    variational = seeded_module(lambda: VariationalAutoencoder(2, SIZE**2, seed), seed)
    assert isinstance(plain, Autoencoder)
    assert isinstance(variational, VariationalAutoencoder)
    for network, loss in ((plain, reconstruction_loss), (variational, variational_loss)):
        fit(
            network,
            train,
            train,
            steps=steps,
            batch=100,
            lr=2e-3,
            seed=seed,
            loss=loss,
            on_step=lambda _step, _loss: on_progress(0.4 / steps),
        )
    with torch.no_grad():
        mean, log_variance = variational.encode(test)
        codes = plain.encoder(train)
        plain_test = plain.encoder(test)
    normal = torch.from_numpy(generator(seed, "codes").normal(size=(_SAMPLES, 2))).float()
    spread = torch.linalg.cholesky(torch.cov(codes.T) + 1e-6 * torch.eye(2))
    return Generation(
        test_labels.numpy(),
        _plane(variational.decoder, mean, test, normal, judge),
        _plane(plain.decoder, plain_test, test, normal, judge),
        _judged(judge, _decode(plain.decoder, codes.mean(0) + normal @ spread.T))[0],
        _decode(variational.decoder, _grid()).numpy().reshape(-1, SIZE, SIZE),
        _walk(variational.decoder, mean, test_labels),
        float(kl_to_standard_normal(mean, log_variance).mean()),
        _judged(judge, test)[0],
        top1_accuracy(judge, test, test_labels),
    )


def _plane(
    decoder: nn.Module, codes: Tensor, test: Tensor, random: Tensor, judge: nn.Module
) -> CodePlane:
    samples = _decode(decoder, random)
    sure, classes = _judged(judge, samples)
    error = rms_error(_decode(decoder, codes), test)
    shown = samples[:24].numpy().reshape(-1, SIZE, SIZE)
    return CodePlane(codes.numpy(), shown, sure, classes, error)


def _decode(decoder: nn.Module, codes: Tensor) -> Tensor:
    return outputs(decoder, codes).sigmoid()


def _judged(judge: nn.Module, images: Tensor) -> tuple[float, int]:
    """Fraction of images that the classifier is sure of, and the number of digits among them."""
    most, digits = outputs(judge, images).softmax(1).max(1)
    counts = torch.bincount(digits[most >= _SURE], minlength=len(DIGITS))
    return float(counts.sum() / len(images)), int((counts >= 0.01 * len(images)).sum())


def _grid() -> Tensor:
    quantiles = torch.linspace(*_QUANTILES, _SIDE)
    line = torch.distributions.Normal(0.0, 1.0).icdf(quantiles)
    return torch.cartesian_prod(line.flip(0), line).flip(1)


def _walk(decoder: nn.Module, codes: Tensor, labels: Tensor) -> FloatArray:
    """Decode the line between the two classes whose mean codes are the furthest apart."""
    centres = torch.stack([codes[labels == label].mean(0) for label in range(len(DIGITS))])
    start, end = divmod(int(torch.cdist(centres, centres).argmax()), len(DIGITS))
    ends = [
        chosen[(chosen - centres[label]).norm(dim=1).argmin()]
        for label in (start, end)
        for chosen in [codes[labels == label]]
    ]
    line = torch.lerp(ends[0], ends[1], torch.linspace(0, 1, _WALK)[:, None])
    return _decode(decoder, line).numpy().reshape(-1, SIZE, SIZE)


def describe(result: Generation) -> list[str]:
    """Describe both autoencoders, and how sure a classifier is of what they generate."""
    lines = [
        f"{name}: RMS error {100 * plane.error:.1f} %; codes reach from "
        f"{plane.codes.min():.1f} to {plane.codes.max():.1f}; classifier sure of "
        f"{plane.sure:.0%} of {_SAMPLES} random digits, {plane.classes} classes"
        for name, plane in (("Variational", result.variational), ("Plain", result.plain))
    ]
    return [
        *lines,
        f"Plain, with random codes spread as its own: classifier sure of {result.fitted:.0%}",
        f"Divergence of a code from the standard normal distribution: {result.divergence:.2f} nats",
        f"The classifier (accuracy {result.accuracy:.1%}) is sure of {result.real:.0%} of the "
        "test digits",
    ]


def plot(result: Generation) -> Figure:
    """Plot both code planes, random digits of both, the grid of the plane and a walk."""
    figure = new_figure(5.6)
    left, right = split_figure(figure, 1.15, side_by_side=True)
    planes = left.subplots(2, 2, width_ratios=(1.35, 1))
    for (codes, images), plane, name in zip(
        planes,
        (result.variational, result.plain),
        (say("Variational", "Variationnel"), say("Plain", "Simple")),
        strict=True,
    ):
        _plot_codes(codes, plane.codes, result.labels)
        codes.set_aspect("equal", adjustable="datalim")
        for radius in (1, 2):
            codes.add_patch(Circle((0, 0), radius, fill=False, color=INK, linewidth=1.2, zorder=4))
        codes.set_title(say("{}: codes", "{} : codes").format(name))
        sheet = tile(plane.samples, 4, gap=2)
        found = say("random digits:\n{} of 10 classes", "chiffres aléatoires :\n{} classes sur 10")
        show_image(images, sheet, found.format(plane.classes), vmin=0, vmax=1)
    plane, walk = right.subplots(2, 1, height_ratios=(7, 1))
    show_image(plane, tile(result.grid, _SIDE, gap=1), vmin=0, vmax=1)
    plane.set_title(say("Decoded over the plane", "Décodé sur le plan"), loc="center")
    show_image(walk, tile(result.walk, _WALK, gap=1), vmin=0, vmax=1)
    walk.set_title(say("A walk between two digits", "D'un chiffre à un autre"), loc="center")
    return figure


def _plot_codes(axes: Axes, codes: FloatArray, labels: IntArray) -> None:
    """Plot each code as a point in the colour of its class, and the class at its median."""
    for label in np.unique(labels):
        own = codes[labels == label]
        axes.plot(*own.T, ".", color=CLASSES[label], markersize=2.5)
    for label in np.unique(labels):
        x, y = np.median(codes[labels == label], axis=0)
        box = {"facecolor": "white", "edgecolor": CLASSES[label], "pad": 0.8}
        axes.text(x, y, str(label), ha="center", va="center", fontsize=7, bbox=box, zorder=5)


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Codes of test digits by class, and digits decoded from random codes of the standard "
        "normal distribution (circles: one and two deviations), with the number of classes that a "
        "classifier finds among them. The variational autoencoder keeps its codes close to this "
        "distribution: the plane (right) can be decoded nearly everywhere.",
        "Codes de chiffres de test selon leur classe, et chiffres décodés de codes aléatoires de "
        "loi normale centrée réduite (cercles : un et deux écarts types), avec le nombre de "
        "classes qu'un classifieur y trouve. L'auto-encodeur variationnel garde ses codes près de "
        "cette loi : le plan (à droite) se décode presque partout.",
    ),
)
