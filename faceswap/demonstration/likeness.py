"""Simple checks of a swap: does it look like the target, and does it do what the original does?

They need no further network: a linear classifier is fitted on the very faces that the model was
trained on, and the expression is measured by landmarks. They tell a swap that works from one that
does not; they do not rank good swaps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.alignment import crop_matrix, head_pose, warp
from faceswap.media.frame import Image

_SIDE = 32
_ROWS, _COLUMNS = np.mgrid[:_SIDE, :_SIDE] / (_SIDE - 1) - 0.5
# Brows to mouth. A swap keeps the outline and the hair of the original, so they have no say.
_OVAL = np.hypot(_COLUMNS / 0.36, _ROWS / 0.44) < 1
_RIDGE = 30.0
_FEWEST = 8  # pairs; fewer correlate by chance


class TwoFaces:
    """Tells two people apart by their aligned faces (linear discriminant by ridge regression).

    Args:
        first: Aligned faces of the one, ``(N, D) float32`` from ``face_vector``.
        second: Those of the other.
    """

    def __init__(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> None:
        samples = np.concatenate([first, second]).astype(np.float64)
        labels = np.concatenate([-np.ones(len(first)), np.ones(len(second))])
        self._mean = samples.mean(0)
        centred = samples - self._mean
        system = centred.T @ centred + _RIDGE * np.eye(samples.shape[1])
        self._weights = np.linalg.solve(system, centred.T @ (labels - labels.mean()))

    def share_of_second(self, faces: NDArray[np.float32]) -> float:
        """Share of ``(N, D)`` faces that are taken for the second person, 0 to 1."""
        return float(((faces - self._mean) @ self._weights > 0).mean())


def face_vector(frame: Image, landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """A face as numbers: small, grey, aligned, without its surroundings, and free of exposure.

    Args:
        frame: ``(H, W, 3) uint8 RGB``.
        landmarks: ``(68, 2)`` in frame pixels.

    Returns:
        ``(1024,) float32``, mean 0 and deviation 1 inside an oval, 0 outside.
    """
    crop = warp(frame, crop_matrix(landmarks, _SIDE, coverage=1.0), _SIDE)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    values = grey[_OVAL]
    grey = (grey - values.mean()) / max(float(values.std()), 1.0)
    return np.where(_OVAL, grey, 0).astype(np.float32).ravel()


@dataclass(frozen=True)
class Agreement:
    """Correlation (-1 to 1) of what two faces do over the frames of a clip.

    Attributes:
        mouth: How far the mouth is open.
        yaw: Where the face is turned.
    """

    mouth: float
    yaw: float


def agreement(
    original: Sequence[NDArray[np.floating]], swapped: Sequence[NDArray[np.floating]]
) -> Agreement:
    """Whether the swapped face moves as the original does; 0 when there are too few frames.

    Args:
        original: ``(68, 2)`` landmarks, frame by frame.
        swapped: Those of the same frames after the swap.
    """
    return Agreement(
        mouth=_correlation([_opening(p) for p in original], [_opening(p) for p in swapped]),
        yaw=_correlation([head_pose(p).yaw for p in original], [head_pose(p).yaw for p in swapped]),
    )


def _opening(points: NDArray[np.floating]) -> float:
    """Gap between the inner lips over the width of the mouth."""
    gap = np.linalg.norm(points[66] - points[62])
    return float(gap / max(float(np.linalg.norm(points[54] - points[48])), 1e-6))


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    if len(first) < _FEWEST or np.std(first) == 0 or np.std(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
