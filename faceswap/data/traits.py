"""What is measured of training faces: pose, expression, sharpness, and where they come from."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.data.matching import describe_placed, place_landmarks
from faceswap.data.people_split import people_of
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
        sources: Number of what is to be equally frequent, ``(N,) int64``: of the person in the
            crowd; of the faceset, and the person in it, in other identities.
        people: Number of the person, ``(N,) int64``; 0 in identities of one person.
    """

    landmarks: NDArray[np.float32]
    expressions: NDArray[np.float32]
    angles: NDArray[np.float32]
    openings: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    sources: NDArray[np.int64]
    people: NDArray[np.int64]


def measure_traits(pairs: Sequence[tuple[Faceset, Face]], *, crowd: bool = False) -> FaceTraits:
    """Traits of faces.

    Args:
        pairs: Faces of one identity with their facesets.
        crowd: Whether the identity is the crowd, and not one person.
    """
    faces = [face for _, face in pairs]
    placed = place_landmarks([face.landmarks for face in faces])
    if crowd:
        sources = people = _numbers(people_of(pairs))
    else:
        sources = _numbers([(str(faceset.path), face.person) for faceset, face in pairs])
        people = np.zeros_like(sources)
    return FaceTraits(
        (placed - 0.5).astype(np.float32),  # the centre of a crop of two pixels
        describe_placed(placed, people),
        np.array([(face.yaw, face.pitch) for face in faces], np.float32),
        np.stack([mouth_gap(placed), lid_gap(placed)], 1).astype(np.float32),
        np.array([face.sharpness for face in faces], np.float32),
        sources,
        people,
    )


def _numbers(names: Sequence[Hashable]) -> NDArray[np.int64]:
    """Numbers of different names, from 0 in the order of their first places."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
