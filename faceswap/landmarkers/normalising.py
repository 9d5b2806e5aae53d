"""Normalisation of contrast before landmarks are placed, for dark and backlit footage."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.landmarkers.registry import FaceLandmarks, Landmarker, Roi
from faceswap.landmarkers.wrapped import WrappedLandmarker

_REACH = 0.8  # of the surroundings that are normalised, from the centre, in sides of the region
_CLIP, _TILES = 2.0, 8  # contrast limit and tiles a side of CLAHE

Image = NDArray[np.uint8]


def _clahe(luma: Image) -> Image:
    made = cv2.createCLAHE(clipLimit=_CLIP, tileGridSize=(_TILES, _TILES))
    return np.asarray(made.apply(luma), np.uint8)


def _histogram(luma: Image) -> Image:
    return np.asarray(cv2.equalizeHist(luma), np.uint8)


NORMALISATIONS: dict[str, Callable[[Image], Image]] = {"clahe": _clahe, "histogram": _histogram}
"""Normalisations of a luma plane, ``(H, W) uint8``, by name."""


class NormalisingLandmarker(WrappedLandmarker):
    """Runs another landmarker on the surroundings of each region with normalised contrast.

    Args:
        inner: Landmarker.
        normalise: Name in ``NORMALISATIONS``.
    """

    def __init__(self, inner: Landmarker, normalise: str) -> None:
        super().__init__(inner)
        self._normalise = NORMALISATIONS[normalise]

    def __call__(self, image: Image, rois: Sequence[Roi]) -> list[FaceLandmarks]:
        """Landmarks in regions of one frame; see ``Landmarker``."""
        return [self._place(image, roi) for roi in rois]

    def _place(self, image: Image, roi: Roi) -> FaceLandmarks:
        (x, y), reach = roi.center, _REACH * roi.side
        height, width = image.shape[:2]
        left, right = _within(x - reach, x + reach, width)
        top, bottom = _within(y - reach, y + reach, height)
        surroundings = image[top:bottom, left:right]
        if surroundings.size == 0:  # the region lies outside the frame
            return self._inner(image, [roi])[0]
        moved = replace(roi, center=(x - left, y - top))
        (found,) = self._inner(_with_luma(surroundings, self._normalise), [moved])
        corner = np.array([left, top], np.float32)
        mesh = found.mesh
        if mesh is not None:
            mesh = mesh + np.append(corner, np.float32(0))
        return FaceLandmarks(found.points + corner, mesh, found.presence)


def _within(low: float, high: float, length: int) -> tuple[int, int]:
    """Whole pixels of an interval that lie in a frame."""
    return max(0, int(low)), min(length, int(high) + 2)


def _with_luma(image: Image, change: Callable[[Image], Image]) -> Image:
    """An RGB image whose luma is changed and whose colours stay."""
    planes = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb), np.uint8)
    planes[..., 0] = change(np.ascontiguousarray(planes[..., 0]))
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), np.uint8)
