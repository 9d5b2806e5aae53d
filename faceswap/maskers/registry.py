"""Maskers by name, and what they give."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.core.registry import Registry


class Masker(Protocol):
    """Says which pixels of a crop are face.

    Attributes:
        facts: What its masks depend on besides the picture, for the faceset's record.
    """

    facts: Mapping[str, str]

    def __call__(
        self, crops: Sequence[NDArray[np.uint8]], landmarks: Sequence[NDArray[np.floating]]
    ) -> list[NDArray[np.uint8]]:
        """A mask per crop, 255 = face.

        Args:
            crops: ``(S, S, 3) uint8 RGB``, all of one size.
            landmarks: ``(68, 2)`` in crop pixels, one per crop.

        Returns:
            ``(S, S) uint8`` each.
        """
        ...


maskers: Registry[Callable[..., Masker]] = Registry("masker")


def build_masker(name: str = "hull", device: str = "cpu", **options: Any) -> Masker:
    """The masker of that name, with its network if it has one, on a device.

    Args:
        name: Name in the registry.
        device: Where a network computes.
        **options: ``model``: folder of a trained network, for the maskers that take one.

    Raises:
        ConfigError: There is no such masker, or it lacks its network.
        ModelFileError: Its network cannot be read.
    """
    return maskers.get(name)(device=device, **options)
