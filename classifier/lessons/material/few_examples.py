"""A pretrained network learns a new task from few examples, in three ways."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from classifier.interpretability.probes import fit_logistic
from classifier.lessons.figure import BLUE, GREEN, ORANGE
from classifier.lessons.language import Text
from classifier.lessons.material.fitting import FloatArray, IntArray, fit, seeded_network
from classifier.lessons.material.own_data import load_own_images, tensors
from classifier.models import BuiltNetwork
from classifier.models.anatomy import embed
from classifier.models.matching import load_matching
from classifier.models.pretrained import load_published
from faceswap.core.errors import MediaError
from faceswap.core.seeding import generator

METHODS = ("scratch", "features", "finetune")
STYLES = {
    "scratch": (ORANGE, "s", Text("from scratch", "à partir de zéro")),
    "features": (
        BLUE,
        "o",
        Text("frozen features, new head", "caractéristiques figées, nouvelle tête"),
    ),
    "finetune": (GREEN, "^", Text("fine-tuning of all layers", "affinage de toutes les couches")),
}
"""Colour, marker and label of each method."""
_PENALTY = 1e-2


@dataclass(frozen=True)
class NewTask:
    """A pretrained network and its target task.

    Attributes:
        summary: Source and target task in words.
        network: Registered name of the network.
        options: Options of the network.
        pretrained: Network trained on the source task.
        classes: Class names of the target task.
        train: ``(N, C, S, S)`` images and ``(N,)`` labels that examples are sampled from.
        test: ``(M, C, S, S)`` test images and ``(M,)`` labels.
    """

    summary: Text
    network: str
    options: Mapping[str, Any]
    pretrained: BuiltNetwork
    classes: tuple[str, ...]
    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]

    def pictures(self, images: Tensor) -> FloatArray:
        """``(N, S, S, 3)`` or, of grey ones, ``(N, S, S)`` pictures in [0, 1] of inputs."""
        form = self.pretrained.input
        mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (form.mean, form.std))
        shown = (images * std + mean).clamp(0, 1).permute(0, 2, 3, 1).numpy()
        return shown[..., 0] if form.channels == 1 else shown


@dataclass(frozen=True)
class Learnt:
    """A classifier of the target task.

    Attributes:
        built: Network that it uses.
        logits: ``(B, C, S, S)`` images -> ``(B, K)`` logits.
    """

    built: BuiltNetwork
    logits: Callable[[Tensor], Tensor]

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> FloatArray:
        """``(N, K)`` probabilities of the classes."""
        self.built.module.eval()
        return torch.cat([self.logits(chunk) for chunk in images.split(256)]).softmax(1).numpy()

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """Fraction of images that are classified correctly, in [0, 1]."""
        return float((self.probabilities(images).argmax(1) == labels.numpy()).mean())


def after_cifar(data: Path, seed: int) -> NewTask:
    """The user's images, after CIFAR-10.

    Raises:
        MediaError: Unusable data.
        WeightsUnavailable: The published weights were not found.
    """
    built, _ = load_published("resnet20", 10, {})
    own = load_own_images(data, built.input, (2000, 300), seed)
    names = ", ".join(own.classes[:4]) + (", ..." if len(own.classes) > 4 else "")
    summary = Text(
        f"ResNet-20 pretrained on CIFAR-10 learns {names}",
        f"ResNet-20 préentraîné sur CIFAR-10 apprend {names}",
    )
    train, test = tensors(own.train, built.input), tensors(own.test, built.input)
    return NewTask(summary, "resnet20", {}, built, own.classes, train, test)


def possible_examples(task: NewTask, examples: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers of examples for which every class has enough images.

    Raises:
        MediaError: There are none.
    """
    least = int(torch.bincount(task.train[1], minlength=len(task.classes)).min())
    possible = tuple(count for count in examples if count <= least)
    if not possible:
        raise MediaError(
            f"A class has {least} training images.",
            f"Give at least {2 * min(examples) + 1} images per class.",
        )
    return possible


def sample_examples(labels: IntArray, count: int, seed: int, repeat: int) -> NDArray[np.int64]:
    """Positions of ``count`` random examples of each class."""
    random = generator(seed, "examples", repeat)
    sampled = [
        random.permutation(np.flatnonzero(labels == label))[:count] for label in np.unique(labels)
    ]
    return np.concatenate(sampled)


def learn(task: NewTask, method: str, chosen: IntArray, steps: int, seed: int) -> Learnt:
    """Train on the chosen examples by one of ``METHODS``."""
    images, labels = task.train[0][chosen], task.train[1][chosen]
    if method == "features":
        return _learn_head(task, images, labels)
    built = seeded_network(task.network, len(task.classes), task.options, seed)
    if method == "finetune":
        # The head does not match the new classes: it keeps its initial weights.
        load_matching(built.module, task.pretrained.module.state_dict(), task.network)
    rate = 2e-3 if method == "finetune" else 4e-3
    fit(built.module, images, labels, steps=steps, batch=32, lr=rate, seed=seed)
    return Learnt(built, built.module)


def _learn_head(task: NewTask, images: Tensor, labels: Tensor) -> Learnt:
    built = task.pretrained
    built.module.eval()
    with torch.no_grad():
        embedded = torch.cat([embed(built, chunk) for chunk in images.split(256)])
    probe = fit_logistic(embedded.numpy(), labels.numpy(), len(task.classes), _PENALTY)
    mean, scale = torch.from_numpy(probe.mean), torch.from_numpy(probe.scale)

    def logits(inputs: Tensor) -> Tensor:
        return (embed(built, inputs) - mean) / scale @ probe.weight.T + probe.bias

    return Learnt(built, logits)
