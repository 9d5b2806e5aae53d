"""Landmark networks by name, and the values that they take and give."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.core.registry import Registry


@dataclass(frozen=True)
class Roi:
    """Turned square of a frame that a landmark network looks at.

    Args:
        center: (x, y) in frame pixels.
        side: In frame pixels.
        angle: Degrees by which the square is turned clockwise in the image, so that a face with
            this roll stands upright in it.
    """

    center: tuple[float, float]
    side: float
    angle: float


@dataclass(frozen=True)
class FaceLandmarks:
    """What a landmark network sees in one region.

    Args:
        points: (68, 2) float32, iBUG order, frame pixels.
        mesh: (468, 3) float32, MediaPipe order, x and y in frame pixels, z in the same unit,
            smaller towards the camera.
        presence: Probability in [0, 1] that the region holds a face.
    """

    points: NDArray[np.float32]
    mesh: NDArray[np.float32]
    presence: float

    @property
    def box(self) -> NDArray[np.float32]:
        """(x0, y0, x1, y1) around the mesh, in frame pixels."""
        flat = self.mesh[:, :2]
        return np.concatenate([flat.min(axis=0), flat.max(axis=0)]).astype(np.float32)


class Landmarker(Protocol):
    """A landmark network.

    Attributes:
        weights: Names of its published weights, which its results depend on.
    """

    weights: tuple[str, ...]

    def __call__(self, image: NDArray[np.uint8], rois: Sequence[Roi]) -> list[FaceLandmarks]:
        """One result per region, in their order; `image` is (H, W, 3) uint8 RGB."""
        ...


landmarkers: Registry[Callable[..., Landmarker]] = Registry("landmarker")


def build_landmarker(name: str = "facemesh", device: str = "cpu", **options: Any) -> Landmarker:
    """The landmark network of that name, with its weights, on a device.

    Raises:
        ConfigError: There is no such network.
        WeightsUnavailable: Its weights could neither be found nor fetched.
    """
    return landmarkers.get(name)(device=device, **options)
