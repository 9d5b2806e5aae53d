"""Simple checks of a swap: resemblance to the target, and correlation of motion with the source.

They need no additional network: a linear classifier is fitted to the training faces, and motion is
measured from landmarks. They detect failed swaps; they do not rank good ones.
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
# Brows to mouth: a swap keeps the outline and hair of the source, which must not count.
_OVAL = np.hypot(_COLUMNS / 0.36, _ROWS / 0.44) < 1
_RIDGE = 30.0
_MIN_FRAMES = 8  # correlations of fewer frames are unreliable


class LinearFaceClassifier:
    """Linear classifier of two identities, fitted by ridge regression.

    Args:
        first: Faces of the first identity, ``(N, D) float32`` from ``face_vector``.
        second: Faces of the second identity, ``(M, D) float32``.
    """

    def __init__(self, first: NDArray[np.float32], second: NDArray[np.float32]) -> None:
        samples = np.concatenate([first, second]).astype(np.float64)
        labels = np.concatenate([-np.ones(len(first)), np.ones(len(second))])
        self._mean = samples.mean(0)
        centred = samples - self._mean
        system = centred.T @ centred + _RIDGE * np.eye(samples.shape[1])
        self._weights = np.linalg.solve(system, centred.T @ (labels - labels.mean()))

    def fraction_second(self, faces: NDArray[np.float32]) -> float:
        """Fraction (0 to 1) of ``(N, D)`` faces classified as the second identity."""
        return float(((faces - self._mean) @ self._weights > 0).mean())


def face_vector(frame: Image, landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
    """Aligned grey face of 32 x 32 pixels, masked and normalised for exposure.

    Args:
        frame: Frame, ``(H, W, 3) uint8 RGB``.
        landmarks: Landmarks, ``(68, 2)`` in frame pixels.

    Returns:
        ``(1024,) float32``, mean 0 and standard deviation 1 inside an oval, 0 outside.
    """
    crop = warp(frame, crop_matrix(landmarks, _SIDE, coverage=1.0), _SIDE)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    values = grey[_OVAL]
    grey = (grey - values.mean()) / max(float(values.std()), 1.0)
    return np.where(_OVAL, grey, 0).astype(np.float32).ravel()


@dataclass(frozen=True)
class MotionCorrelation:
    """Correlations (-1 to 1) between two faces over the frames of a clip.

    Attributes:
        mouth: Correlation of mouth opening.
        yaw: Correlation of head yaw.
    """

    mouth: float
    yaw: float


def motion_correlation(
    original: Sequence[NDArray[np.floating]], swapped: Sequence[NDArray[np.floating]]
) -> MotionCorrelation:
    """Correlate the motion of source and swapped face; 0 with fewer than 8 frames.

    Args:
        original: Landmarks in the source, ``(68, 2)`` for each frame.
        swapped: Landmarks in the same frames of the output.
    """
    return MotionCorrelation(
        mouth=_correlation([_opening(p) for p in original], [_opening(p) for p in swapped]),
        yaw=_correlation([head_pose(p).yaw for p in original], [head_pose(p).yaw for p in swapped]),
    )


def _opening(points: NDArray[np.floating]) -> float:
    """Gap between the inner lips, relative to the width of the mouth."""
    gap = np.linalg.norm(points[66] - points[62])
    return float(gap / max(float(np.linalg.norm(points[54] - points[48])), 1e-6))


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    if len(first) < _MIN_FRAMES or np.std(first) == 0 or np.std(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
