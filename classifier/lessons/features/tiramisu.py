"""Semantic segmentation: a small FC-DenseNet (Tiramisu) segments shapes."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from numpy.typing import NDArray
from torch import Tensor

from classifier.evaluation.pixel_scoring import class_iou, count_pixels
from classifier.lessons.figure import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    new_figure,
    show_image,
    split_figure,
    tile,
    tint,
)
from classifier.lessons.language import Text, number, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import count_parameters, fit, outputs, seeded_module
from classifier.models import build_network
from classifier.models.tiramisu import FCDenseNet
from faceswap.core.seeding import generator

KINDS = ("background", "disc", "square", "triangle")
_COLOURS = ("#e4e4e4", BLUE, ORANGE, GREEN)
_DEPTHS = (56, 67, 103)
_DOWN, _BOTTOM, _GROWTH = (2, 2), 3, 10
_SHOWN = 6


@dataclass(frozen=True)
class Segmentation:
    """A trained segmentation network and its predictions on test scenes.

    Attributes:
        images: ``(N, S, S, 3) uint8`` RGB test scenes.
        truth: ``(N, S, S)`` true classes.
        predicted: ``(N, S, S)`` predicted classes.
        iou: ``(4,)`` intersection over union of each class over all test scenes, in [0, 1].
        losses: Loss of each training step.
        parameters: Number of parameters of the trained network.
        published: Number of parameters of FC-DenseNet 56, 67 and 103 with CamVid's 11 classes.
    """

    images: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    predicted: NDArray[np.uint8]
    iou: NDArray[np.float64]
    losses: list[float]
    parameters: int
    published: dict[int, int]


def render_scenes(count: int, seed: int, size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Render plain discs, striped squares and chequered triangles on a cloudy background.

    Args:
        count: Number of scenes.
        seed: Seed of all random choices.
        size: Side of the scenes in pixels.

    Returns:
        ``(count, size, size, 3) uint8`` RGB images and ``(count, size, size) uint8`` classes.
    """
    random = generator(seed, "scenes")
    images = np.empty((count, size, size, 3), np.uint8)
    masks = np.zeros((count, size, size), np.uint8)
    for image, mask in zip(images, masks, strict=True):
        clouds = random.uniform(95, 165, (4, 4, 3)).astype(np.float32)
        ground = np.asarray(cv2.resize(clouds, (size, size), interpolation=cv2.INTER_CUBIC))
        for _ in range(random.integers(2, 5)):
            kind = int(random.integers(1, len(KINDS)))
            shape = _shape_mask(kind, size, random)
            paint = random.choice([60, 195], 3) + 50 * _pattern(kind, size, random)[..., None]
            ground[shape > 0] = paint[shape > 0]
            mask[shape > 0] = kind
        image[:] = np.clip(ground + random.normal(0, 8, ground.shape), 0, 255)
    return images, masks


def _shape_mask(kind: int, size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    mask = np.zeros((size, size), np.uint8)
    x, y = random.uniform(0.15, 0.85, 2) * size
    radius = random.uniform(0.12, 0.24) * size
    if KINDS[kind] == "disc":
        return np.asarray(cv2.circle(mask, (round(x), round(y)), round(radius), 1, -1), np.uint8)
    corners = 4 if KINDS[kind] == "square" else 3
    angles = random.uniform(0, 2 * np.pi) + 2 * np.pi * np.arange(corners) / corners
    reach = 1.2 * radius
    points = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], 1)
    return np.asarray(cv2.fillPoly(mask, [points.round().astype(np.int32)], 1), np.uint8)


def _pattern(kind: int, size: int, random: np.random.Generator) -> NDArray[np.float64]:
    """``(size, size)`` texture in [-1, 1]: constant, stripes or chequerboard, randomly rotated."""
    if KINDS[kind] == "disc":
        return np.zeros((size, size))
    y, x = np.mgrid[:size, :size]
    angle = random.uniform(0, np.pi)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    stripes = np.sign(np.sin(1.6 * along + random.uniform(0, 6)))
    return stripes if KINDS[kind] == "square" else stripes * np.sign(np.sin(1.6 * across))


def compute(
    seed: int = 0,
    size: int = 40,
    images: int = 600,
    steps: int = 250,
    batch: int = 8,
    test_images: int = 60,
    on_progress: Callable[[float], None] = no_progress,
) -> Segmentation:
    """Train on rendered scenes.

    Jegou, Drozdzal, Vazquez, Romero, Bengio (2017): The one hundred layers Tiramisu.

    Args:
        seed: Seed of the scenes and of the initial weights.
        size: Side of the scenes in pixels; a multiple of 4.
        images: Number of training scenes.
        steps: Number of training steps.
        batch: Batch size.
        test_images: Number of test scenes.
        on_progress: Progress callback; see ``Lesson``.
    """
    module = seeded_module(
        lambda: FCDenseNet(len(KINDS), _DOWN, _BOTTOM, _GROWTH, 3, 0.0, checkpoint=False), seed
    )
    scenes, masks = render_scenes(images, seed, size)
    losses = fit(
        module,
        _tensor(scenes),
        torch.from_numpy(masks).long(),
        steps=steps,
        batch=batch,
        lr=3e-3,
        seed=seed,
        on_step=lambda _step, _loss: on_progress(1 / steps),
    )
    test, truth = render_scenes(test_images, seed + 1, size)
    predicted = outputs(module, _tensor(test), batch=20).argmax(1).numpy().astype(np.uint8)
    pairs = zip(predicted, truth, strict=True)
    confusion = np.sum([count_pixels(a, b, len(KINDS)) for a, b in pairs], axis=0)
    iou, parameters = class_iou(confusion), count_parameters(module)
    return Segmentation(test, truth, predicted, iou, losses, parameters, _published_sizes())


def _tensor(scenes: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(scenes).permute(0, 3, 1, 2).contiguous() / 127.5 - 1


def _published_sizes() -> dict[int, int]:
    sizes = {}
    for depth in _DEPTHS:
        with torch.device("meta"):  # shapes without storage
            module = build_network(f"fcdensenet{depth}", 11, {}).module
        sizes[depth] = count_parameters(module)
    return sizes


def describe(result: Segmentation) -> list[str]:
    """Describe mean IoU, pixel accuracy, IoU of each class, and the sizes of the networks."""
    each = ", ".join(f"{name} {value:.2f}" for name, value in zip(KINDS, result.iou, strict=True))
    accuracy = (result.predicted == result.truth).mean()
    published = ", ".join(
        f"FC-DenseNet{depth} {count / 1e6:.2f} M" for depth, count in result.published.items()
    )
    return [
        f"{result.parameters:,} parameters, {len(result.losses)} steps: mean IoU "
        f"{result.iou.mean():.2f}, pixel accuracy {accuracy:.1%} "
        f"({len(result.images)} test scenes)",
        f"IoU: {each}",
        f"Parameters of the published networks (11 classes): {published}",
    ]


_KINDS_IN_FRENCH = ("fond", "disque", "carré", "triangle")


def plot(result: Segmentation) -> Figure:
    """Plot scenes with truth and prediction, a dense block, IoU by class, and network sizes."""
    figure = new_figure(6.6)
    above, below = split_figure(figure, 1.75)
    _plot_scenes(above.subplots(), result)
    block, iou, sizes = below.subplots(1, 3, width_ratios=(1.7, 1, 1))
    _plot_block(block)
    container = iou.barh(
        [say(*kind) for kind in zip(KINDS, _KINDS_IN_FRENCH, strict=True)],
        result.iou,
        color=_COLOURS,
        edgecolor=GREY,
        linewidth=0.6,
    )
    iou.bar_label(container, [number(value, 2) for value in result.iou], padding=2, fontsize=8.5)
    iou.set(xlim=(0, 1.25), xticks=(0, 0.5, 1))
    iou.invert_yaxis()
    iou.set_title("IoU")
    names = [say("lesson", "leçon"), *(str(depth) for depth in result.published)]
    values = np.array([result.parameters, *result.published.values()]) / 1e6
    container = sizes.barh(names, values, color=[GREY, BLUE, BLUE, BLUE])
    sizes.bar_label(container, [number(value, 2) for value in values], padding=2, fontsize=8.5)
    sizes.set(xlim=(0, 1.35 * values.max()))
    sizes.invert_yaxis()
    sizes.set_title(say("Million parameters", "Millions de paramètres"))
    for axes in (iou, sizes):
        axes.grid(visible=False, axis="y")
    return figure


def _plot_scenes(axes: Axes, result: Segmentation) -> None:
    palette = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in _COLOURS], np.uint8)
    rows = [result.images, palette[result.truth], palette[result.predicted]]
    sheet = tile(np.concatenate([row[:_SHOWN] for row in rows]), _SHOWN, gap=2, fill=255)
    show_image(axes, sheet)
    side = result.images.shape[1] + 2
    for row, text in enumerate(
        (
            say("test scene", "scène de test"),
            say("truth", "vérité"),
            say("prediction", "prédiction"),
        )
    ):
        axes.text(-3, (row + 0.5) * side, text, ha="right", va="center")


def _plot_block(axes: Axes) -> None:
    """Plot a dense block: each layer takes the block's input and all earlier layers' outputs."""
    inputs = 16
    for index in range(4):
        first = index == 0
        layer = say("layer {}", "couche {}").format(index)
        entry = say("{} input\nmaps", "{} cartes\nd'entrée").format(inputs)
        text = entry if first else f"{layer}\n+{_GROWTH}"
        axes.add_patch(
            FancyBboxPatch(
                (index - 0.32, -0.3),
                0.64,
                0.6,
                boxstyle="round,pad=0.02",
                facecolor="white" if first else tint(BLUE, 0.2),
                edgecolor=INK,
            )
        )
        axes.text(index, 0, text, ha="center", va="center", fontsize=8)
        for later in range(index + 1, 4):
            axes.add_patch(_connection(index, later))
        if not first:
            taken = say("{} in", "{} reçues").format(inputs + (index - 1) * _GROWTH)
            axes.text(index, -0.5, taken, ha="center", fontsize=8, color=GREY, va="center")
    axes.set(xlim=(-0.5, 3.5), ylim=(-0.75, 1.25))
    axes.set_axis_off()
    axes.set_title(say("Dense block", "Bloc dense"))


def _connection(index: int, later: int) -> FancyArrowPatch:
    """Arrow from one layer to a later one; bent if there are layers between them."""
    bent = later > index + 1
    height, inset = (0.32, 0) if bent else (0, 0.34)
    return FancyArrowPatch(
        (index + inset, height),
        (later - inset, height),
        connectionstyle=f"arc3,rad={-0.45 if bent else 0}",
        arrowstyle="-|>",
        mutation_scale=9,
        color=ORANGE if bent else INK,
        linewidth=1.1,
    )


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Above: scenes, their true classes and the predicted ones. Below: in a dense block "
        "each layer takes the maps of all before it; overlap with the truth (IoU) by class; "
        "and the sizes of the published networks.",
        "En haut : des scènes, leurs vraies classes et celles prédites. En bas : dans un bloc "
        "dense, chaque couche reçoit les cartes de toutes les précédentes ; recouvrement avec "
        "la vérité (IoU) par classe ; tailles des réseaux publiés.",
    ),
)
