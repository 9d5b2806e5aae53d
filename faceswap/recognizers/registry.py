"""Face recognition networks by name, and what they give."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.core.registry import Registry


class Recognizer(Protocol):
    """A network that turns a face into a direction; faces of one person point the same way.

    Attributes:
        weights: Names of its published weights, which its results depend on.
    """

    weights: tuple[str, ...]

    def __call__(
        self, image: NDArray[np.uint8], landmarks: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """The embedding of one face, ``(D,)`` of length 1.

        Args:
            image: ``(H, W, 3) uint8 RGB``.
            landmarks: ``(68, 2)`` in pixels of the image, iBUG order.
        """
        ...


recognizers: Registry[Callable[..., Recognizer]] = Registry("recognizer")


def build_recognizer(name: str = "mobilefacenet", **options: Any) -> Recognizer:
    """The recognition network of that name, with its weights.

    Raises:
        ConfigError: There is no such network.
        WeightsUnavailable: Its weights could neither be found nor fetched.
    """
    return recognizers.get(name)(**options)
