"""What the layers of a CNN represent: its filters, and maps, probes and neighbours by features."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from torch import Tensor, nn

from classifier.interpretability.probes import fit_logistic
from classifier.interpretability.projection import tsne
from classifier.lessons.figure import (
    BLUE,
    CLASSES,
    GREY,
    ORANGE,
    SIGNED,
    new_figure,
    show_image,
    split_figure,
    tile,
)
from classifier.lessons.language import Text, percent, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import FloatArray, IntArray, fit, outputs, seeded_network
from classifier.lessons.material.glyphs import DIGITS, SIZE, glyph_tensors

LAYERS = ("pixels", "S2", "S4", "C5", "F6")
MAPPED = ("pixels", "S4", "F6")
COMPARED = ("pixels", "F6")
_PENALTY = 0.1
_NEIGHBOURS = 5
_QUERIES = (3, 5, 8)


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
        filters: ``(2, 6, 5, 5)`` filters of the first layer, before and after training.
        digits: ``(N, 32, 32)`` test digits.
        neighbours: ``(N, 5)`` indices of the nearest other test digits by each layer in
            ``COMPARED``, the nearest first.
        untrained_neighbours: Neighbours by F6 before training, likewise.
    """

    labels: IntArray
    maps: dict[str, FloatArray]
    widths: dict[str, int]
    trained: dict[str, float]
    untrained: dict[str, float]
    examples: int
    filters: FloatArray
    digits: FloatArray
    neighbours: dict[str, IntArray]
    untrained_neighbours: IntArray

    def agreement(self, neighbours: IntArray) -> float:
        """Fraction of neighbours that have the label of their query."""
        return float((self.labels[neighbours] == self.labels[:, None]).mean())


def nearest_others(features: FloatArray, count: int = _NEIGHBOURS) -> IntArray:
    """Indices of the nearest other rows of ``(N, D)`` features, ``(N, count)``, nearest first."""
    distances = cdist(features, features)
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1, kind="stable")[:, :count]


def compute(
    seed: int = 0,
    images: int = 4000,
    steps: int = 600,
    examples: int = 200,
    test_images: int = 600,
    map_steps: int = 500,
    on_progress: Callable[[float], None] = no_progress,
) -> Representation:
    """Train LeNet-5 on rendered digits; probe and compare the features of its layers.

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
    raw = _features(built.module, test)
    untrained = _probe_all(_features(built.module, fitted), raw, labels)
    first = built.module.get_parameter("features.0.weight")
    filters = [first.detach().numpy()[:, 0].copy()]
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
    filters.append(first.detach().numpy()[:, 0].copy())
    return Representation(
        labels[1],
        maps,
        widths,
        trained,
        untrained,
        examples,
        np.stack(filters),
        test[:, 0].numpy(),
        {name: nearest_others(features[name]) for name in COMPARED},
        nearest_others(raw["F6"]),
    )


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
    """Describe the accuracy of the linear probe on each layer, and the neighbours' labels."""
    lines = [
        f"{name:>6} ({result.widths[name]:>4} features): accuracy {result.trained[name]:.1%}, "
        f"before training {result.untrained[name]:.1%}"
        for name in LAYERS
    ]
    return [
        f"Linear probes fitted on {result.examples} labelled digits, tested on "
        f"{len(result.labels)}:",
        *lines,
        f"Nearest {_NEIGHBOURS} other digits with the same label: "
        + ", ".join(
            f"{result.agreement(result.neighbours[name]):.1%} by {name}" for name in COMPARED
        )
        + f", {result.agreement(result.untrained_neighbours):.1%} by F6 before training",
    ]


def plot(result: Representation) -> Figure:
    """Plot filters and neighbours, maps of three layers, and the probes' accuracy by layer."""
    figure = new_figure(7.1)
    filters, rest = split_figure(figure, 0.3)
    _plot_filters_and_neighbours(filters, result)
    above, below = split_figure(rest, 1.45)
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
        (-0.2, result.untrained, GREY, say("before training", "avant l'entraînement")),
        (0.2, result.trained, BLUE, say("after training", "après l'entraînement")),
    ):
        heights = [100 * values[name] for name in LAYERS]
        container = bars.bar(positions + shift, heights, 0.38, color=colour, label=label)
        bars.bar_label(container, [f"{height:.0f}" for height in heights], fontsize=8.5, padding=2)
    names = [
        say("{}\n{} features", "{}\n{} valeurs").format(name, result.widths[name])
        for name in LAYERS
    ]
    bars.set(ylabel=say("accuracy (%)", "exactitude (%)"), ylim=(0, 112), yticks=(0, 50, 100))
    bars.set_xticks(positions, names)
    bars.grid(visible=False, axis="x")
    title = say("Linear probes fitted on {} digits", "Sondes linéaires ajustées sur {} chiffres")
    bars.set_title(title.format(result.examples))
    bars.legend(ncols=2, loc="upper right", bbox_to_anchor=(1.01, 1.18))
    return figure


def _plot_filters_and_neighbours(figure: SubFigure, result: Representation) -> None:
    panels = np.asarray(figure.subplots(1, 3, width_ratios=(1.15, 1, 1)))
    first, by_layer = panels[0], panels[1:]
    largest = np.abs(result.filters).max()
    sheet = tile(result.filters.reshape(-1, 5, 5), 6, fill=0)
    show_image(first, sheet, cmap=SIGNED, vmin=-largest, vmax=largest)
    first.set_title(say("Filters of the first layer", "Filtres de la 1re couche"), loc="center")
    for row, name in enumerate((say("before", "avant"), say("after", "après"))):
        first.text(-1.2, 6 * row + 2, name, ha="right", va="center", fontsize=8.5)
    names = (say("by pixels", "(pixels)"), say("by F6", "(F6)"))
    for axes, layer, name in zip(by_layer, COMPARED, names, strict=True):
        _plot_neighbours(axes, result, result.neighbours[layer])
        agreement = percent(result.agreement(result.neighbours[layer]))
        title = say("Nearest {}: {} right", "Voisins {} : {} justes").format(name, agreement)
        axes.set_title(title, loc="center")


def _plot_neighbours(axes: Axes, result: Representation, neighbours: IntArray) -> None:
    """A query a row, then its neighbours; those of another class are framed."""
    queries = [int(np.flatnonzero(result.labels == digit)[0]) for digit in _QUERIES]
    rows = [np.r_[query, neighbours[query]] for query in queries]
    show_image(axes, _sheet(result.digits[np.concatenate(rows)], 1 + _NEIGHBOURS))
    side = SIZE + 2
    axes.axvline(side - 1.5, color=BLUE, lw=2)
    for row, shown in enumerate(rows):
        for column, index in enumerate(shown):
            if result.labels[index] != _QUERIES[row]:
                corner = (column * side - 0.5, row * side - 0.5)
                frame = Rectangle(corner, SIZE, SIZE, fill=False, ec=ORANGE, lw=2)
                axes.add_patch(frame)


def _sheet(digits: FloatArray, columns: int) -> NDArray[np.float32]:
    return tile(digits, columns, gap=2, fill=float(digits.max()))


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
        "Top: the first filters, and three digits with their nearest neighbours (orange: another "
        "digit). Middle: digits as points of two dimensions, by what a layer says of them; the "
        "deeper the layer, the better the classes separate. Bottom: how well a linear classifier "
        "reads each layer.",
        "En haut : les premiers filtres, et trois chiffres avec leurs plus proches voisins (en "
        "orange : un autre chiffre). Au milieu : des chiffres comme points du plan, selon ce "
        "qu'une couche en dit ; plus la couche est profonde, mieux les classes se séparent. En "
        "bas : ce qu'un classifieur linéaire lit dans chaque couche.",
    ),
)
