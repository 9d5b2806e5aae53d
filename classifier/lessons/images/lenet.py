"""LeNet-5 classifies digits: layers, filters and feature maps."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from torch import Tensor, nn

from classifier.lessons.figure import (
    BLUE,
    GREY,
    ORANGE,
    SIGNED,
    new_figure,
    show_image,
    split_figure,
    tile,
)
from classifier.lessons.language import Text, number, percent, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import (
    FloatArray,
    count_parameters,
    fit,
    outputs,
    seeded_network,
    top1_accuracy,
)
from classifier.lessons.material.glyphs import DIGITS, glyph_tensors
from classifier.lessons.material.own_data import load_own_images, tensors
from classifier.models import BuiltNetwork


@dataclass(frozen=True)
class Layer:
    """Summary of one layer.

    Attributes:
        name: Name of the module's type.
        shape: Output shape for one image.
        parameters: Number of parameters.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int


@dataclass(frozen=True)
class LeNetTraining:
    """Training of LeNet-5.

    Attributes:
        source: Description of the training data.
        classes: Class names.
        losses: Loss of each training step.
        accuracy: Accuracy on the test images, in [0, 1].
        test_images: Number of test images.
    """

    source: str
    classes: tuple[str, ...]
    losses: list[float]
    accuracy: float
    test_images: int


@dataclass(frozen=True)
class LeNetActivations:
    """Filters of a trained LeNet-5, and its activations for one test image.

    Attributes:
        image: ``(32, 32)`` normalised test image.
        filters: ``(6, 5, 5)`` filters of the first convolution.
        first_maps: ``(6, 28, 28)`` feature maps of the first convolution.
        second_maps: ``(16, 10, 10)`` feature maps of the second convolution.
        probabilities: ``(K,)`` predicted class probabilities.
    """

    image: FloatArray
    filters: FloatArray
    first_maps: FloatArray
    second_maps: FloatArray
    probabilities: FloatArray


@dataclass(frozen=True)
class LeNetResult:
    """A trained LeNet-5.

    Attributes:
        layers: Layers from input to output.
        training: Data, losses and accuracy.
        activations: Filters and feature maps.
    """

    layers: tuple[Layer, ...]
    training: LeNetTraining
    activations: LeNetActivations


def compute(
    seed: int = 0,
    data: Path | None = None,
    images: int = 4000,
    test_images: int = 1000,
    steps: int = 600,
    on_progress: Callable[[float], None] = no_progress,
) -> LeNetResult:
    """Train on rendered digits or on the user's own images, in grey at 32 x 32 pixels.

    LeCun, Bottou, Bengio, Haffner (1998): Gradient-based learning applied to document recognition.

    Args:
        seed: Seed of the digits and of the initial weights.
        data: Folder of images, or idx files such as MNIST's; None renders digits.
        images: Number of training images.
        test_images: Number of test images.
        steps: Number of training steps, at a batch size of 64.
        on_progress: Progress callback; see ``Lesson``.

    Raises:
        MediaError: Unusable data.
    """
    form = seeded_network("lenet5", 10, {"channels": 1}, seed).input
    if data is None:
        classes, source = tuple(DIGITS), f"{images} rendered digits"
        train = glyph_tensors(images, seed, form)
        test = glyph_tensors(test_images, seed + 1, form)
    else:
        own = load_own_images(data, form, (images, test_images), seed)
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
    accuracy = top1_accuracy(built.module, *test)
    # Filters show best on the image with the highest contrast.
    clearest = int(test[0].flatten(1).std(1).argmax())
    image = test[0][clearest : clearest + 1]
    return LeNetResult(
        layer_table(built.module, image),
        LeNetTraining(source, classes, losses, accuracy, len(test[0])),
        _activations(built, image),
    )


def layer_table(module: nn.Module, image: Tensor) -> tuple[Layer, ...]:
    """List the convolution, pooling and dense layers in forward order.

    Args:
        module: Network.
        image: ``(1, C, H, W)`` input.
    """
    layers: list[Layer] = []

    def hook(layer: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        shape = tuple(output.shape[1:])
        layers.append(Layer(type(layer).__name__, shape, count_parameters(layer)))

    handles = [layer.register_forward_hook(hook) for layer in listed_layers(module)]
    outputs(module, image)
    for handle in handles:
        handle.remove()
    return tuple(layers)


def listed_layers(module: nn.Module) -> list[nn.Module]:
    """The convolution, pooling and dense layers of a network, in the order of its definition."""
    listed = (nn.Conv2d, nn.AvgPool2d, nn.MaxPool2d, nn.Linear)
    return [layer for layer in module.modules() if isinstance(layer, listed)]


def _activations(built: BuiltNetwork, image: Tensor) -> LeNetActivations:
    features = built.module.get_submodule("features")
    assert isinstance(features, nn.Sequential)
    first = features[0]
    assert isinstance(first, nn.Conv2d)
    return LeNetActivations(
        image[0, 0].numpy(),
        first.weight.detach()[:, 0].numpy(),
        outputs(features[:2], image)[0].numpy(),
        outputs(features[:5], image)[0].numpy(),
        outputs(built.module, image).softmax(1)[0].numpy(),
    )


_NAMES = ("C1", "S2", "C3", "S4", "C5", "F6", "output")


def describe(result: LeNetResult) -> list[str]:
    """Describe the layers with their output shapes and parameters, and the accuracy."""
    lines = [
        f"{name:>6} {layer.name:<9} -> {'x'.join(map(str, layer.shape)):<9} "
        f"{layer.parameters:>7,} parameters"
        for name, layer in zip(_NAMES, result.layers, strict=True)
    ]
    total = sum(layer.parameters for layer in result.layers)
    training = result.training
    return [
        *lines,
        f"{total:,} parameters in total",
        f"Trained on {training.source} for {len(training.losses)} steps: accuracy "
        f"{training.accuracy:.1%} on {training.test_images} test images",
    ]


def plot(result: LeNetResult) -> Figure:
    """Plot filters and feature maps for one image, the loss, and a table of the layers."""
    figure = new_figure(5.0)
    above, below = split_figure(figure, 0.95)
    _plot_activations(above, result.activations, result.training.classes)
    curve, table = below.subplots(1, 2, width_ratios=(1.3, 1))
    losses = result.training.losses
    curve.plot(losses, color=BLUE, linewidth=0.7, alpha=0.4)
    smooth = np.convolve(losses, np.ones(20) / 20, "valid")
    curve.plot(np.arange(len(smooth)) + 10, smooth, color=BLUE)
    curve.set(
        xlabel=say("step", "pas"), ylabel=say("cross-entropy", "entropie croisée"), ylim=(0, None)
    )
    title = say("Training loss (test accuracy {})", "Perte (exactitude au test {})")
    curve.set_title(title.format(percent(result.training.accuracy, 1)))
    _plot_table(table, result.layers)
    return figure


def _plot_activations(figure: SubFigure, found: LeNetActivations, classes: tuple[str, ...]) -> None:
    image, filters, first, second, output = figure.subplots(
        1, 5, width_ratios=(1.3, 0.9, 0.9, 1.3, 1.1)
    )
    show_image(image, found.image, say("Test image", "Image de test"))
    top = float(np.abs(found.filters).max())
    for axes, maps, columns, title, limit in (
        (filters, found.filters, 2, say("C1 filters", "Filtres C1"), top),
        (first, found.first_maps, 2, say("C1 maps", "Cartes C1"), 1),
        (second, found.second_maps, 4, say("C3 maps", "Cartes C3"), 1),
    ):
        sheet = tile(maps, columns, fill=np.nan)
        show_image(axes, sheet, title, cmap=SIGNED, vmin=-limit, vmax=limit)
    for axes in (image, filters, first, second):
        axes.set_anchor("N")
    _plot_probabilities(output, found.probabilities, classes)


def _plot_probabilities(axes: Axes, probabilities: FloatArray, classes: tuple[str, ...]) -> None:
    chosen = np.sort(np.argsort(-probabilities)[:10])
    best = int(probabilities.argmax())
    names = [classes[index][:10] for index in chosen]
    colours = [ORANGE if index == best else BLUE for index in chosen]
    axes.barh(names, probabilities[chosen], color=colours, height=0.7)
    axes.invert_yaxis()
    axes.set(xlim=(0, 1), xticks=(0, 1))
    axes.grid(visible=False)
    axes.set_title(
        say("Probabilities", "Probabilités"), fontsize=9, fontweight="normal", loc="center"
    )


def _plot_table(axes: Axes, layers: tuple[Layer, ...]) -> None:
    heads = say("layer", "couche"), say("output", "sortie"), say("parameters", "paramètres")
    rows = [
        (
            say("output", "sortie") if name == "output" else name,
            "×".join(map(str, layer.shape)),
            number(layer.parameters),
        )
        for name, layer in zip(_NAMES, layers, strict=True)
    ]
    rows.append(("total", "", number(sum(layer.parameters for layer in layers))))
    for line, cells in enumerate((heads, *rows)):
        colour = GREY if line == 0 else None
        for x, cell, side in zip((0, 0.58, 1), cells, ("left", "right", "right"), strict=True):
            axes.text(x, line, cell, ha=side, va="center", color=colour or "#1a1a1a", fontsize=8.5)
    for line in (0.5, len(rows) - 0.5):
        axes.axhline(line, color=GREY, linewidth=0.8)
    axes.set(xlim=(-0.05, 1.05), ylim=(len(rows) + 0.5, -0.6))
    axes.set_axis_off()


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Above: a test image, the six learnt filters of the first layer, maps of two layers, "
        "and the answer. Below: the loss of the training, and the layers with their "
        "parameters.",
        "En haut : une image de test, les six filtres appris de la première couche, les cartes "
        "de deux couches, et la réponse. En bas : la perte de l'entraînement, et les couches "
        "avec leurs paramètres.",
    ),
)
