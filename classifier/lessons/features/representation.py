"""What layers represent: t-SNE maps and linear probes of a CNN's features, layer by layer."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from classifier.interpretability.probes import fit_logistic
from classifier.interpretability.projection import tsne
from classifier.lessons.figure import BLUE, CLASSES, GREY, new_figure, split_figure
from classifier.lessons.language import Text, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import FloatArray, IntArray, fit, outputs, seeded_network
from classifier.lessons.material.glyphs import DIGITS, glyph_tensors

LAYERS = ("pixels", "S2", "S4", "C5", "F6")
MAPPED = ("pixels", "S4", "F6")
_PENALTY = 0.1


@dataclass(frozen=True)
class Representation:
    """Features of the same test digits, layer by layer.

    Attributes:
        labels: ``(N,)`` labels of the test digits.
        maps: ``(N, 2)`` t-SNE map of each layer in ``MAPPED``.
        widths: Number of features of each layer in ``LAYERS``.
        trained: Test accuracy of a linear probe on each layer in ``LAYERS``, in [0, 1].
        untrained: Probe accuracies of the untrained network, in [0, 1].
        examples: Number of labelled digits each probe was fitted on.
    """

    labels: IntArray
    maps: dict[str, FloatArray]
    widths: dict[str, int]
    trained: dict[str, float]
    untrained: dict[str, float]
    examples: int


def compute(
    seed: int = 0,
    images: int = 4000,
    steps: int = 600,
    examples: int = 200,
    test_images: int = 600,
    map_steps: int = 500,
    on_progress: Callable[[float], None] = no_progress,
) -> Representation:
    """Train LeNet-5 on rendered digits and fit a linear probe to the features of every layer.

    Alain and Bengio (2016): Understanding intermediate layers using linear classifier probes.
    Maps by t-SNE (van der Maaten and Hinton, 2008).

    Args:
        seed: Seed of the digits and of the initial weights.
        images: Number of digits the network is trained on.
        steps: Number of training steps.
        examples: Number of other labelled digits each probe is fitted on.
        test_images: Number of further digits that are mapped and that the probes are tested on.
        map_steps: Number of steps of t-SNE.
        on_progress: Progress callback; see ``Lesson``.
    """
    built = seeded_network("lenet5", 10, {"channels": 1}, seed)
    fitted, fitted_labels = glyph_tensors(examples, seed + 1, built.input)
    test, test_labels = glyph_tensors(test_images, seed + 2, built.input)
    labels = fitted_labels.numpy(), test_labels.numpy()
    untrained = _probe_all(_features(built.module, fitted), _features(built.module, test), labels)
    fit(
        built.module,
        *glyph_tensors(images, seed, built.input),
        steps=steps,
        batch=64,
        lr=4e-3,
        seed=seed,
        on_step=lambda _step, _loss: on_progress(0.7 / steps),
    )
    features = _features(built.module, test)
    trained = _probe_all(_features(built.module, fitted), features, labels)
    maps = {}
    for name in MAPPED:
        maps[name] = tsne(features[name], steps=map_steps, seed=seed)
        on_progress(0.3 / len(MAPPED))
    widths = {name: features[name].shape[1] for name in LAYERS}
    return Representation(labels[1], maps, widths, trained, untrained, examples)


def _features(module: nn.Module, images: Tensor) -> dict[str, FloatArray]:
    """``(N, D)`` features of each layer in ``LAYERS``."""
    body, head = module.get_submodule("features"), module.get_submodule("head")
    assert isinstance(body, nn.Sequential)
    assert isinstance(head, nn.Sequential)
    upto = {"S2": body[:3], "S4": body[:6], "C5": body, "F6": nn.Sequential(body, head[:2])}
    found = {name: outputs(layers, images).flatten(1).numpy() for name, layers in upto.items()}
    return {"pixels": images.flatten(1).numpy()} | found


def _probe_all(
    train: dict[str, FloatArray], test: dict[str, FloatArray], labels: tuple[IntArray, IntArray]
) -> dict[str, float]:
    accuracy = {}
    for name in LAYERS:
        probe = fit_logistic(train[name], labels[0], len(DIGITS), _PENALTY)
        accuracy[name] = float((probe.predict(test[name]) == labels[1]).mean())
    return accuracy


def describe(result: Representation) -> list[str]:
    """Describe the accuracy of the linear probe on each layer."""
    lines = [
        f"{name:>6} ({result.widths[name]:>4} features): accuracy {result.trained[name]:.1%}, "
        f"before training {result.untrained[name]:.1%}"
        for name in LAYERS
    ]
    return [
        f"Linear probes fitted on {result.examples} labelled digits, tested on "
        f"{len(result.labels)}:",
        *lines,
    ]


def plot(result: Representation) -> Figure:
    """Plot maps of three layers, and the probes' accuracy by layer."""
    figure = new_figure(5.4)
    above, below = split_figure(figure, 1.45)
    titles = (
        "Pixels",
        say("S4 (middle layer)", "S4 (couche du milieu)"),
        say("F6 (last hidden layer)", "F6 (dernière couche cachée)"),
    )
    for axes, name, title in zip(above.subplots(1, 3), MAPPED, titles, strict=True):
        _plot_map(axes, result.maps[name], result.labels)
        axes.set_title(title, loc="center")
    bars = below.subplots()
    positions = np.arange(len(LAYERS))
    for shift, values, colour, label in (
        (-0.2, result.untrained, GREY, say("before training", "avant l'apprentissage")),
        (0.2, result.trained, BLUE, say("after training", "après l'apprentissage")),
    ):
        heights = [100 * values[name] for name in LAYERS]
        container = bars.bar(positions + shift, heights, 0.38, color=colour, label=label)
        bars.bar_label(container, [f"{height:.0f}" for height in heights], fontsize=8.5, padding=2)
    names = [
        say("{}\n{} features", "{}\n{} traits").format(name, result.widths[name]) for name in LAYERS
    ]
    bars.set(ylabel=say("accuracy (%)", "exactitude (%)"), ylim=(0, 112), yticks=(0, 50, 100))
    bars.set_xticks(positions, names)
    bars.grid(visible=False, axis="x")
    title = say("Linear probes fitted on {} digits", "Sondes linéaires ajustées sur {} chiffres")
    bars.set_title(title.format(result.examples))
    bars.legend(ncols=2, loc="upper left", bbox_to_anchor=(0.6, 1.18))
    return figure


def _plot_map(axes: Axes, points: FloatArray, labels: IntArray) -> None:
    for (x, y), label in zip(points, labels, strict=True):
        axes.text(
            x,
            y,
            DIGITS[label],
            color=CLASSES[label],
            fontsize=6.5,
            fontweight="bold",
            ha="center",
            va="center",
        )
    low, high = points.min(0), points.max(0)
    pad = 0.04 * (high - low)
    axes.set(xlim=(low[0] - pad[0], high[0] + pad[0]), ylim=(low[1] - pad[1], high[1] + pad[1]))
    axes.set(xticks=(), yticks=())
    axes.spines[["top", "right"]].set_visible(True)


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Above: digits as points of two dimensions, by what a layer says of them; the deeper "
        "the layer, the better the classes separate. Below: how well a linear classifier reads "
        "each layer.",
        "En haut : des chiffres comme points du plan, selon ce qu'une couche en dit ; plus la "
        "couche est profonde, mieux les classes se séparent. En bas : ce qu'un classifieur "
        "linéaire lit dans chaque couche.",
    ),
)
