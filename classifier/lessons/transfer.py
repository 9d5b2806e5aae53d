"""A network that learnt one thing learns the next from few examples."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from classifier.interpretability.probes import fit_logistic
from classifier.lessons.figure import BLUE, GREEN, ORANGE, new_figure, show_image, tile
from classifier.lessons.fitting import (
    FloatArray,
    IntArray,
    fit,
    seeded_network,
    share_right,
)
from classifier.lessons.glyphs import DIGITS, glyph_tensors
from classifier.lessons.lesson import Lesson, silent
from classifier.lessons.own_data import load_own_images, tensors
from classifier.models import BuiltNetwork
from classifier.models.anatomy import embed
from classifier.models.matching import load_matching
from classifier.models.pretrained import load_published
from faceswap.core.errors import MediaError
from faceswap.core.seeding import generator

WAYS = ("scratch", "features", "finetune")
_EXAMPLES = (1, 2, 5, 10, 30)
_PENALTY = 1e-2


@dataclass(frozen=True)
class NewTask:
    """A network with a past, and what it is to learn now.

    Attributes:
        story: What it knows and what it shall learn, in words.
        network: Its name in the registry.
        options: Of that.
        trained: The network as its past left it.
        classes: Number of new classes.
        train: Images ``(N, C, S, S)`` and labels ``(N,)`` that examples are drawn from.
        test: Those that accuracy is counted on.
    """

    story: str
    network: str
    options: Mapping[str, Any]
    trained: BuiltNetwork
    classes: int
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Transfer:
    """Accuracy by number of examples.

    Attributes:
        story: What was known and what was learnt, in words.
        examples: Per class.
        accuracy: Of each of ``WAYS``, ``(len(examples), repeats)``.
        chance: Accuracy of guessing.
        shown: ``(8, S, S)`` or ``(8, S, S, 3)`` some of the new images, in [0, 1].
    """

    story: str
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
    on_progress: Callable[[float], None] = silent,
) -> Transfer:
    """Learns digits after letters; or the user's classes after CIFAR-10.

    Three ways: a fresh network (scratch), a linear classifier on the features of the old one
    (features), and all layers trained on from where they were (finetune). Yosinski, Clune, Bengio
    and Lipson (2014): How transferable are features in deep neural networks?

    Args:
        seed: Of images, weights and examples.
        data: Folder of images; the past is then that of the published ResNet-20. None draws
            letters and digits, and the past is a LeNet-5 that has learnt letters.
        examples: Numbers of examples per class.
        repeats: Draws of examples for each number; one less of the user's images.
        steps: Training steps on the new task; a third of them on the user's images.
        pretraining: Training steps on letters.
        letters: How many of them.
        on_progress: See ``Lesson``.

    Raises:
        MediaError: The data cannot be used.
        WeightsUnavailable: There are data, and the published weights are not to be had.
    """
    if data is None:
        task = _after_letters(seed, pretraining, letters, lambda share: on_progress(share / 4))
    else:
        task = _after_cifar(data, seed)
        # A step of ResNet-20 is the work of ten of LeNet-5.
        steps, repeats = max(steps // 3, 1), max(repeats - 1, 1)
        on_progress(0.25)
        examples = _possible(task, examples)
    accuracy = {way: np.zeros((len(examples), repeats)) for way in WAYS}
    for row, count in enumerate(examples):
        for repeat in range(repeats):
            chosen = _draw_examples(task.train[1].numpy(), count, seed, repeat)
            for way in WAYS:
                accuracy[way][row, repeat] = _learn(task, way, chosen, steps, seed + repeat)
            on_progress(0.75 / (len(examples) * repeats))
    return Transfer(task.story, examples, accuracy, 1 / task.classes, _pictures(task))


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
    story = "LeNet-5 has learnt 26 letters and shall learn ten digits"
    return NewTask(story, "lenet5", options, built, len(DIGITS), train, test)


def _after_cifar(data: Path, seed: int) -> NewTask:
    built, _ = load_published("resnet20", 10, {})
    own = load_own_images(data, built.input, (2000, 300), seed)
    names = ", ".join(own.classes[:4]) + (", ..." if len(own.classes) > 4 else "")
    story = f"ResNet-20 has learnt CIFAR-10 and shall learn {names}"
    parts = tensors(own.train, built.input), tensors(own.test, built.input)
    return NewTask(story, "resnet20", {}, built, len(own.classes), *parts)


def _possible(task: NewTask, examples: tuple[int, ...]) -> tuple[int, ...]:
    """Those numbers of examples that every class has."""
    least = int(torch.bincount(task.train[1], minlength=task.classes).min())
    possible = tuple(count for count in examples if count <= least)
    if not possible:
        raise MediaError(
            "A class has no image left to learn from.", "Give each class three images or more."
        )
    return possible


def _draw_examples(labels: IntArray, count: int, seed: int, repeat: int) -> IntArray:
    random = generator(seed, "examples", repeat)
    drawn = [
        random.permutation(np.flatnonzero(labels == label))[:count] for label in np.unique(labels)
    ]
    return np.concatenate(drawn)


def _learn(task: NewTask, way: str, chosen: IntArray, steps: int, seed: int) -> float:
    """Accuracy on the test images after learning from the chosen ones."""
    images, labels = task.train[0][chosen], task.train[1][chosen]
    if way == "features":
        known, asked = (_embedded(task.trained, part) for part in (images, task.test[0]))
        probe = fit_logistic(known, labels.numpy(), task.classes, _PENALTY)
        return float((probe.classes_of(asked) == task.test[1].numpy()).mean())
    built = seeded_network(task.network, task.classes, task.options, seed)
    if way == "finetune":
        # A head of other classes stays as fresh as it is.
        load_matching(built.module, task.trained.module.state_dict(), task.network)
    rate = 2e-3 if way == "finetune" else 4e-3
    fit(built.module, images, labels, steps=steps, batch=32, lr=rate, seed=seed)
    return share_right(built.module, *task.test)


@torch.no_grad()
def _embedded(built: BuiltNetwork, images: Tensor) -> FloatArray:
    built.module.eval()
    return torch.cat([embed(built, part) for part in images.split(256)]).numpy()


def _pictures(task: NewTask) -> FloatArray:
    form = task.trained.input
    mean, std = (torch.tensor(part).view(1, -1, 1, 1) for part in (form.mean, form.std))
    shown = (task.train[0][:8] * std + mean).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    return shown[..., 0] if form.channels == 1 else shown


def describe(result: Transfer) -> list[str]:
    """A line for each number of examples."""
    lines = [result.story + "; accuracy on unseen images (mean of the draws):"]
    for row, count in enumerate(result.examples):
        values = ", ".join(f"{way} {result.accuracy[way][row].mean():.1%}" for way in WAYS)
        lines.append(f"{count:>3} per class: {values}")
    return lines


_LOOKS = {
    "scratch": (ORANGE, "s", "from scratch"),
    "features": (BLUE, "o", "old features, new head"),
    "finetune": (GREEN, "^", "all layers trained on"),
}


def draw(result: Transfer) -> Figure:
    """Accuracy over the number of examples, and some of the new images."""
    figure = new_figure(3.9)
    curve, images = figure.subplots(1, 2, width_ratios=(3, 1))
    for way, (colour, marker, label) in _LOOKS.items():
        values = 100 * result.accuracy[way]
        mean = values.mean(1)
        curve.plot(result.examples, mean, color=colour, marker=marker, label=label)
        curve.fill_between(
            result.examples, values.min(1), values.max(1), color=colour, alpha=0.15, linewidth=0
        )
    curve.axhline(
        100 * result.chance, color="#6b6b6b", linewidth=1, linestyle=":", label="guessing"
    )
    curve.set_xscale("log")
    curve.set_xticks(result.examples, [str(count) for count in result.examples])
    curve.minorticks_off()
    curve.set(xlabel="examples per class", ylabel="% right", ylim=(0, 102))
    curve.set_title(result.story)
    curve.legend(loc="upper left")
    show_image(images, tile(result.shown, 2), "The new task")
    return figure


LESSON = Lesson(
    "transfer",
    "A network that knows letters learns digits from few examples; with --data, your images.",
    compute,
    describe,
    draw,
)
