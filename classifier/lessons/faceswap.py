"""The idea of a face swap in small: one encoder for both faces, and a decoder for each of them."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from classifier.lessons.figure import BLUE, GREY, ORANGE, new_figure, show_image, tile, two_parts
from classifier.lessons.fitting import seeded_module
from classifier.lessons.lesson import Lesson, silent
from classifier.lessons.portraits import collins, hopper, varied_crops
from faceswap.core.seeding import generator

_SIZE = 64
_SHOWN = 5


class Encoder(nn.Module):
    """``(B, 3, 64, 64)`` -> ``(B, 48, 8, 8)``, through ``code`` numbers.

    The narrow middle leaves room for pose, size and light, which both people share, and none for
    the pixels of a face.
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
    """``(B, 48, 8, 8)`` -> ``(B, 3, 64, 64)`` in [0, 1]; three doublings by PixelShuffle."""
    widths = (48, 48, 24, 16)
    doublings = [
        layer
        for before, after in pairwise(widths)
        for layer in (nn.Conv2d(before, 4 * after, 3, 1, 1), nn.LeakyReLU(0.1), nn.PixelShuffle(2))
    ]
    layers = nn.Sequential(*doublings, nn.Conv2d(widths[-1], 3, 5, 1, 2), nn.Sigmoid())
    return layers.apply(_he_normal)


def _he_normal(module: nn.Module) -> None:
    """He et al. (2015): with torch's own smaller weights the code says nothing for 300 steps."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="leaky_relu")
        assert module.bias is not None
        nn.init.zeros_(module.bias)


@dataclass(frozen=True)
class Swaps:
    """A trained pair, and what it makes of crops it has never seen.

    Attributes:
        names: Of the two people.
        history: ``(steps, 2)`` mean absolute error of each person's training crops.
        faces: ``(2, N, 64, 64, 3)`` crops of each person, in [0, 1].
        same: The same crops through the person's own decoder.
        swapped: And through the other person's.
        error: Mean absolute error of ``same``, for each person.
        mean_error: That of answering with the mean crop, whatever is asked.
        gap: Mean absolute difference of the two decoders' answers to the same code.
    """

    names: tuple[str, str]
    history: NDArray[np.float64]
    faces: NDArray[np.float32]
    same: NDArray[np.float32]
    swapped: NDArray[np.float32]
    error: tuple[float, float]
    mean_error: tuple[float, float]
    gap: float


def compute(
    seed: int = 0,
    steps: int = 700,
    crops: int = 300,
    batch: int = 8,
    code: int = 24,
    on_progress: Callable[[float], None] = silent,
) -> Swaps:
    """Trains on warped crops of two portraits to give the crops as they were, then swaps decoders.

    The scheme is that of the first face-swapping network (deepfakes, 2017).

    Args:
        seed: Decides about weights, crops and their order.
        steps: Training steps, each on ``batch`` crops of each person.
        crops: Training crops made of each portrait.
        batch: See ``steps``.
        code: Width of the encoder's narrowest layer.
        on_progress: See ``Lesson``.
    """
    people = (collins(), hopper())
    pairs = [varied_crops(person, crops, _SIZE, seed) for person in people]
    warped, whole = (torch.stack([_tensor(pair[part]) for pair in pairs]) for part in (0, 1))
    encoder = seeded_module(lambda: Encoder(code), seed)
    decoders = [seeded_module(new_decoder, seed + which) for which in (1, 2)]
    history = _train(encoder, decoders, warped, whole, steps, batch, seed, on_progress)
    faces = torch.stack([_tensor(varied_crops(p, 24, _SIZE, seed + 1)[1]) for p in people])
    with torch.no_grad():
        codes = [encoder(own) for own in faces]
        same = torch.stack([decoders[i](codes[i]) for i in (0, 1)])
        swapped = torch.stack([decoders[1 - i](codes[i]) for i in (0, 1)])
    means = whole.mean(1, keepdim=True)
    return Swaps(
        (people[0].name, people[1].name),
        history,
        _pictures(faces),
        _pictures(same),
        _pictures(swapped),
        _errors(same, faces),
        _errors(means.expand_as(faces), faces),
        float((same - swapped).abs().mean()),
    )


def _tensor(crops: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous() / 255


def _pictures(faces: Tensor) -> NDArray[np.float32]:
    return faces.permute(0, 1, 3, 4, 2).numpy()


def _errors(guesses: Tensor, faces: Tensor) -> tuple[float, float]:
    first, second = (guesses - faces).abs().mean((1, 2, 3, 4)).tolist()
    return first, second


def _train(
    encoder: nn.Module,
    decoders: list[nn.Module],
    warped: Tensor,
    whole: Tensor,
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
        chosen = torch.from_numpy(random.integers(whole.shape[1], size=(2, batch)))
        losses = [
            F.l1_loss(decoders[i](encoder(warped[i, chosen[i]])), whole[i, chosen[i]])
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
    """Errors against the mean crop, and how far the decoders are apart."""
    lines = [
        f"{name}: unseen crops come back with a mean error of {100 * error:.1f} % of white "
        f"(always answering with the mean crop: {100 * mean:.1f} %)"
        for name, error, mean in zip(result.names, result.error, result.mean_error, strict=True)
    ]
    return [
        *lines,
        f"The two decoders' answers to the same code differ by {100 * result.gap:.1f} %: "
        "the code says how a face is turned and lit, the decoder says whose it is.",
        "The whole job, with video and sound: faceswap demo",
    ]


def draw(result: Swaps) -> Figure:
    """Unseen crops, the same through both decoders, and the error over the steps."""
    figure = new_figure(5.0)
    faces, curve = two_parts(figure, 2.2, beside=True)
    axes = faces.subplots(2, 1)
    for which, panel in enumerate(axes):
        own, other = (result.names[index].split()[-1] for index in (which, 1 - which))
        rows = [part[which, :_SHOWN] for part in (result.faces, result.same, result.swapped)]
        sheet = tile(np.concatenate(rows), _SHOWN, gap=2)
        show_image(panel, sheet)
        panel.set_anchor("E")  # what is left is for the names of the rows
        for row, text in enumerate((f"{own} goes in", "her own decoder", f"{other}'s decoder")):
            panel.text(-6, (row + 0.5) * (_SIZE + 2), text, ha="right", va="center")
    plot = curve.subplots()
    for which, colour in enumerate((BLUE, ORANGE)):
        smooth = np.convolve(result.history[:, which], np.ones(15) / 15, "valid")
        plot.plot(100 * smooth, color=colour, label=result.names[which])
        mean = 100 * result.mean_error[which]
        plot.axhline(mean, color=colour, linewidth=1, linestyle=":")
    plot.axhline(np.nan, color=GREY, linewidth=1, linestyle=":", label="always the mean crop")
    plot.set(xlabel="step", ylabel="error, % of white", ylim=(0, None))
    plot.set_title("Error in training")
    plot.legend(loc="upper right")
    return figure


LESSON = Lesson(
    "faceswap",
    "One encoder, two decoders: a face goes in, the other person's face comes out.",
    compute,
    describe,
    draw,
)
