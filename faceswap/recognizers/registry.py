"""Face recognition networks by name."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.core.registry import Registry


class Recognizer(Protocol):
    """A face recognition network: similar embeddings for faces of one person.

    Attributes:
        weights: Names of its published weights in the weights table.
    """

    weights: tuple[str, ...]

    def __call__(
        self, images: Sequence[NDArray[np.uint8]], landmarks: Sequence[NDArray[np.floating]]
    ) -> NDArray[np.float32]:
        """Embeddings of faces, ``(N, D) float32`` of length 1.

        Args:
            images: Image of each face, ``(H, W, 3) uint8 RGB``; sizes may differ.
            landmarks: Landmarks of each face, ``(68, 2)`` in pixels of its image, iBUG 300-W order.
        """
        ...


recognizers: Registry[Callable[..., Recognizer]] = Registry("recognizer")


DEFAULT = "mobilefacenet"
"""Network of facesets and of evaluations, unless another one is named."""


def build_recognizer(name: str = DEFAULT, **options: Any) -> Recognizer:
    """Builds a recognition network with its weights.

    Args:
        name: Name in the registry.
        **options: Options of that network, such as ``weights``, a file to load.

    Raises:
        ConfigError: There is no such network.
        WeightsUnavailable: The weights are not on this machine and cannot be downloaded.
    """
    return recognizers.get(name)(**options)
