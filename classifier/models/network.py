"""A network, and what a training has to know of it."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from classifier.models.formats import InputFormat

Task = Literal["images", "pixels"]
"""What gets a class: a whole image, or each of its pixels."""

TIMM = "timm:"
"""What the names of timm's networks begin with."""


@dataclass(frozen=True)
class BuiltNetwork:
    """A network, and what a training has to know of it.

    Attributes:
        module: ``(B, channels, size, size) float32`` -> logits, ``(B, classes)`` for images and
            ``(B, classes, size, size)`` for pixels.
        input: What it takes.
        head: Dotted name, in ``module``, of the last layers, which a new set of classes replaces:
            what enters them is the embedding (features) of an image.
        task: Whether images or pixels get a class.
        rule: How it learns: by gradients, or by the perceptron's own rule of 1957.
    """

    module: nn.Module
    input: InputFormat
    head: str
    task: Task = "images"
    rule: Literal["gradient", "perceptron"] = "gradient"
