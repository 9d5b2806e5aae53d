"""Two classes from few pictures, by the whole path: three ways to learn, then the mistakes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classifier.interpretability.grad_cam import grad_cam
from classifier.lessons.figure import (
    CLASSES,
    GREY,
    INK,
    new_figure,
    show_image,
    split_figure,
    tile,
)
from classifier.lessons.language import Text, number, percent, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.few_examples import (
    METHODS,
    STYLES,
    Learnt,
    NewTask,
    after_cifar,
    learn,
    possible_examples,
    sample_examples,
)
from classifier.lessons.material.fitting import FloatArray, IntArray, fit, seeded_network
from classifier.lessons.material.own_data import tensors
from classifier.lessons.material.photos import class_name
from classifier.lessons.material.stand_ins import CAT_OR_COFFEE, stand_ins
from classifier.models.anatomy import last_maps

_OTHERS = ("astronaut", "rocket", "retina", "galaxies", "tissue")
_OPTIONS = {"activation": "relu"}
_MOST_SHOWN = 6


@dataclass(frozen=True)
class Explained:
    """Test pictures with what the network saw in them.

    Attributes:
        pictures: ``(N, S, S, 3)`` or, if grey, ``(N, S, S)`` pictures in [0, 1].
        heat: ``(N, S, S)`` Grad-CAM heat maps of the predicted class, in [0, 1].
        labels: ``(N,)`` true classes.
        answers: ``(N,)`` predicted classes.
        confidence: ``(N,)`` probabilities of the predicted classes.
    """

    pictures: FloatArray
    heat: FloatArray
    labels: IntArray
    answers: IntArray
    confidence: FloatArray


@dataclass(frozen=True)
class MuffinResult:
    """Three ways to learn two classes from few pictures, and the answers of the best.

    Attributes:
        summary: Source and target task in words.
        classes: Class names.
        examples: Training pictures of each class.
        accuracy: ``(repeats,)`` test accuracies of each of ``METHODS``, in [0, 1].
        best: Method of the highest mean accuracy.
        confusion: ``(K, K)`` counts of test pictures of the best method, first repeat: true classes
            in rows, predicted ones in columns.
        right: Correct answers, the most certain first.
        mistakes: Wrong answers, the most certain first.
    """

    summary: Text
    classes: tuple[str, ...]
    examples: int
    accuracy: dict[str, NDArray[np.float64]]
    best: str
    confusion: IntArray
    right: Explained
    mistakes: Explained


def compute(
    seed: int = 0,
    data: Path | None = None,
    examples: int = 5,
    repeats: int = 4,
    steps: int = 60,
    pretraining: int = 1000,
    windows: int = 4000,
    test_pictures: int = 400,
    on_progress: Callable[[float], None] = no_progress,
) -> MuffinResult:
    """Learn two classes in three ways at equal steps, and look at the mistakes of the best.

    Args:
        seed: Seed of pictures, initial weights and examples.
        data: Folder of images, learnt by a ResNet-20 with published CIFAR-10 weights. None uses
            windows of two photos, and pretrains a LeNet-5 on windows of five other photos.
        examples: Training pictures of each class; fewer if ``data`` have fewer.
        repeats: Random samples of the training pictures; one less with ``data``.
        steps: Training steps on the two classes; a third of them with ``data``.
        pretraining: Training steps on the other photos.
        windows: Number of windows of the other photos.
        test_pictures: Number of test windows.
        on_progress: Progress callback; see ``Lesson``.

    Raises:
        MediaError: Unusable data.
        WeightsUnavailable: The published weights, needed with ``data``, were not found.
    """
    if data is None:
        task = _after_other_photos(seed, pretraining, windows, test_pictures)
    else:
        task = after_cifar(data, seed)
        # A step of ResNet-20 takes about ten times as long as one of LeNet-5.
        steps, repeats = max(steps // 3, 1), max(repeats - 1, 1)
        least = int(torch.bincount(task.train[1], minlength=len(task.classes)).min())
        examples = possible_examples(task, (min(examples, max(least, 1)),))[0]
    on_progress(0.5)
    learnt: dict[str, list[Learnt]] = {method: [] for method in METHODS}
    for repeat in range(repeats):
        chosen = sample_examples(task.train[1].numpy(), examples, seed, repeat)
        for method in METHODS:
            learnt[method].append(learn(task, method, chosen, steps, seed + repeat))
        on_progress(0.5 / repeats)
    accuracy = {
        method: np.array([each.accuracy(*task.test) for each in found])
        for method, found in learnt.items()
    }
    best = max(METHODS, key=lambda method: accuracy[method].mean())
    chosen_one = learnt[best][0]
    probabilities = chosen_one.probabilities(task.test[0])
    predicted, labels = probabilities.argmax(1), task.test[1].numpy()
    confusion = np.zeros((len(task.classes),) * 2, np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    ranked = np.argsort(-probabilities.max(1), kind="stable")
    right, wrong = (
        explain(task, chosen_one, kept[:_MOST_SHOWN])
        for kept in (
            _in_turn(ranked[(predicted == labels)[ranked]], labels),
            ranked[(predicted != labels)[ranked]],
        )
    )
    return MuffinResult(
        task.summary, task.classes, examples, accuracy, best, confusion, right, wrong
    )


def _after_other_photos(seed: int, steps: int, windows: int, test_pictures: int) -> NewTask:
    built = seeded_network("lenet5", len(_OTHERS), _OPTIONS, seed)
    side = built.input.size
    others = stand_ins(_OTHERS, (windows, len(_OTHERS)), side, seed)
    inputs, targets = tensors(others.train, built.input)
    fit(built.module, inputs, targets, steps=steps, batch=64, lr=2e-3, seed=seed)
    pictures = stand_ins(CAT_OR_COFFEE, (300, test_pictures), side, seed)
    train, test = (tensors(split, built.input) for split in (pictures.train, pictures.test))
    summary = Text(
        "LeNet-5 pretrained on five other photos learns cat and coffee",
        "LeNet-5 préentraîné sur cinq autres photos apprend chat et café",
    )
    return NewTask(summary, "lenet5", _OPTIONS, built, pictures.classes, train, test)


def _in_turn(ranked: IntArray, labels: IntArray) -> IntArray:
    """Positions ordered so that the classes take turns, each in the order that is given."""
    place = np.empty(len(ranked), np.int64)
    for label in np.unique(labels[ranked]):
        own = labels[ranked] == label
        place[own] = np.arange(own.sum())
    return ranked[np.argsort(place, kind="stable")]


def explain(task: NewTask, learnt: Learnt, chosen: IntArray) -> Explained:
    """Explain the answers for the test pictures at the positions ``chosen`` by Grad-CAM."""
    images = task.test[0][chosen]
    side = task.pretrained.input.size
    if not len(chosen):
        empty = np.zeros((0, side, side), np.float32)
        return Explained(task.pictures(images), empty, chosen, chosen, np.zeros(0, np.float32))
    probabilities = learnt.probabilities(images)
    answers = probabilities.argmax(1)
    heat = grad_cam(learnt.logits, last_maps(learnt.built), images, torch.from_numpy(answers))
    return Explained(
        task.pictures(images),
        heat.detach().numpy(),
        task.test[1].numpy()[chosen],
        answers,
        probabilities.max(1),
    )


def describe(result: MuffinResult) -> list[str]:
    """Describe the accuracies, and the confusion matrix of the best method."""
    repeats = len(result.accuracy[METHODS[0]])
    lines = [
        f"{result.summary.english}; {result.examples} pictures per class, test accuracy, mean "
        f"and range of {repeats} samples of them:"
    ]
    for method in METHODS:
        values = result.accuracy[method]
        lines.append(f"{method:>8}: {values.mean():.1%} ({values.min():.1%} to {values.max():.1%})")
    lines.append(f"Answers of {result.best} with the first sample:")
    for name, row in zip(result.classes, result.confusion, strict=True):
        answers = ", ".join(
            f"{count} as {other}" for count, other in zip(row, result.classes, strict=True)
        )
        lines.append(f"{name:>8}: {answers}")
    wrong = int(result.confusion.sum() - np.trace(result.confusion))
    sure = f", the most certain at {result.mistakes.confidence[0]:.0%}" if wrong else ""
    return [*lines, f"{wrong} mistakes in {result.confusion.sum()} test pictures{sure}"]


def plot(result: MuffinResult) -> Figure:
    """Plot accuracies, the confusion matrix, and answers with their heat maps."""
    figure = new_figure(5.1)
    above, below = split_figure(figure, 1)
    bars, matrix = above.subplots(1, 2, width_ratios=(1.6, 1))
    _plot_accuracy(bars, result)
    _plot_confusion(matrix, result)
    right, wrong = below.subplots(1, 2)
    _plot_explained(
        right,
        result.right,
        result,
        say("Right answers, the surest", "Réponses justes, les plus sûres"),
    )
    _plot_explained(
        wrong, result.mistakes, result, say("Mistakes, the surest", "Erreurs, les plus sûres")
    )
    return figure


def _plot_accuracy(axes: Axes, result: MuffinResult) -> None:
    colon = say(":", "\u202f:")
    for place, method in enumerate(METHODS):
        colour, marker, label = STYLES[method]
        values = 100 * result.accuracy[method]
        axes.barh(place, values.mean(), 0.5, color=colour, alpha=0.35)
        axes.scatter(values, [place] * len(values), color=colour, marker=marker, s=22, zorder=3)
        text = f"{label}{colon} {percent(values.mean() / 100, 1)}"
        axes.text(0.8, place - 0.29, text, va="bottom", fontsize=9)
    guessing, places = 100 / len(result.classes), np.arange(len(METHODS))
    # Not between the bars, where their labels are.
    axes.vlines([guessing] * len(places), places - 0.25, places + 0.25, GREY, ":", linewidth=1.2)
    axes.grid(visible=False)
    axes.set(xlim=(0, 100), ylim=(len(METHODS) - 0.65, -0.75), yticks=())
    axes.set_xlabel(
        say("test accuracy (%); dotted: guessing", "exactitude au test (%) ; pointillé : hasard")
    )
    title = say("{} pictures per class", "{} images par classe")
    axes.set_title(title.format(number(result.examples)))


def _plot_confusion(axes: Axes, result: MuffinResult) -> None:
    fractions = result.confusion / np.maximum(result.confusion.sum(1, keepdims=True), 1)
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    names = [class_name(name)[:12] for name in result.classes]
    if len(names) <= 6:
        for (row, column), count in np.ndenumerate(result.confusion):
            colour = "white" if fractions[row, column] > 0.55 else INK
            axes.text(column, row, number(int(count)), ha="center", va="center", color=colour)
        axes.set_xticks(range(len(names)), names)
        axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False)
    axes.set_xlabel(say("answer", "réponse"))
    axes.set_ylabel(say("truth", "vérité"))
    axes.set_title(say("Answers of the best", "Réponses de la meilleure"))


def _plot_explained(axes: Axes, found: Explained, result: MuffinResult, title: str) -> None:
    """Plot pictures in a row, below them their heat maps, and the answers in their colours."""
    if not len(found.labels):
        axes.set_axis_off()
        axes.text(0.5, 0.5, say("none", "aucune"), ha="center", transform=axes.transAxes)
        return
    pictures = found.pictures
    if pictures.ndim == 3:
        pictures = np.repeat(pictures[..., None], 3, axis=3)
    heat = matplotlib.colormaps["inferno"](found.heat)[..., :3]
    grey = pictures.mean(3, keepdims=True)  # colours are those of the heat alone
    sheet = np.concatenate([pictures, 0.4 * grey + 0.6 * heat])
    count, side = len(pictures), pictures.shape[1]
    show_image(axes, tile(sheet, count, gap=2), title)
    axes.title.set(fontweight="bold", fontsize=10)
    for place, (answer, confidence) in enumerate(zip(found.answers, found.confidence, strict=True)):
        text = f"{class_name(result.classes[answer])[:9]}\n{percent(confidence)}"
        x = place * (side + 2) + side / 2
        colour = CLASSES[answer % len(CLASSES)]
        axes.text(x, 2 * side + 4, text, ha="center", va="top", color=colour, fontsize=8)


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Above: three ways to learn from the same few pictures (dots: several samples of them), "
        "and the answers of the best. Below: its surest right and wrong answers, what speaks for "
        "them (bright), its answer and how sure it was.",
        "En haut : trois façons d'apprendre à partir des mêmes images, peu nombreuses (points : "
        "plusieurs tirages), et les réponses de la meilleure. En bas : ses réponses justes et "
        "fausses les plus sûres, les zones qui les appuient (claires), la classe donnée et sa "
        "certitude.",
    ),
)
