"""Landmarkers by name, their common interface, and the values that they take and return."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import ConfigError
from faceswap.core.registry import Registry


@dataclass(frozen=True)
class Roi:
    """Rotated square of a frame that a landmarker takes as its input.

    Args:
        center: Centre, (x, y) in frame pixels.
        side: Side length in frame pixels.
        angle: Rotation of the square in degrees, clockwise in the image; a face of this roll is
            upright in it.
    """

    center: tuple[float, float]
    side: float
    angle: float


@dataclass(frozen=True)
class FaceLandmarks:
    """Landmarks of one face.

    Args:
        points: Landmarks68 (iBUG 300-W), (68, 2) float32 in frame pixels.
        mesh: Face mesh, (478, 3) float32 in MediaPipe order; x and y in frame pixels, z in the same
            unit, smaller towards the camera. None for landmarkers of 68 points.
        presence: Confidence in [0, 1] that the region holds a face; see ``Landmarker``.
    """

    points: NDArray[np.float32]
    mesh: NDArray[np.float32] | None
    presence: float

    @property
    def box(self) -> NDArray[np.float32]:
        """(4,) float32 x0, y0, x1, y1 in frame pixels: bounds of the mesh, or else the points."""
        flat = self.points if self.mesh is None else self.mesh[:, :2]
        return np.concatenate([flat.min(axis=0), flat.max(axis=0)]).astype(np.float32)

    def dense_mesh(self) -> NDArray[np.float32]:
        """The mesh, for computations in 3D.

        Raises:
            ConfigError: These landmarks have no mesh.
        """
        return require_mesh(self.mesh)


def require_mesh(mesh: NDArray[Any] | None) -> NDArray[Any]:
    """The mesh of a face, for what needs one.

    Raises:
        ConfigError: The face has no mesh.
    """
    if mesh is None:
        raise ConfigError(
            "Expected a dense face mesh, found 68 landmarks only.", "Use --landmarker facemesh."
        )
    return mesh


class Landmarker(Protocol):
    """A landmark network, and the regions of a frame that it works best on.

    Attributes:
        weights: Names of its published weights in the weights table.
        upright: Whether its regions must have angle 0.
        min_presence: Presence below which a region holds no face.
        confirm_presence: Presence that false detections seldom reach; a new face above it is
            reported at once.
    """

    weights: tuple[str, ...]
    upright: bool
    min_presence: float
    confirm_presence: float

    def __call__(self, image: NDArray[np.uint8], rois: Sequence[Roi]) -> list[FaceLandmarks]:
        """Places landmarks in regions of one frame.

        Args:
            image: Image, (H, W, 3) uint8 RGB.
            rois: Regions made by this landmarker; they may reach beyond the frame.

        Returns:
            One result per region, in their order, whatever its presence.
        """
        ...

    def roi_from_detection(
        self, box: NDArray[np.float32], points: NDArray[np.float32] | None
    ) -> Roi:
        """Region of a detected face.

        Args:
            box: Box, (4,) x0, y0, x1, y1 in frame pixels.
            points: Points, (K, 2) frame pixels, K >= 2: the eye at image left of the upright head,
                then the other eye. None if the detector finds boxes only: the region is then
                upright.
        """
        ...

    def roi_from_landmarks(self, landmarks: FaceLandmarks) -> Roi:
        """Region of a face with known landmarks: those of the last frame or of a first pass."""
        ...


landmarkers: Registry[Callable[..., Landmarker]] = Registry("landmarker")
