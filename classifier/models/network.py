"""A built network with its input format, head, task and learning rule."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

from classifier.models.formats import InputFormat

Task = Literal["images", "pixels"]
"""What is classified: whole images, or each pixel (segmentation)."""

TIMM = "timm:"
"""Prefix of the names of timm networks."""


@dataclass(frozen=True)
class BuiltNetwork:
    """A built network with its input format, head, task and learning rule.

    Attributes:
        module: ``(B, channels, size, size) float32`` -> logits, ``(B, classes)`` for images and
            ``(B, classes, size, size)`` for pixels.
        input: Input format.
        head: Dotted name of the classification head in ``module``. Its input is the embedding of
            an image; other classes need a new head.
        task: "images" (one class per image) or "pixels" (one class per pixel).
        rule: Learning rule: gradient descent, or the perceptron rule of 1957.
    """

    module: nn.Module
    input: InputFormat
    head: str
    task: Task = "images"
    rule: Literal["gradient", "perceptron"] = "gradient"
