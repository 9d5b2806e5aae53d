"""Transfer learning: a pretrained network learns a new task from few examples."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classifier.lessons.figure import GREY, new_figure, show_image, tile
from classifier.lessons.language import Text, say
from classifier.lessons.lesson import Lesson, no_progress
from classifier.lessons.material.few_examples import (
    METHODS,
    STYLES,
    NewTask,
    after_cifar,
    learn,
    possible_examples,
    sample_examples,
)
from classifier.lessons.material.fitting import FloatArray, fit, seeded_network
from classifier.lessons.material.glyphs import DIGITS, glyph_tensors

_EXAMPLES = (1, 2, 5, 10, 30)


@dataclass(frozen=True)
class Transfer:
    """Test accuracy by number of examples.

    Attributes:
        summary: Source and target task in words.
        examples: Numbers of examples per class.
        accuracy: ``(len(examples), repeats)`` accuracies of each of ``METHODS``, in [0, 1].
        chance: Accuracy of guessing, in [0, 1].
        shown: ``(8, S, S)`` or ``(8, S, S, 3)`` images of the target task, in [0, 1].
    """

    summary: Text
    examples: tuple[int, ...]
    accuracy: dict[str, NDArray[np.float64]]
    chance: float
    shown: FloatArray


def compute(
    seed: int = 0,
    data: Path | None = None,
    examples: tuple[int, ...] = _EXAMPLES,
    repeats: int = 3,
    steps: int = 150,
    pretraining: int = 700,
    letters: int = 6000,
    on_progress: Callable[[float], None] = no_progress,
) -> Transfer:
    """Compare three ways to learn digits after letters, or the user's classes after CIFAR-10.

    A newly initialised network (scratch), a linear classifier on the frozen pretrained features
    (features), and training of all pretrained layers (finetune). Yosinski, Clune, Bengio and
    Lipson (2014): How transferable are features in deep neural networks?

    Args:
        seed: Seed of images, initial weights and examples.
        data: Folder of images, learnt by a ResNet-20 with published CIFAR-10 weights. None renders
            letters and digits, and pretrains a LeNet-5 on the letters.
        examples: Numbers of examples per class.
        repeats: Random samples of examples for each number; one less with ``data``.
        steps: Training steps on the target task; a third of them with ``data``.
        pretraining: Training steps on letters.
        letters: Number of letters to train on.
        on_progress: Progress callback; see ``Lesson``.

    Raises:
        MediaError: Unusable data.
        WeightsUnavailable: The published weights, needed with ``data``, were not found.
    """
    if data is None:
        task = _after_letters(
            seed, pretraining, letters, lambda fraction: on_progress(fraction / 4)
        )
    else:
        task = after_cifar(data, seed)
        # A step of ResNet-20 takes about ten times as long as one of LeNet-5.
        steps, repeats = max(steps // 3, 1), max(repeats - 1, 1)
        on_progress(0.25)
        examples = possible_examples(task, examples)
    accuracy = {method: np.zeros((len(examples), repeats)) for method in METHODS}
    for row, count in enumerate(examples):
        for repeat in range(repeats):
            chosen = sample_examples(task.train[1].numpy(), count, seed, repeat)
            for method in METHODS:
                learnt = learn(task, method, chosen, steps, seed + repeat)
                accuracy[method][row, repeat] = learnt.accuracy(*task.test)
            on_progress(0.75 / (len(examples) * repeats))
    shown = task.pictures(task.train[0][:8])
    return Transfer(task.summary, examples, accuracy, 1 / len(task.classes), shown)


def _after_letters(
    seed: int, steps: int, count: int, on_progress: Callable[[float], None]
) -> NewTask:
    options = {"channels": 1}
    built = seeded_network("lenet5", len(ascii_uppercase), options, seed)
    letters = glyph_tensors(count, seed, built.input, ascii_uppercase)
    fit(
        built.module,
        *letters,
        steps=steps,
        batch=64,
        lr=4e-3,
        seed=seed,
        on_step=lambda _step, _loss: on_progress(1 / steps),
    )
    train = glyph_tensors(1000, seed + 1, built.input)
    test = glyph_tensors(1000, seed + 2, built.input)
    summary = Text(
        "LeNet-5 pretrained on 26 letters learns ten digits",
        "LeNet-5 préentraîné sur 26 lettres apprend dix chiffres",
    )
    return NewTask(summary, "lenet5", options, built, tuple(DIGITS), train, test)


def describe(result: Transfer) -> list[str]:
    """Describe the mean accuracy of each method for each number of examples."""
    repeats = result.accuracy[METHODS[0]].shape[1]
    lines = [f"{result.summary.english}; test accuracy, mean of {repeats} samples of examples:"]
    for row, count in enumerate(result.examples):
        values = ", ".join(f"{name} {result.accuracy[name][row].mean():.1%}" for name in METHODS)
        lines.append(f"{count:>3} per class: {values}")
    return lines


def plot(result: Transfer) -> Figure:
    """Plot accuracy over the number of examples, and some images of the target task."""
    figure = new_figure(3.9)
    curve, images = figure.subplots(1, 2, width_ratios=(3, 1))
    for method, (colour, marker, label) in STYLES.items():
        values = 100 * result.accuracy[method]
        mean = values.mean(1)
        curve.plot(result.examples, mean, color=colour, marker=marker, label=str(label))
        curve.fill_between(
            result.examples, values.min(1), values.max(1), color=colour, alpha=0.15, linewidth=0
        )
    curve.axhline(
        100 * result.chance, color=GREY, linewidth=1, linestyle=":", label=say("chance", "hasard")
    )
    curve.set_xscale("log")
    curve.set_xticks(result.examples, [str(count) for count in result.examples])
    curve.minorticks_off()
    curve.set(ylim=(0, 102), xlabel=say("examples per class", "exemples par classe"))
    curve.set_ylabel(say("test accuracy (%)", "exactitude au test (%)"))
    curve.set_title(str(result.summary))
    curve.legend(loc="upper left")
    show_image(images, tile(result.shown, 2), say("Target task", "Tâche visée"))
    return figure


LESSON = Lesson(
    compute,
    describe,
    plot,
    Text(
        "Test accuracy by the number of examples (bands: several samples of them). What was "
        "learnt on the first task is worth many examples of the second.",
        "Exactitude au test selon le nombre d'exemples (bandes : plusieurs tirages). Ce qui a "
        "été appris sur la première tâche vaut beaucoup d'exemples de la seconde.",
    ),
)
