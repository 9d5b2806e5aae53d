"""LeNet-5 learns to tell digits, layer by layer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from classifier.lessons.figure import (
    BLUE,
    GREY,
    ORANGE,
    SIGNED,
    new_figure,
    show_image,
    tile,
    two_parts,
)
from classifier.lessons.fitting import FloatArray, fit, outputs, seeded_network, share_right
from classifier.lessons.glyphs import DIGITS, glyph_tensors
from classifier.lessons.lesson import Lesson, silent
from classifier.lessons.own_data import load_own_images, tensors
from classifier.models import BuiltNetwork


@dataclass(frozen=True)
class Layer:
    """A layer: its name, the shape of what it gives for an image, how many numbers it has."""

    name: str
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class LeNetLesson:
    """A trained LeNet-5, opened up.

    Attributes:
        layers: From input to output.
        source: What it was trained on, in words.
        classes: Their names.
        losses: Of each training step.
        accuracy: On ``tested`` images that it was not trained on.
        tested: How many.
        image: ``(32, 32)`` one of those.
        filters: ``(6, 5, 5)`` of the first layer.
        first_maps: ``(6, 28, 28)`` what they make of the image.
        second_maps: ``(16, 10, 10)`` what the second convolution makes of it.
        chances: ``(classes,)`` the answer.
    """

    layers: tuple[Layer, ...]
    source: str
    classes: tuple[str, ...]
    losses: list[float]
    accuracy: float
    tested: int
    image: FloatArray
    filters: FloatArray
    first_maps: FloatArray
    second_maps: FloatArray
    chances: FloatArray


def compute(
    seed: int = 0,
    data: Path | None = None,
    images: int = 4000,
    tested: int = 1000,
    steps: int = 600,
    on_progress: Callable[[float], None] = silent,
) -> LeNetLesson:
    """Trains on digits drawn with fonts, or on the user's own images, in grey at 32 x 32 pixels.

    LeCun, Bottou, Bengio, Haffner (1998): Gradient-based learning applied to document recognition.

    Args:
        seed: Of digits and weights.
        data: Folder of images, or idx files such as MNIST's; None draws digits.
        images: How many to train on.
        tested: How many to count on.
        steps: Training steps of 64 images.
        on_progress: See ``Lesson``.

    Raises:
        MediaError: The data cannot be used.
    """
    form = seeded_network("lenet5", 10, {"channels": 1}, seed).input
    if data is None:
        classes, source = tuple(DIGITS), f"{images} digits drawn with fonts"
        train = glyph_tensors(images, seed, form)
        test = glyph_tensors(tested, seed + 1, form)
    else:
        own = load_own_images(data, form, (images, tested), seed)
        classes, source = own.classes, f"{len(own.train)} images of {data.name}"
        train, test = tensors(own.train, form), tensors(own.test, form)
    built = seeded_network("lenet5", len(classes), {"channels": 1}, seed)
    losses = fit(
        built.module,
        *train,
        steps=steps,
        batch=64,
        lr=4e-3,
        seed=seed,
        on_step=lambda _step, _loss: on_progress(1 / steps),
    )
    right = share_right(built.module, *test)
    # The image of most contrast: it shows best what filters do.
    clearest = int(test[0].flatten(1).std(1).argmax())
    facts = LeNetFacts(source, classes, losses, right, len(test[0]))
    return _open_up(built, test[0][clearest : clearest + 1], facts)


@dataclass(frozen=True)
class LeNetFacts:
    """What is known of a training besides the network."""

    source: str
    classes: tuple[str, ...]
    losses: list[float]
    accuracy: float
    tested: int


def layer_table(module: nn.Module, image: Tensor) -> tuple[Layer, ...]:
    """The layers that hold or halve something, in the order in which an image passes them."""
    layers: list[Layer] = []

    def note(layer: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        count = sum(parameter.numel() for parameter in layer.parameters())
        layers.append(Layer(type(layer).__name__, tuple(output.shape[1:]), count))

    wanted = (nn.Conv2d, nn.AvgPool2d, nn.Linear)
    handles = [
        part.register_forward_hook(note) for part in module.modules() if isinstance(part, wanted)
    ]
    outputs(module, image)
    for handle in handles:
        handle.remove()
    return tuple(layers)


def _open_up(built: BuiltNetwork, image: Tensor, facts: LeNetFacts) -> LeNetLesson:
    features = built.module.get_submodule("features")
    assert isinstance(features, nn.Sequential)
    first = features[0]
    assert isinstance(first, nn.Conv2d)
    return LeNetLesson(
        layer_table(built.module, image),
        facts.source,
        facts.classes,
        facts.losses,
        facts.accuracy,
        facts.tested,
        image[0, 0].numpy(),
        first.weight.detach()[:, 0].numpy(),
        outputs(features[:2], image)[0].numpy(),
        outputs(features[:5], image)[0].numpy(),
        outputs(built.module, image).softmax(1)[0].numpy(),
    )


_NAMES = ("C1", "S2", "C3", "S4", "C5", "F6", "output")


def describe(result: LeNetLesson) -> list[str]:
    """The layers with their shapes and parameters, and the accuracy."""
    lines = [
        f"{name:>6} {layer.name:<9} -> {'x'.join(map(str, layer.shape)):<9} "
        f"{layer.parameters:>7,} parameters"
        for name, layer in zip(_NAMES, result.layers, strict=True)
    ]
    total = sum(layer.parameters for layer in result.layers)
    return [
        *lines,
        f"{total:,} parameters in all.",
        f"Trained on {result.source} in {len(result.losses)} steps: {result.accuracy:.1%} of "
        f"{result.tested} others right.",
    ]


def draw(result: LeNetLesson) -> Figure:
    """One image on its way through the layers, the loss, and the layers' sizes."""
    figure = new_figure(5.0)
    above, below = two_parts(figure, 0.95)
    image, filters, first, second, chances = above.subplots(
        1, 5, width_ratios=(1.3, 0.9, 0.9, 1.3, 1.1)
    )
    show_image(image, result.image, "An unseen image")
    top = float(np.abs(result.filters).max())
    sheet = tile(result.filters, 2, fill=np.nan)
    show_image(filters, sheet, "C1 filters", cmap=SIGNED, vmin=-top, vmax=top)
    show_image(first, _sheet(result.first_maps, 2), "C1 maps", cmap=SIGNED, vmin=-1, vmax=1)
    show_image(second, _sheet(result.second_maps, 4), "C3 maps", cmap=SIGNED, vmin=-1, vmax=1)
    for axes in (image, filters, first, second):
        axes.set_anchor("N")
    _draw_chances(chances, result)
    curve, table = below.subplots(1, 2, width_ratios=(1.3, 1))
    curve.plot(result.losses, color=BLUE, linewidth=0.7, alpha=0.4)
    smooth = np.convolve(result.losses, np.ones(20) / 20, "valid")
    curve.plot(np.arange(len(smooth)) + 10, smooth, color=BLUE)
    curve.set(xlabel="step", ylabel="cross-entropy", ylim=(0, None))
    curve.set_title(f"Loss; at the end {result.accuracy:.1%} of unseen images are right")
    _draw_table(table, result.layers)
    return figure


def _sheet(maps: FloatArray, columns: int) -> NDArray[np.floating]:
    return tile(maps, columns, fill=np.nan)


def _draw_chances(axes: Axes, result: LeNetLesson) -> None:
    chosen = np.argsort(-result.chances)[:10]
    chosen = np.sort(chosen)
    best = int(result.chances.argmax())
    names = [result.classes[index][:10] for index in chosen]
    colours = [ORANGE if index == best else BLUE for index in chosen]
    axes.barh(names, result.chances[chosen], color=colours, height=0.7)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xticks=(0, 1))
    axes.grid(visible=False)
    axes.set_title("Output", fontsize=9, fontweight="normal", loc="center")


def _draw_table(axes: Axes, layers: tuple[Layer, ...]) -> None:
    heads = ("layer", "gives", "parameters")
    rows = [
        (name, "×".join(map(str, layer.shape)), f"{layer.parameters:,}")
        for name, layer in zip(_NAMES, layers, strict=True)
    ]
    rows.append(("all", "", f"{sum(layer.parameters for layer in layers):,}"))
    for line, cells in enumerate((heads, *rows)):
        colour = GREY if line == 0 else None
        for x, cell, side in zip((0, 0.58, 1), cells, ("left", "right", "right"), strict=True):
            axes.text(x, line, cell, ha=side, va="center", color=colour or "#1a1a1a", fontsize=8.5)
    for line in (0.5, len(rows) - 0.5):
        axes.axhline(line, color=GREY, linewidth=0.8)
    axes.set(xlim=(-0.05, 1.05), ylim=(len(rows) + 0.5, -0.6))
    axes.set_axis_off()


LESSON = Lesson(
    "lenet",
    "LeNet-5 learns to tell digits: shapes, parameters, filters and maps, layer by layer.",
    compute,
    describe,
    draw,
)
