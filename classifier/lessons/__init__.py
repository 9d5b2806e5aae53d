"""The lessons of ``classifier learn``, in the order in which one thing leads to the next."""

from typing import Any

from classifier.lessons import (
    activations,
    autoencoder,
    convolution,
    faceswap,
    gradient_descent,
    lenet,
    mlp,
    neuron,
    perceptron,
    representation,
    tiramisu,
    transfer,
    xor,
)
from classifier.lessons.lesson import Lesson
from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError

__all__ = ["LESSONS", "Lesson", "find_lesson"]

_ORDER: tuple[Lesson[Any], ...] = (
    neuron.LESSON,
    activations.LESSON,
    perceptron.LESSON,
    xor.LESSON,
    mlp.LESSON,
    gradient_descent.LESSON,
    convolution.LESSON,
    lenet.LESSON,
    representation.LESSON,
    transfer.LESSON,
    tiramisu.LESSON,
    autoencoder.LESSON,
    faceswap.LESSON,
)
LESSONS: dict[str, Lesson[Any]] = {lesson.topic: lesson for lesson in _ORDER}
"""By topic, in order."""


def find_lesson(topic: str) -> Lesson[Any]:
    """The lesson of a topic.

    Raises:
        ConfigError: There is none; the message offers the nearest name.
    """
    if topic in LESSONS:
        return LESSONS[topic]
    raise ConfigError(
        f"There is no lesson {topic!r}.",
        f"{nearest(topic, LESSONS)}Topics: {', '.join(LESSONS)}; all; list.",
    )
