"""The lessons of ``classifier learn``, in teaching order."""

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
"""Lessons by topic, in teaching order."""


def find_lesson(topic: str) -> Lesson[Any]:
    """Return the lesson of a topic.

    Raises:
        ConfigError: Unknown topic; the message suggests the nearest name.
    """
    if topic in LESSONS:
        return LESSONS[topic]
    raise ConfigError(
        f"Unknown lesson {topic!r}.",
        f"{nearest(topic, LESSONS)}Topics: {', '.join(LESSONS)}; all; list.",
    )
