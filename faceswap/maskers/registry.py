"""Masker interface, and the registry of maskers."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import ConfigError
from faceswap.core.registry import Registry


class Masker(Protocol):
    """Computes the face masks of crops.

    Attributes:
        facts: Values that its masks depend on besides the image, stored with the results.
        needs_mesh: Whether it needs the mesh of each face.
        whole_face: Whether its masks reach the outline of the face.
    """

    facts: Mapping[str, str]
    needs_mesh: bool
    whole_face: bool

    def __call__(
        self,
        crops: Sequence[NDArray[np.uint8]],
        landmarks: Sequence[NDArray[np.floating]],
        meshes: Sequence[NDArray[np.floating] | None],
    ) -> list[NDArray[np.uint8]]:
        """Computes one mask per crop.

        Args:
            crops: Crops, ``(S, S, 3) uint8 RGB``, all of one size.
            landmarks: Landmarks of each crop, ``(68, 2)`` in crop pixels.
            meshes: Face mesh of each crop, ``(478, 2)`` in crop pixels; None for landmarkers of 68
                points.

        Returns:
            Mask of each crop, ``(S, S) uint8``, 255 inside the face.

        Raises:
            ConfigError: It needs a mesh, and a face has none.
        """
        ...


maskers: Registry[Callable[..., Masker]] = Registry("masker")


def build_masker(name: str = "hull", device: str = "cpu", model: Path | None = None) -> Masker:
    """Builds a masker by name.

    Args:
        name: Name in the registry.
        device: Device of the network, if the masker has one.
        model: Run or model folder of its network; None for maskers without one.

    Raises:
        ConfigError: The masker is not registered, its network is missing, or it has none.
        ModelFileError: The network cannot be read.
    """
    return build_maskers([name], device, model)[name]


def build_maskers(
    names: Sequence[str], device: str = "cpu", model: Path | None = None
) -> dict[str, Masker]:
    """Builds maskers by their names, in that order.

    Args:
        names: Names in the registry.
        device: Device of the networks.
        model: Run or model folder of the network of those that have one; None if none has.

    Raises:
        ConfigError: A masker is not registered or named twice, its network is missing, or none has
            one.
        ModelFileError: The network cannot be read.
    """
    if len(set(names)) < len(names):
        raise ConfigError(
            f"Expected each masker once, found {', '.join(names)}.", "Name each masker only once."
        )
    with_network = [name for name in names if "model" in _options(name)]
    if model is not None and not with_network:
        plural = "s" if len(names) > 1 else ""
        raise ConfigError(
            f"The masker{plural} {', '.join(map(repr, names))} do"
            f"{'' if plural else 'es'} not use a network.",
            "Omit --mask-model, or choose the masker 'segmentation'.",
        )
    given = {"device": device, "model": model}
    return {
        name: maskers.get(name)(**{key: given[key] for key in _options(name)}) for name in names
    }


def needs_landmarks_only(name: str) -> bool:
    """Whether a masker makes its masks of landmarks alone, without a network and a mesh."""
    if name not in maskers.names() or "model" in _options(name):
        return False
    return not build_masker(name).needs_mesh


def split_names(given: Sequence[str] | None) -> tuple[str, ...]:
    """Names of maskers, of which each text may hold several with commas between them."""
    return tuple(name.strip() for text in given or () for name in text.split(",") if name.strip())


def _options(name: str) -> list[str]:
    return list(inspect.signature(maskers.get(name)).parameters)
