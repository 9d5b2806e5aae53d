"""Sharpness of a face: the energy of its fine detail over that of the target's real faces.

The fine detail is the contrast in a band of spatial frequencies below the resolution of the smaller
of both faces, so a face that is larger in its footage is brought down to the size of the other one
and has no advantage. Contrast is relative to the brightness around it: other light changes both.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import crop_matrix, head_pose, transform_points, warp
from faceswap.maskers.hull import fill_hull
from faceswap.people.embeddings import MAX_REFERENCE_FACES, evenly_spaced

Points = NDArray[np.floating]

_SIZES = [round(32 * 2 ** (step / 4)) for step in range(17)]  # 32 to 512 px
_COVERAGE = 1.25
# Sampled twice as densely as the size, so that the filters of `warp`, which depend on the size of
# the face in its image, hardly reach the band.
_OVERSAMPLING = 2
# Blurs whose difference is the band, in pixels of the size: it peaks at a period of 4 pixels.
_FINE, _COARSE = 0.6, 1.2
_SURROUNDINGS = 0.1  # standard deviation of the blur that gives the brightness, in face squares
_DARK = 8.0  # levels of 255 added to the brightness: shadows have noise and no contrast
_EROSION = 0.1  # face squares: keeps seam, hairline and outline of the head out


class RealDetail:
    """Energy of the fine detail of an identity's real faces.

    Args:
        faces: Faces of facesets, at least one; ``MAX_REFERENCE_FACES`` evenly spaced ones are used.
    """

    def __init__(self, faces: Sequence[tuple[Faceset, Face]]) -> None:
        chosen = evenly_spaced(range(len(faces)), MAX_REFERENCE_FACES)
        self._faces = [faces[position] for position in chosen]
        stored = [faceset.crop_size / faceset.crop_coverage for faceset, _ in self._faces]
        in_frames = [head_pose(face.landmarks).scale for _, face in self._faces]
        self._stored = float(np.median(stored))  # px per face square
        self._size = float(np.median(np.minimum(stored, in_frames)))
        self._energies: dict[int, float] = {}

    def sharpness(self, image: NDArray[np.uint8], landmarks: Points) -> float:
        """Energy of the detail of a face over the mean of the real faces at the same size.

        Args:
            image: Image, ``(H, W, 3) uint8 RGB``.
            landmarks: Landmarks of the face, ``(68, 2)`` in pixels.

        Returns:
            1 for a face as sharp as the real ones; less for blur, more for noise.
        """
        size = _measured_size(min(self._size, head_pose(landmarks).scale))
        if size not in self._energies:
            self._energies[size] = self._mean_energy(size)
        # Cropped as the real faces are stored, which costs some of the finest detail.
        side = round(_COVERAGE * self._stored)
        matrix = crop_matrix(landmarks, side, _COVERAGE)
        crop, points = warp(image, matrix, side), transform_points(matrix, landmarks)
        return detail_energy(crop, points, size) / max(self._energies[size], 1e-12)

    def _mean_energy(self, size: int) -> float:
        # The crops are read again for each size: a clip has few, and all crops take much memory.
        return float(
            np.mean(
                [
                    detail_energy(
                        faceset.load_crop(face), transform_points(face.matrix, face.landmarks), size
                    )
                    for faceset, face in self._faces
                ]
            )
        )


def detail_energy(image: NDArray[np.uint8], landmarks: Points, size: int) -> float:
    """Mean square of the fine contrast inside a face.

    Args:
        image: Image, ``(H, W, 3) uint8 RGB``.
        landmarks: Landmarks of the face, ``(68, 2)`` in pixels.
        size: Side of the face square in pixels at which the detail is measured.
    """
    zoom = _OVERSAMPLING * size  # pixels per face square
    side = round(_COVERAGE * zoom)
    matrix = crop_matrix(landmarks, side, _COVERAGE)
    luma = cv2.cvtColor(warp(image, matrix, side), cv2.COLOR_RGB2GRAY).astype(np.float32)
    band = _blurred(luma, _FINE * _OVERSAMPLING) - _blurred(luma, _COARSE * _OVERSAMPLING)
    contrast = band / (_blurred(luma, _SURROUNDINGS * zoom) + _DARK)
    inside = fill_hull(side, transform_points(matrix, landmarks), forehead=0.0) > 127
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    inner = depth > _EROSION * zoom
    return float(np.square(contrast[inner]).mean()) if inner.any() else 0.0


def _blurred(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(
        cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE), np.float32
    )


def _measured_size(size: float) -> int:
    """The next smaller of the sizes at which real faces are measured, in pixels."""
    step = math.floor(4 * math.log2(max(size, _SIZES[0]) / _SIZES[0]) + 1e-9)
    return _SIZES[min(step, len(_SIZES) - 1)]
