"""Products of masks, such as ``hull*segmentation``: what all factors count as face."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import ConfigError
from faceswap.maskers.registry import Masker, build_maskers

PREDICTED = "predicted"
"""Factor that stands for the mask that a model predicts; it belongs to a swapped face."""


class ProductMasker:
    """Multiplies the masks of several maskers; of none, everything is face.

    Args:
        factors: Maskers.
    """

    def __init__(self, factors: Sequence[Masker]) -> None:
        self._factors = factors
        facts: dict[str, str] = {}
        for factor in factors:
            facts.update(factor.facts)
        self.facts: Mapping[str, str] = facts
        self.needs_mesh = any(factor.needs_mesh for factor in factors)
        self.whole_face = all(factor.whole_face for factor in factors)

    def __call__(
        self,
        crops: Sequence[NDArray[np.uint8]],
        landmarks: Sequence[NDArray[np.floating]],
        meshes: Sequence[NDArray[np.floating] | None],
    ) -> list[NDArray[np.uint8]]:
        """Computes one mask per crop, as described in ``Masker``."""
        products = [np.full(crop.shape[:2], 255, np.uint8) for crop in crops]
        for factor in self._factors:
            masks = factor(crops, landmarks, meshes)
            products = [_product(a, b) for a, b in zip(products, masks, strict=True)]
        return products


def split_product(text: str) -> tuple[str, ...]:
    """Names of the factors of a product.

    Raises:
        ConfigError: A factor is missing or named twice.
    """
    names = tuple(name.strip() for name in text.split("*"))
    if not all(names) or len(set(names)) < len(names):
        raise ConfigError(
            f"Expected maskers with * between them, each once, found {text!r}.",
            "An example is hull*segmentation.",
        )
    return names


def build_product(text: str, device: str = "cpu", model: Path | None = None) -> Masker:
    """Builds a masker, or the product of several.

    The factor ``predicted`` is left out: it is no masker of a crop.

    Args:
        text: Name in the registry, or several with ``*`` between them.
        device: Device of the networks.
        model: Run or model folder of the network of a masker that has one; None if none has.

    Raises:
        ConfigError: A masker is not registered or named twice, its network is missing, or none has
            one.
        ModelFileError: The network cannot be read.
    """
    names = [name for name in split_product(text) if name != PREDICTED]
    factors = list(build_maskers(names, device, model).values())
    return factors[0] if len(factors) == 1 else ProductMasker(factors)


def _product(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return ((a.astype(np.uint16) * b + 127) // 255).astype(np.uint8)
