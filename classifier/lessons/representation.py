"""What layers represent: pixels of ten digits lie mixed, the last features nearly in ten heaps."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from classifier.interpretability.probes import fit_logistic
from classifier.interpretability.projection import tsne
from classifier.lessons.figure import BLUE, CLASSES, GREY, new_figure, two_parts
from classifier.lessons.fitting import FloatArray, IntArray, fit, outputs, seeded_network
from classifier.lessons.glyphs import DIGITS, glyph_tensors
from classifier.lessons.lesson import Lesson, silent

LAYERS = ("pixels", "S2", "S4", "C5", "F6")
MAPPED = ("pixels", "S4", "F6")
_PENALTY = 0.1


@dataclass(frozen=True)
class Representation:
    """Features of the same unseen digits, layer by layer.

    Attributes:
        labels: ``(N,)``.
        maps: Of each layer of ``MAPPED``: ``(N, 2)`` by t-SNE.
        widths: Numbers in each layer of ``LAYERS``.
        trained: Accuracy of a linear probe on each layer of ``LAYERS``.
        untrained: The same for the network as it was before training.
        examples: How many labelled digits each probe was fitted to.
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
    tested: int = 600,
    map_steps: int = 500,
    on_progress: Callable[[float], None] = silent,
) -> Representation:
    """Trains LeNet-5 on drawn digits, then fits a linear classifier to every layer's features.

    Alain and Bengio (2016): Understanding intermediate layers using linear classifier probes; the
    maps are by t-SNE (van der Maaten and Hinton, 2008).

    Args:
        seed: Of digits and weights.
        images: Digits that the network is trained on.
        steps: Training steps.
        examples: Labelled digits, new to the network, that each probe is fitted to.
        tested: Further digits that are mapped and that the probes are judged by.
        map_steps: Steps of t-SNE.
        on_progress: See ``Lesson``.
    """
    built = seeded_network("lenet5", 10, {"channels": 1}, seed)
    known, known_labels = glyph_tensors(examples, seed + 1, built.input)
    asked, asked_labels = glyph_tensors(tested, seed + 2, built.input)
    labels = known_labels.numpy(), asked_labels.numpy()
    untrained = _probe_all(_features(built.module, known), _features(built.module, asked), labels)
    fit(
        built.module,
        *glyph_tensors(images, seed, built.input),
        steps=steps,
        batch=64,
        lr=4e-3,
        seed=seed,
        on_step=lambda _step, _loss: on_progress(0.7 / steps),
    )
    features = _features(built.module, asked)
    trained = _probe_all(_features(built.module, known), features, labels)
    maps = {}
    for name in MAPPED:
        maps[name] = tsne(features[name], steps=map_steps, seed=seed)
        on_progress(0.3 / len(MAPPED))
    widths = {name: features[name].shape[1] for name in LAYERS}
    return Representation(labels[1], maps, widths, trained, untrained, examples)


def _features(module: nn.Module, images: Tensor) -> dict[str, FloatArray]:
    """What each of ``LAYERS`` gives, ``(N, D)``."""
    body, head = module.get_submodule("features"), module.get_submodule("head")
    assert isinstance(body, nn.Sequential)
    assert isinstance(head, nn.Sequential)
    upto = {"S2": body[:3], "S4": body[:6], "C5": body, "F6": nn.Sequential(body, head[:2])}
    found = {name: outputs(part, images).flatten(1).numpy() for name, part in upto.items()}
    return {"pixels": images.flatten(1).numpy()} | found


def _probe_all(
    known: dict[str, FloatArray], asked: dict[str, FloatArray], labels: tuple[IntArray, IntArray]
) -> dict[str, float]:
    found = {}
    for name in LAYERS:
        probe = fit_logistic(known[name], labels[0], len(DIGITS), _PENALTY)
        found[name] = float((probe.classes_of(asked[name]) == labels[1]).mean())
    return found


def describe(result: Representation) -> list[str]:
    """What a linear classifier makes of each layer."""
    lines = [
        f"{name:>6} ({result.widths[name]:>4} numbers): a linear classifier on them gets "
        f"{result.trained[name]:.1%} right; before training {result.untrained[name]:.1%}"
        for name in LAYERS
    ]
    return [
        f"Probes fitted to {result.examples} labelled digits, judged by {len(result.labels)}:",
        *lines,
    ]


def draw(result: Representation) -> Figure:
    """Maps of three layers, and the probes' accuracy by layer."""
    figure = new_figure(5.4)
    above, below = two_parts(figure, 1.45)
    titles = ("Pixels", "S4, in the middle", "F6, before the output")
    for axes, name, title in zip(above.subplots(1, 3), MAPPED, titles, strict=True):
        _draw_map(axes, result.maps[name], result.labels)
        axes.set_title(title, loc="center")
    bars = below.subplots()
    places = np.arange(len(LAYERS))
    for shift, values, colour, label in (
        (-0.2, result.untrained, GREY, "before training"),
        (0.2, result.trained, BLUE, "after"),
    ):
        heights = [100 * values[name] for name in LAYERS]
        drawn = bars.bar(places + shift, heights, 0.38, color=colour, label=label)
        bars.bar_label(drawn, [f"{height:.0f}" for height in heights], fontsize=8.5, padding=2)
    names = [f"{name}\n{result.widths[name]} numbers" for name in LAYERS]
    bars.set(ylabel="% right", ylim=(0, 112), yticks=(0, 50, 100))
    bars.set_xticks(places, names)
    bars.grid(visible=False, axis="x")
    bars.set_title(f"A linear classifier on each layer, fitted to {result.examples} digits")
    bars.legend(ncols=2, loc="upper left", bbox_to_anchor=(0.6, 1.18))
    return figure


def _draw_map(axes: Axes, points: FloatArray, labels: IntArray) -> None:
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
    edge = 0.04 * (high - low)
    axes.set(xlim=(low[0] - edge[0], high[0] + edge[0]), ylim=(low[1] - edge[1], high[1] + edge[1]))
    axes.set(xticks=(), yticks=())
    axes.spines[["top", "right"]].set_visible(True)


LESSON = Lesson(
    "representation",
    "What layers represent: from mixed pixels to features that a straight cut tells apart.",
    compute,
    describe,
    draw,
)
