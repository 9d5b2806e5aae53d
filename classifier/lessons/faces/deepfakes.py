"""A minimal face swap: one shared encoder and one decoder per identity."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from classifier.lessons.figure import BLUE, GREY, ORANGE, new_figure, show_image, split_figure, tile
from classifier.lessons.language import Text, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import seeded_module
from classifier.lessons.material.portraits import collins, hopper, varied_crops
from faceswap.core.seeding import generator

_SIZE = 64
_SHOWN = 5


class Encoder(nn.Module):
    """Shared encoder, ``(B, 3, 64, 64)`` -> ``(B, 48, 8, 8)``, with a narrow bottleneck.

    The bottleneck can encode what both identities have in common, such as pose, scale and light,
    but not the appearance of a face.

    Args:
        code: Size of the bottleneck.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        widths = (3, 24, 48, 96, 128)
        halvings = [
            layer
            for before, after in pairwise(widths)
            for layer in (nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.1))
        ]
        self.layers = nn.Sequential(
            *halvings,
            nn.Flatten(),
            nn.Linear(128 * 4 * 4, code),
            nn.Linear(code, 48 * 8 * 8),
            nn.Unflatten(1, (48, 8, 8)),
            nn.LeakyReLU(0.1),
        )
        self.apply(_he_normal)

    def forward(self, faces: Tensor) -> Tensor:
        """``(B, 3, 64, 64)`` in [0, 1] -> ``(B, 48, 8, 8)``."""
        return self.layers(faces)


def new_decoder() -> nn.Sequential:
    """Build a decoder, ``(B, 48, 8, 8)`` -> ``(B, 3, 64, 64)`` in [0, 1], with PixelShuffle."""
    widths = (48, 48, 24, 16)
    doublings = [
        layer
        for before, after in pairwise(widths)
        for layer in (nn.Conv2d(before, 4 * after, 3, 1, 1), nn.LeakyReLU(0.1), nn.PixelShuffle(2))
    ]
    layers = nn.Sequential(*doublings, nn.Conv2d(widths[-1], 3, 5, 1, 2), nn.Sigmoid())
    return layers.apply(_he_normal)


def _he_normal(module: nn.Module) -> None:
    """He initialisation (He et al., 2015); PyTorch's default starts to learn 300 steps later."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="leaky_relu")
        assert module.bias is not None
        nn.init.zeros_(module.bias)


@dataclass(frozen=True)
class Swaps:
    """Held-out crops reconstructed and swapped by a trained model.

    Attributes:
        names: Names of the two identities.
        history: ``(steps, 2)`` mean absolute error on the training crops of each identity.
        faces: ``(2, N, 64, 64, 3)`` held-out crops of each identity, in [0, 1].
        reconstructed: ``(2, N, 64, 64, 3)`` the same crops, decoded by their own decoder.
        swapped: ``(2, N, 64, 64, 3)`` the same crops, decoded by the other decoder.
        error: Mean absolute error of ``reconstructed`` for each identity, in [0, 1].
        baseline: Mean absolute error of the mean training crop, in [0, 1].
        difference: Mean absolute difference of ``reconstructed`` and ``swapped``, in [0, 1].
    """

    names: tuple[str, str]
    history: NDArray[np.float64]
    faces: NDArray[np.float32]
    reconstructed: NDArray[np.float32]
    swapped: NDArray[np.float32]
    error: tuple[float, float]
    baseline: tuple[float, float]
    difference: float


def compute(
    seed: int = 0,
    steps: int = 700,
    crops: int = 300,
    batch: int = 8,
    code: int = 24,
    on_progress: Callable[[float], None] = no_progress,
) -> Swaps:
    """Train two decoders to undo random warps of two portraits' crops, then swap the decoders.

    This is the training of the first face-swap network (deepfakes, 2017).

    Args:
        seed: Seed of the initial weights, of the crops and of their order.
        steps: Number of training steps.
        crops: Number of training crops of each portrait.
        batch: Crops of each identity in a step.
        code: Size of the encoder's bottleneck.
        on_progress: Progress callback; see ``Lesson``.
    """
    portraits = (collins(), hopper())
    pairs = [varied_crops(portrait, crops, _SIZE, seed) for portrait in portraits]
    warped, targets = (torch.stack([_tensor(pair[kind]) for pair in pairs]) for kind in (0, 1))
    encoder = seeded_module(lambda: Encoder(code), seed)
    decoders = [seeded_module(new_decoder, seed + number) for number in (1, 2)]
    history = _train(encoder, decoders, warped, targets, steps, batch, seed, on_progress)
    faces = torch.stack([_tensor(varied_crops(p, 24, _SIZE, seed + 1)[1]) for p in portraits])
    with torch.no_grad():
        codes = [encoder(own) for own in faces]
        reconstructed = torch.stack([decoders[i](codes[i]) for i in (0, 1)])
        swapped = torch.stack([decoders[1 - i](codes[i]) for i in (0, 1)])
    means = targets.mean(1, keepdim=True)
    return Swaps(
        (portraits[0].name, portraits[1].name),
        history,
        _arrays(faces),
        _arrays(reconstructed),
        _arrays(swapped),
        _errors(reconstructed, faces),
        _errors(means.expand_as(faces), faces),
        float((reconstructed - swapped).abs().mean()),
    )


def _tensor(crops: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous() / 255


def _arrays(faces: Tensor) -> NDArray[np.float32]:
    return faces.permute(0, 1, 3, 4, 2).numpy()  # (2, N, 3, H, W) -> (2, N, H, W, 3)


def _errors(decoded: Tensor, faces: Tensor) -> tuple[float, float]:
    first, second = (decoded - faces).abs().mean((1, 2, 3, 4)).tolist()
    return first, second


def _train(
    encoder: nn.Module,
    decoders: list[nn.Module],
    warped: Tensor,
    targets: Tensor,
    steps: int,
    batch: int,
    seed: int,
    on_progress: Callable[[float], None],
) -> NDArray[np.float64]:
    networks = nn.ModuleList([encoder, *decoders])
    optimizer = torch.optim.AdamW(networks.parameters(), lr=1e-3, betas=(0.5, 0.999))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    random = generator(seed, "batches")
    history = np.empty((steps, 2))
    for step in range(steps):
        chosen = torch.from_numpy(random.integers(targets.shape[1], size=(2, batch)))
        losses = [
            F.l1_loss(decoders[i](encoder(warped[i, chosen[i]])), targets[i, chosen[i]])
            for i in (0, 1)
        ]
        optimizer.zero_grad()
        torch.stack(losses).sum().backward()
        optimizer.step()
        schedule.step()
        history[step] = [loss.item() for loss in losses]
        on_progress(1 / steps)
    return history


def describe(result: Swaps) -> list[str]:
    """Describe the reconstruction errors and the difference between the two decoders."""
    lines = [
        f"{name}: mean absolute error {100 * error:.1f} % on held-out crops "
        f"(mean training crop: {100 * mean:.1f} %)"
        for name, error, mean in zip(result.names, result.error, result.baseline, strict=True)
    ]
    return [
        *lines,
        f"The outputs of the two decoders for the same code differ by "
        f"{100 * result.difference:.1f} %",
        "Complete pipeline, with video and sound: faceswap demo",
    ]


def plot(result: Swaps) -> Figure:
    """Plot held-out crops decoded by both decoders, and the training error over the steps."""
    figure = new_figure(5.0)
    faces, curve = split_figure(figure, 2.2, side_by_side=True)
    for identity, panel in enumerate(faces.subplots(2, 1)):
        _plot_faces(panel, result, identity)
    axes = curve.subplots()
    for identity, colour in enumerate((BLUE, ORANGE)):
        smooth = np.convolve(result.history[:, identity], np.ones(15) / 15, "valid")
        axes.plot(
            np.arange(len(smooth)) + 8, 100 * smooth, color=colour, label=result.names[identity]
        )
        mean = 100 * result.baseline[identity]
        axes.axhline(mean, color=colour, linewidth=1, linestyle=":")
    axes.axhline(
        np.nan,
        color=GREY,
        linewidth=1,
        linestyle=":",
        label=say("mean training crop", "visage moyen"),
    )
    axes.set(xlabel=say("step", "pas"), ylim=(0, None))
    axes.set_ylabel(say("mean absolute error (%)", "erreur absolue moyenne (%)"))
    axes.set_title(say("Training error", "Erreur d'entraînement"))
    axes.legend(loc="upper right")
    return figure


def _plot_faces(axes: Axes, result: Swaps, identity: int) -> None:
    own, other = (result.names[index].split()[-1] for index in (identity, 1 - identity))
    images = (result.faces, result.reconstructed, result.swapped)
    rows = [faces[identity, :_SHOWN] for faces in images]
    show_image(axes, tile(np.concatenate(rows), _SHOWN, gap=2))
    axes.set_anchor("E")  # leaves room for the row labels on the left
    decoder = say("{}'s decoder", "décodeur de {}")
    texts = say("input: {}", "entrée : {}").format(own), decoder.format(own), decoder.format(other)
    for row, text in enumerate(texts):
        axes.text(-6, (row + 0.5) * (_SIZE + 2), text, ha="right", va="center")


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Two people share an encoder; each has a decoder. Decoded by its own decoder, a face "
        "is rebuilt; by the other one, the pose stays and the person changes.",
        "Deux personnes partagent un encodeur ; chacune a son décodeur. Décodé par le sien, un "
        "visage est reconstruit ; par l'autre, la pose reste et la personne change.",
    ),
    synthetic=True,
)
