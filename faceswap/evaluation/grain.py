"""Grain of a swapped face: its noise over the noise around it."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.detail.noise import measure_noise
from faceswap.geometry.alignment import head_pose
from faceswap.maskers.hull import hull_polygon

Image = NDArray[np.uint8]

_AROUND = 0.75  # face squares around the landmarks
_EDGE = 0.08  # face squares on both sides of the outline: seam, hairline and shadows do not count
_LEAST = 0.1  # levels of 255: a picture with less noise than this is a drawing


def grain(before: Image, after: Image, landmarks: NDArray[np.floating]) -> float | None:
    """Noise of a face over the noise around it, relative to the same ratio in the source.

    Real skin has texture, and is lit unlike what is around it, so the ratio is not 1 in real
    footage either. Noise is the standard deviation of luma in smooth places; see
    ``conversion.detail.noise``.

    Args:
        before: Source frame, ``(H, W, 3) uint8 RGB``.
        after: Output frame, ``(H, W, 3) uint8 RGB``.
        landmarks: Landmarks, ``(68, 2)`` in pixels of both.

    Returns:
        1 for a face that is as noisy as that of the source; less for a smoother one. None if one of
        the places has no noise or is too small.
    """
    ratios = [_relative_noise(image, landmarks) for image in (before, after)]
    if ratios[0] is None or ratios[1] is None or not ratios[0]:
        return None
    return ratios[1] / ratios[0]


def _relative_noise(image: Image, landmarks: NDArray[np.floating]) -> float | None:
    unit = head_pose(landmarks).scale
    low = np.floor(landmarks.min(0) - _AROUND * unit).astype(int).clip(0)
    high = np.ceil(landmarks.max(0) + _AROUND * unit).astype(int).clip(0)
    region = image[low[1] : high[1], low[0] : high[0]]
    if not region.size:
        return None
    inside, outside = _places(region.shape[:2], hull_polygon(landmarks, forehead=0) - low, unit)
    pixels = torch.from_numpy(region).permute(2, 0, 1).float()[None] / 255
    both = torch.from_numpy(np.stack([inside, outside])[:, None].astype(np.float32))
    noise = 255 * measure_noise(pixels.expand(2, -1, -1, -1), both)[:, 0, 0].sqrt()
    of_face, around = noise.tolist()
    return None if around < _LEAST or of_face < _LEAST else of_face / around


def _places(
    shape: tuple[int, ...], outline: NDArray[np.floating], unit: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels of the face and around it, without those at its outline."""
    face = np.zeros(shape, np.uint8)
    cv2.fillConvexPoly(face, outline.round().astype(np.int32), 1)
    inwards, outwards = (
        cv2.distanceTransform(each, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for each in (face, 1 - face)
    )
    return np.asarray(inwards > _EDGE * unit), np.asarray(outwards > _EDGE * unit)
