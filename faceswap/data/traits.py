"""What is measured of training faces: pose, expression, sharpness, and where they come from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.data.matching import describe_placed, place_landmarks
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.landmarks68 import lid_gap, mouth_gap


@dataclass(frozen=True)
class FaceTraits:
    """Traits of faces of one identity.

    Attributes:
        landmarks: Landmarks68 in the upright face, ``(N, 68, 2) float32`` in face squares from the
            centre of the crop.
        expressions: Descriptors of pose and expression, ``(N, D) float32``; see
            ``matching.expressions``.
        angles: Yaw and pitch in degrees, ``(N, 2) float32``. Roll is not seen: crops are upright.
        openings: Opening of the mouth and of the eyes in face squares, ``(N, 2) float32``.
        sharpness: Sharpness of the crops, ``(N,) float32``; see ``Face.sharpness``.
        sources: Number of the faceset, and of the person in it, that a face is of, ``(N,) int64``.
    """

    landmarks: NDArray[np.float32]
    expressions: NDArray[np.float32]
    angles: NDArray[np.float32]
    openings: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    sources: NDArray[np.int64]


def measure_traits(pairs: Sequence[tuple[Faceset, Face]]) -> FaceTraits:
    """Traits of faces.

    Args:
        pairs: Faces of one identity with their facesets.
    """
    faces = [face for _, face in pairs]
    placed = place_landmarks([face.landmarks for face in faces])
    numbers: dict[tuple[str, str | None], int] = {}
    sources = [
        numbers.setdefault((str(faceset.path), face.person), len(numbers))
        for faceset, face in pairs
    ]
    return FaceTraits(
        (placed - 0.5).astype(np.float32),  # the centre of a crop of two pixels
        describe_placed(placed),
        np.array([(face.yaw, face.pitch) for face in faces], np.float32),
        np.stack([mouth_gap(placed), lid_gap(placed)], 1).astype(np.float32),
        np.array([face.sharpness for face in faces], np.float32),
        np.array(sources, np.int64),
    )
