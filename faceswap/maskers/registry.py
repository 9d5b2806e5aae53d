"""Masker interface, and the registry of maskers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.core.registry import Registry


class Masker(Protocol):
    """Computes the face masks of crops.

    Attributes:
        facts: Values that its masks depend on besides the image, stored with the results.
    """

    facts: Mapping[str, str]

    def __call__(
        self, crops: Sequence[NDArray[np.uint8]], landmarks: Sequence[NDArray[np.floating]]
    ) -> list[NDArray[np.uint8]]:
        """Computes one mask per crop.

        Args:
            crops: Crops, ``(S, S, 3) uint8 RGB``, all of one size.
            landmarks: Landmarks of each crop, ``(68, 2)`` in crop pixels.

        Returns:
            Mask of each crop, ``(S, S) uint8``, 255 inside the face.
        """
        ...


maskers: Registry[Callable[..., Masker]] = Registry("masker")


def build_masker(name: str = "hull", device: str = "cpu", **options: Any) -> Masker:
    """Builds a masker by name.

    Args:
        name: Name in the registry.
        device: Device of the network, if the masker has one.
        **options: Options of the masker; ``model`` is the folder of a trained network.

    Raises:
        ConfigError: The masker is not registered, or its network is missing.
        ModelFileError: The network cannot be read.
    """
    return maskers.get(name)(device=device, **options)
