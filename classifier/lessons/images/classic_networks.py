"""LeNet-5, AlexNet and VGG-16, layer by layer, and all three on the same digits."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from skimage import data
from torch import Tensor, nn

from classifier.lessons.figure import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    new_figure,
    show_image,
    tint,
)
from classifier.lessons.images.lenet import layer_table, listed_layers
from classifier.lessons.language import Text, number, percent, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import (
    count_parameters,
    fit,
    seeded_module,
    seeded_network,
    top1_accuracy,
)
from classifier.lessons.material.glyphs import DIGITS, SIZE, glyph_tensors, render_glyphs
from classifier.models import BuiltNetwork, build_network
from classifier.models.formats import signed_format

_BATCH = 32
_RATES = {"LeNet-5": 4e-3, "AlexNet": 1e-3, "VGG-16": 1e-3}
_COLOURS = {"LeNet-5": BLUE, "AlexNet": ORANGE, "VGG-16": GREEN}


@dataclass(frozen=True)
class ClassicLayer:
    """One layer of a network.

    Attributes:
        kind: "conv", "mean" or "max" (pooling), or "dense".
        kernel: Side of its window in pixels of its input; 0 for dense layers.
        stride: Stride of the window.
        shape: Output shape for one image.
        parameters: Number of parameters.
        field: Side of the receptive field of an output, in pixels of the image.
    """

    kind: str
    kernel: int
    stride: int
    shape: tuple[int, ...]
    parameters: int
    field: int


@dataclass(frozen=True)
class ClassicNetwork:
    """A network as published.

    Attributes:
        name: Name of the network.
        year: Year of its publication.
        side: Side of its images in pixels.
        layers: Layers from input to output.
    """

    name: str
    year: int
    side: int
    layers: tuple[ClassicLayer, ...]

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def dense(self) -> float:
        """Fraction of the parameters in dense layers."""
        dense = sum(layer.parameters for layer in self.layers if layer.kind == "dense")
        return dense / self.parameters


@dataclass(frozen=True)
class Trial:
    """A network of the design trained on digits.

    Attributes:
        name: Name of the network.
        parameters: Number of parameters.
        losses: Training loss of each step.
        accuracy: Accuracy on the test images, in [0, 1].
        seconds: Processor time of the training in seconds; it varies from run to run.
    """

    name: str
    parameters: int
    losses: list[float]
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class ClassicNetworks:
    """Three networks as published, and small ones of their designs on the same digits.

    Attributes:
        networks: Networks as published.
        trials: Trainings of the small networks.
        steps: Number of training steps of each.
        narrowing: Factor by which AlexNet and VGG are narrower than published.
    """

    networks: tuple[ClassicNetwork, ...]
    trials: tuple[Trial, ...]
    steps: int
    narrowing: int


def compute(
    seed: int = 0,
    images: int = 3000,
    test_images: int = 500,
    steps: int = 1000,
    narrowing: int = 8,
    on_progress: Callable[[float], None] = no_progress,
) -> ClassicNetworks:
    """Take the published networks apart, and train small ones of the same design on digits.

    LeCun et al. (1998): Gradient-based learning applied to document recognition; Krizhevsky et al.
    (2012): ImageNet classification with deep convolutional neural networks; Simonyan and Zisserman
    (2015): Very deep convolutional networks for large-scale image recognition.

    Args:
        seed: Seed of the digits and of the initial weights.
        images: Number of training images.
        test_images: Number of test images.
        steps: Number of training steps of each network.
        narrowing: Factor by which AlexNet and VGG are made narrower.
        on_progress: Progress callback; see ``Lesson``.
    """
    # The meta device has shapes but no storage: nothing is allocated.
    with torch.device("meta"):
        lenet = build_network("lenet5", 10, {"channels": 1})
        alexnet = build_network("alexnet", 1000, {})
        vgg = build_network("vgg16", 1000, {})
        networks = (
            take_apart("LeNet-5", 1998, lenet),
            take_apart("AlexNet", 2012, alexnet),
            take_apart("VGG-16", 2014, vgg),
        )
    # AlexNet's strides and windows without padding leave no output of 32 x 32 pixels.
    enlarge = nn.Upsample(scale_factor=2, mode="bilinear")
    small = {
        "LeNet-5": seeded_network("lenet5", len(DIGITS), {"channels": 1}, seed).module,
        "AlexNet": seeded_module(lambda: narrowed(alexnet.module, narrowing, enlarge), seed),
        "VGG-16": seeded_module(lambda: narrowed(vgg.module, narrowing), seed),
    }
    form = signed_format(SIZE, 1)
    train, test = glyph_tensors(images, seed, form), glyph_tensors(test_images, seed + 1, form)
    trials = tuple(
        _train(name, module, train, test, steps, seed, lambda: on_progress(1 / (3 * steps)))
        for name, module in small.items()
    )
    return ClassicNetworks(networks, trials, steps, narrowing)


def _train(
    name: str,
    module: nn.Module,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    steps: int,
    seed: int,
    on_step: Callable[[], None],
) -> Trial:
    begun = time.process_time()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # for dropout
        losses = fit(
            module,
            *train,
            steps=steps,
            batch=_BATCH,
            lr=_RATES[name],
            seed=seed,
            on_step=lambda _step, _loss: on_step(),
        )
    seconds = time.process_time() - begun
    accuracy = top1_accuracy(module, *test)
    return Trial(name, count_parameters(module), losses, accuracy, seconds)


def take_apart(name: str, year: int, built: BuiltNetwork) -> ClassicNetwork:
    """List the layers of a network with their output shapes, parameters and receptive fields.

    Args:
        name: Name of the network.
        year: Year of its publication.
        built: Network, convolutions and pooling first, then dense layers.
    """
    form = built.input
    table = layer_table(built.module, torch.zeros(1, form.channels, form.size, form.size))
    windows = [_window(layer) for layer in listed_layers(built.module)]
    fields = receptive_fields((kernel, stride) for _, kernel, stride in windows if kernel)
    fields += [form.size] * (len(windows) - len(fields))
    layers = tuple(
        ClassicLayer(*window, layer.shape, layer.parameters, field)
        for window, layer, field in zip(windows, table, fields, strict=True)
    )
    return ClassicNetwork(name, year, form.size, layers)


def _window(layer: nn.Module) -> tuple[str, int, int]:
    """Kind, kernel and stride of a layer; 0 and 1 for dense ones."""
    if isinstance(layer, nn.Linear):
        return "dense", 0, 1
    assert isinstance(layer, nn.Conv2d | nn.AvgPool2d | nn.MaxPool2d)
    kinds = {nn.Conv2d: "conv", nn.AvgPool2d: "mean", nn.MaxPool2d: "max"}
    kind = next(kind for each, kind in kinds.items() if isinstance(layer, each))
    kernel, stride = (np.ravel(size)[0] for size in (layer.kernel_size, layer.stride))
    return kind, int(kernel), int(stride)


def receptive_fields(windows: Iterable[tuple[int, int]]) -> list[int]:
    """Sides of the receptive fields of layers that follow each other, in pixels of the image.

    A window of k outputs of the layer before sees its field and k - 1 times the distance of two
    neighbouring outputs; that distance is the product of the strides so far.

    Args:
        windows: Kernel and stride of each layer.
    """
    field, distance, fields = 1, 1, []
    for kernel, stride in windows:
        field += (kernel - 1) * distance
        distance *= stride
        fields.append(field)
    return fields


def narrowed(module: nn.Module, factor: int, *before: nn.Module) -> nn.Sequential:
    """Build AlexNet or VGG for digits, with fewer channels and units in each layer.

    Kernels, strides, padding, pooling and dropout stay as they are.

    Args:
        module: Network as published.
        factor: Divisor of all channels and units.
        before: Layers to put before the network.
    """
    layers = [*before]
    last = [layer for layer in module.modules() if isinstance(layer, nn.Linear)][-1]
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            wide = layer.out_channels // factor
            layers.append(nn.LazyConv2d(wide, layer.kernel_size, layer.stride, layer.padding))  # type: ignore[arg-type]
        elif isinstance(layer, nn.AdaptiveAvgPool2d):
            layers.append(nn.Flatten())
        elif isinstance(layer, nn.Linear):
            units = len(DIGITS) if layer is last else layer.out_features // factor
            layers.append(nn.LazyLinear(units))
        elif isinstance(layer, nn.ReLU | nn.MaxPool2d | nn.Dropout):
            layers.append(layer)
    narrow = nn.Sequential(*layers)
    with torch.no_grad():
        narrow(torch.zeros(1, 1, SIZE, SIZE))  # creates the weights
    for layer in narrow:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            # For ReLU (He et al. 2015): with smaller weights a signal does not get through VGG.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return narrow


def describe(result: ClassicNetworks) -> list[str]:
    """Describe parameters, receptive fields, the stack of small kernels, and the trainings."""
    lines = []
    for each in result.networks:
        last = [layer for layer in each.layers if layer.kernel][-1]
        weighted = sum(layer.parameters > 0 for layer in each.layers)
        lines.append(
            f"{each.name} ({each.year}): {weighted} layers with weights, {each.parameters:,} "
            f"parameters, {each.dense:.0%} of them in dense layers; receptive field of the last "
            f"map {last.field} of {each.side} pixels"
        )
    stack = receptive_fields([(3, 1), (3, 1)])[-1]
    lines.append(
        f"Two 3x3 convolutions see {stack}x{stack} pixels with 2*9*C*C = 18*C*C weights; one 5x5 "
        "has 25*C*C (C channels in and out)"
    )
    for each in result.trials:
        lines.append(
            f"{each.name:>7} on digits, {result.steps:,} steps: {each.parameters:,} parameters, "
            f"accuracy {each.accuracy:.1%}, {each.seconds:.0f} s"
        )
    return lines


_CHANGES = {
    "LeNet-5": Text("tanh, mean pooling", "tanh, moyennes"),
    "AlexNet": Text("ReLU, dropout, overlapping max", "ReLU, dropout, max recouvrants"),
    "VGG-16": Text("3×3 only, deeper", "rien que des 3×3, plus profond"),
}


def plot(result: ClassicNetworks) -> Figure:
    """Plot the layers with parameters and receptive fields, and the results on digits."""
    figure = new_figure(8.6)
    above, middle, below = np.asarray(figure.subfigures(3, 1, height_ratios=(2, 1.1, 0.8))).tolist()
    rows = max(len(each.layers) for each in result.networks)
    most = max(layer.parameters for each in result.networks for layer in each.layers)
    for axes, each in zip(above.subplots(1, 3), result.networks, strict=True):
        _plot_layers(axes, each, rows, most)
    for axes, each in zip(middle.subplots(1, 3), result.networks, strict=True):
        _plot_fields(axes, each)
    _plot_trials(below, result)
    return figure


def _plot_layers(axes: Axes, network: ClassicNetwork, rows: int, most: int) -> None:
    """Write a table of the layers, with a bar on a logarithmic scale behind the parameters."""
    places = ((0, "left"), (0.52, "right"), (0.67, "right"), (0.71, "left"))
    heads = (
        say("layer", "couche"),
        say("output", "sortie"),
        say("field", "champ"),
        say("parameters", "paramètres"),
    )
    table = [heads]
    for layer in network.layers:
        shape, count = "×".join(map(str, layer.shape)), layer.parameters
        table.append((_layer_name(layer), shape, str(layer.field), number(count) if count else ""))
    table.append(("total", "", "", number(network.parameters)))
    for row, cells in enumerate(table):
        for (x, side), cell in zip(places, cells, strict=True):
            colour = GREY if row == 0 else "#1a1a1a"
            axes.text(x, row, cell, ha=side, va="center", fontsize=7, color=colour)
    for row, layer in enumerate(network.layers, 1):
        if layer.parameters:
            colour = tint(ORANGE if layer.kind == "dense" else BLUE, 0.4)
            axes.barh(
                row, 0.29 * np.log10(layer.parameters) / np.log10(most), 0.85, 0.7, color=colour
            )
    axes.set(xlim=(0, 1), ylim=(rows + 1.6, -0.6))
    axes.set_axis_off()
    axes.set_title(f"{network.name} ({network.year})\n")
    axes.text(0, 1, str(_CHANGES[network.name]), transform=axes.transAxes, va="bottom", fontsize=8)


def _layer_name(layer: ClassicLayer) -> str:
    if layer.kind == "dense":
        return "dense"
    kind = say(layer.kind, {"mean": "moy."}.get(layer.kind, layer.kind))
    stride = f"/{layer.stride}" if layer.stride > 1 else ""
    return f"{kind} {layer.kernel}×{layer.kernel}{stride}"


def _plot_fields(axes: Axes, network: ClassicNetwork) -> None:
    """Draw the receptive fields of the last convolution before each pooling or dense layer."""
    side = network.side
    if side == SIZE:
        image = render_glyphs(1, 0, "5")[0][0]
    else:
        image = cv2.resize(data.astronaut(), (side, side), interpolation=cv2.INTER_AREA)
    pairs = zip(network.layers, network.layers[1:], strict=False)
    fields = [one.field for one, after in pairs if one.kind == "conv" != after.kind]
    show_image(axes, image)
    for field in fields:
        corner = (side - field) / 2 - 0.5
        axes.add_patch(
            Rectangle((corner, corner), field, field, fill=False, edgecolor=ORANGE, linewidth=1.6)
        )
    axes.set_title(
        say("Fields: {} of {} pixels", "Champs : {} sur {} pixels").format(
            ", ".join(map(str, fields)), side
        ),
        fontsize=8.5,
        fontweight="normal",
        loc="center",
    )


def _plot_trials(figure: SubFigure, result: ClassicNetworks) -> None:
    curves, bars, stack = figure.subplots(1, 3)
    window = max(1, result.steps // 50)
    for each in result.trials:
        losses = np.convolve(each.losses, np.full(window, 1 / window), "valid")
        steps = np.arange(window, window + len(losses))
        curves.plot(steps, losses, color=_COLOURS[each.name], linewidth=1.6, label=each.name)
    curves.set(xlabel=say("step", "pas"), ylim=(0, None))
    curves.set_title(say("Training loss on digits", "Perte, chiffres"), fontsize=9)
    curves.legend(loc="upper right", fontsize=7.5)
    seconds = [each.seconds for each in result.trials]
    names = [each.name for each in result.trials]
    container = bars.barh(names, seconds, color=[_COLOURS[name] for name in names], height=0.65)
    texts = [f"{number(each.seconds, 1)} s · {percent(each.accuracy, 1)}" for each in result.trials]
    bars.bar_label(container, texts, padding=3, fontsize=8)
    bars.set(xlim=(0, 2 * max(*seconds, 0.1)), xlabel="s")
    bars.invert_yaxis()
    bars.grid(visible=False, axis="y")
    bars.set_title(say("Time · test accuracy", "Durée · exactitude (test)"), fontsize=9)
    _plot_stack(stack)


def _plot_stack(axes: Axes) -> None:
    """Draw the weights of a 5x5 kernel, and of two 3x3 kernels that see as much."""
    for x, y, side, colour in ((0, 0, 5, GREY), (7.5, -0.3, 3, GREEN), (7.5, 3.3, 3, GREEN)):
        for row, column in np.ndindex(side, side):
            axes.add_patch(
                Rectangle(
                    (x + column, y + row), 1, 1, facecolor=tint(colour, 0.4), edgecolor="white"
                )
            )
    axes.text(2.5, 6.9, say("one: 25", "un seul : 25"), ha="center", va="center")
    axes.text(9, 6.9, say("two: 18", "deux : 18"), ha="center", va="center")
    axes.set(xlim=(-0.5, 12), ylim=(7.6, -0.6), aspect="equal")
    axes.set_axis_off()
    title = say("5×5 pixels seen, weights:", "5×5 pixels vus, poids :")
    axes.set_title(title, fontsize=9)


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Above: every layer with its kernel (/2: stride 2), output, receptive field in pixels and "
        "parameters (bars: logarithmic; blue convolutions, orange dense layers). Middle: what an "
        "output of the last convolution of each stage sees. Below: small networks of the three "
        "designs, trained with equally many steps.",
        "En haut : chaque couche avec son noyau (/2 : décalage de 2), sa sortie, son champ "
        "récepteur en pixels et ses paramètres (barres logarithmiques ; bleu : convolutions, "
        "orange : couches denses). Au milieu : ce que voit une sortie de la dernière convolution "
        "de chaque étage. En bas : de petits réseaux des trois types, entraînés avec autant de "
        "pas.",
    ),
)
