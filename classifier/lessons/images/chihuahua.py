"""Chihuahua or muffin? A program of rules, the numbers of a picture, and a network."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from skimage.color import rgb2gray, rgb2hsv
from skimage.filters import sobel

from classifier.data import LoadedImages
from classifier.lessons.figure import (
    BLUE,
    CLASSES,
    GREY,
    INK,
    ORANGE,
    new_figure,
    plot_points,
    show_image,
    split_figure,
    tile,
)
from classifier.lessons.language import Text, percent, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.fitting import FloatArray, IntArray, fit, outputs, seeded_network
from classifier.lessons.material.own_data import load_own_images, tensors
from classifier.lessons.material.photos import class_name
from classifier.lessons.material.stand_ins import CAT_OR_COFFEE, stand_ins
from faceswap.core.errors import MediaError

MEASURES = ("brown", "dark", "edges")
_MEASURED = {
    "brown": Text("brown pixels", "pixels bruns"),
    "dark": Text("dark pixels", "pixels sombres"),
    "edges": Text("edges", "contours"),
}
_PATCH = 8


@dataclass(frozen=True)
class Rule:
    """One rule of the program: a threshold on one measure of a picture.

    Attributes:
        measure: One of ``MEASURES``.
        threshold: Value from which the answer is ``above``.
        above: Class of pictures with at least the threshold; other pictures are of the other class.
    """

    measure: str
    threshold: float
    above: int

    def answer(self, measures: FloatArray) -> IntArray:
        """Classify pictures by their ``(N, 3)`` measures."""
        reached = measures[:, MEASURES.index(self.measure)] >= self.threshold
        return np.where(reached, self.above, 1 - self.above)


@dataclass(frozen=True)
class Scores:
    """Balanced accuracy, the mean of the accuracies on both classes, in [0, 1].

    Attributes:
        train: Value on the training pictures.
        test: Value on the test pictures.
    """

    train: float
    test: float


@dataclass(frozen=True)
class ChihuahuaResult:
    """A program of rules and a network on the same pictures.

    Attributes:
        classes: Names of the two classes.
        shown: ``(12, S, S, 3) uint8`` training pictures: six of the first class, then six of the
            second.
        corner: Row and column of the patch in the first shown picture, in pixels.
        measures: ``(N, 3)`` measures of the test pictures, in the order of ``MEASURES``, in [0, 1].
        labels: ``(N,)`` classes of the test pictures.
        rules: Rules with their thresholds.
        rule_scores: Score of each rule alone.
        program: Score of the program, the majority of its rules.
        network: Score of the network.
        pictures: Number of training and of test pictures.
    """

    classes: tuple[str, ...]
    shown: NDArray[np.uint8]
    corner: tuple[int, int]
    measures: FloatArray
    labels: IntArray
    rules: tuple[Rule, ...]
    rule_scores: tuple[Scores, ...]
    program: Scores
    network: Scores
    pictures: tuple[int, int]


def compute(
    seed: int = 0,
    data: Path | None = None,
    pictures: tuple[int, int] = (800, 400),
    steps: int = 400,
    on_progress: Callable[[float], None] = no_progress,
) -> ChihuahuaResult:
    """Tune a program of three rules, and train a network, on the same pictures of two classes.

    Args:
        seed: Seed of the pictures and of the initial weights.
        data: Folder with one sub-folder for each of two classes; None uses windows of two photos.
        pictures: Largest number of training and of test pictures.
        steps: Training steps of the network, a LeNet-5 with colours and ReLU.
        on_progress: Progress callback; see ``Lesson``.

    Raises:
        MediaError: Unusable data, or other than two classes.
    """
    built = seeded_network("lenet5", 2, {"activation": "relu"}, seed)
    if data is None:
        found = stand_ins(CAT_OR_COFFEE, pictures, built.input.size, seed)
    else:
        found = load_own_images(data, built.input, pictures, seed)
        if len(found.classes) != 2:
            raise MediaError(
                f"Expected two classes, found {len(found.classes)} in {data}.",
                "Give a folder with two sub-folders of images.",
            )
    train, test = (measure(split.images) for split in (found.train, found.test))
    labels, wanted = (split.labels.astype(np.int64) for split in (found.train, found.test))
    rules = tuple(tune_rule(name, train, labels) for name in MEASURES)
    inputs, targets = tensors(found.train, built.input)
    fit(
        built.module,
        inputs,
        targets,
        steps=steps,
        batch=64,
        lr=2e-3,
        seed=seed,
        on_step=lambda _step, _loss: on_progress(1 / steps),
    )
    answers = [
        outputs(built.module, tensors(split, built.input)[0]).argmax(1).numpy()
        for split in (found.train, found.test)
    ]
    shown = _shown(found.train)
    return ChihuahuaResult(
        found.classes,
        shown,
        _most_varied(shown[0]),
        test,
        wanted,
        rules,
        tuple(
            Scores(
                balanced_accuracy(rule.answer(train), labels),
                balanced_accuracy(rule.answer(test), wanted),
            )
            for rule in rules
        ),
        Scores(
            balanced_accuracy(majority(rules, train), labels),
            balanced_accuracy(majority(rules, test), wanted),
        ),
        Scores(balanced_accuracy(answers[0], labels), balanced_accuracy(answers[1], wanted)),
        (len(found.train), len(found.test)),
    )


def measure(images: NDArray[np.uint8]) -> FloatArray:
    """Measure what a programmer might look for in pictures.

    Args:
        images: ``(N, 3, S, S) uint8`` RGB pictures.

    Returns:
        ``(N, 3)``: the fraction of brown pixels, the fraction of pixels that are dark for their
        picture (eyes?), and the mean strength of edges (fur?).
    """
    rows = []
    for image in images.transpose(0, 2, 3, 1):
        hue, saturation, _ = np.moveaxis(rgb2hsv(image), -1, 0)
        grey = rgb2gray(image)
        brown = (hue >= 0.02) & (hue < 0.12) & (saturation > 0.3)
        rows.append((brown.mean(), (grey < 0.5 * grey.mean()).mean(), sobel(grey).mean()))
    return np.array(rows, np.float32)


def tune_rule(name: str, measures: FloatArray, labels: IntArray) -> Rule:
    """Choose the threshold and the side of a rule that suit the training pictures best."""
    values = measures[:, MEASURES.index(name)]
    candidates = [
        Rule(name, float(value), above) for value in np.unique(values) for above in (0, 1)
    ]
    return max(candidates, key=lambda rule: balanced_accuracy(rule.answer(measures), labels))


def majority(rules: tuple[Rule, ...], measures: FloatArray) -> IntArray:
    """The class that most of the rules answer."""
    answers = np.stack([rule.answer(measures) for rule in rules])
    return (2 * answers.sum(0) > len(rules)).astype(np.int64)


def balanced_accuracy(answers: IntArray, labels: IntArray) -> float:
    """Mean of the accuracies on each class, in [0, 1]: 0.5 is guessing between two."""
    return float(np.mean([(answers[labels == each] == each).mean() for each in np.unique(labels)]))


def _shown(images: LoadedImages) -> NDArray[np.uint8]:
    chosen = [np.resize(np.flatnonzero(images.labels == label), 6) for label in (0, 1)]
    return images.images[np.concatenate(chosen)].transpose(0, 2, 3, 1)


def _most_varied(image: NDArray[np.uint8]) -> tuple[int, int]:
    """Corner of the patch whose values differ most: something is there."""
    patches = np.lib.stride_tricks.sliding_window_view(image[..., 0], (_PATCH, _PATCH))
    spread = patches.std((2, 3))
    row, column = np.unravel_index(spread.argmax(), spread.shape)
    return int(row), int(column)


def describe(result: ChihuahuaResult) -> list[str]:
    """Describe the rules, and the scores of the program and of the network."""
    first, second = result.classes
    lines = [
        f"{first} or {second}: {result.pictures[0]} training and {result.pictures[1]} test "
        "pictures of 32 x 32 pixels; accuracy is the mean of both classes, 50% is guessing"
    ]
    for rule, scores in zip(result.rules, result.rule_scores, strict=True):
        lines.append(
            f"Rule: {_MEASURED[rule.measure].english} >= {rule.threshold:.3f} -> "
            f"{result.classes[rule.above]}: {_both(scores)}"
        )
    lines.append(f"Program, the majority of the rules: {_both(result.program)}")
    lines.append(f"Network trained on the same pictures: {_both(result.network)}")
    return lines


def _both(scores: Scores) -> str:
    return f"training {scores.train:.1%}, test {scores.test:.1%}"


def plot(result: ChihuahuaResult) -> Figure:
    """Plot pictures, the numbers of a patch, the plane of two measures, and the scores."""
    figure = new_figure(5.9)
    above, below = split_figure(figure, 1)
    _plot_pictures(above, result)
    plane, bars = below.subplots(1, 2, width_ratios=(1, 1.15))
    _plot_plane(plane, result)
    _plot_scores(bars, result)
    return figure


def _plot_pictures(figure: SubFigure, result: ChihuahuaResult) -> None:
    first, second, patch = figure.subplots(1, 3, width_ratios=(0.62, 0.62, 1))
    for axes, label in ((first, 0), (second, 1)):
        pictures = tile(result.shown[6 * label : 6 * label + 6], 2, gap=2, fill=255)
        show_image(axes, pictures, class_name(result.classes[label]))
        axes.title.set(color=CLASSES[label], fontweight="bold")
    row, column = result.corner
    frame = Rectangle(
        (column - 0.5, row - 0.5), _PATCH, _PATCH, fill=False, edgecolor=ORANGE, linewidth=2
    )
    first.add_patch(frame)
    red = result.shown[0, row : row + _PATCH, column : column + _PATCH, 0]
    title = say("Red values of the framed patch, 0 to 255", "Valeurs de rouge du carré, 0 à 255")
    show_image(patch, red, title, vmin=0, vmax=255)
    for (y, x), value in np.ndenumerate(red):
        colour = INK if value > 120 else "white"
        patch.text(x, y, str(value), ha="center", va="center", color=colour, fontsize=8)


def _plot_plane(axes: Axes, result: ChihuahuaResult) -> None:
    brown, dark = (
        next(rule for rule in result.rules if rule.measure == name) for name in MEASURES[:2]
    )
    plot_points(axes, 100 * result.measures[:, :2], result.labels, size=14)
    axes.axvline(100 * brown.threshold, color=GREY, linestyle="--", linewidth=1.2)
    axes.axhline(100 * dark.threshold, color=GREY, linestyle="--", linewidth=1.2)
    axes.set_xlabel(say("brown pixels (%)", "pixels bruns (%)"))
    axes.set_ylabel(say("dark pixels (%)", "pixels sombres (%)"))
    axes.set_title(say("Test pictures, two of the rules", "Images de test, deux des règles"))


def _plot_scores(axes: Axes, result: ChihuahuaResult) -> None:
    rows = [
        *(
            (f"{say('rule:', 'règle :')} {_MEASURED[rule.measure]}", scores)
            for rule, scores in zip(result.rules, result.rule_scores, strict=True)
        ),
        (say("three rules", "trois règles"), result.program),
        (say("network", "réseau"), result.network),
    ]
    places = np.arange(len(rows))
    for offset, name, colour, values in (
        (-0.2, say("training", "entraînement"), "#bbbbbb", [row[1].train for row in rows]),
        (
            0.2,
            say("test (new pictures)", "test (images nouvelles)"),
            BLUE,
            [row[1].test for row in rows],
        ),
    ):
        container = axes.barh(
            places + offset, [100 * v for v in values], 0.38, color=colour, label=name
        )
        axes.bar_label(container, [percent(value) for value in values], padding=2, fontsize=8)
    axes.axvline(50, color=GREY, linestyle=":", linewidth=1.2)
    axes.set_yticks(places, [name for name, _ in rows])
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set(xlim=(0, 118), xticks=(0, 50, 100))
    axes.set_xlabel(say("accuracy (%); 50 is guessing", "exactitude (%) ; 50 : au hasard"))
    axes.set_title(say("Right answers", "Bonnes réponses"))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2)


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Above: both classes, and what a computer gets of the framed patch. Below: the rules' "
        "thresholds (dashed) cut through both classes; the network was given no rule, only "
        "pictures with their answers.",
        "En haut : les deux classes, et ce que l'ordinateur reçoit du carré. En bas : les seuils "
        "des règles (tirets) traversent les deux classes ; le réseau n'a reçu aucune règle, "
        "seulement des images et leurs réponses.",
    ),
)
