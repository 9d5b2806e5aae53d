"""Measures of faces, by name: those of their rows, and those of their pixels."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.curation.thumbnails import Thumbnails
from faceswap.facesets.face import Face
from faceswap.geometry.alignment import head_pose
from faceswap.geometry.landmarks68 import INNER, lid_gap, mouth_gap
from faceswap.geometry.mean_face import MEAN_FACE

T = TypeVar("T")
Values = NDArray[np.float32]
Faces = Sequence[Face]

_BLOCK = 1000  # thumbnails at a time
_GAMMA = 2.2
_DARKEST = 4.0  # of 255: black pixels have no logarithm
_FEATURE = 0.7  # stops below the skin around: brows, eyes, nostrils, hair


@dataclass(frozen=True)
class Measure(Generic[T]):
    """A number that each face has.

    Attributes:
        title: Title of a chart.
        unit: Unit; empty for a number without one.
        meaning: Explanation in a sentence.
        of: Computes the values, ``(N,) float32``, from all faces or their thumbnails.
    """

    title: str
    unit: str
    meaning: str
    of: Callable[[T], Values]


def _column(name: str) -> Callable[[Faces], Values]:
    return lambda faces: np.array([getattr(face, name) for face in faces], np.float32)


def stacked_landmarks(faces: Faces) -> NDArray[np.float32]:
    """Landmarks of faces, ``(N, 68, 2)`` in frame pixels."""
    return np.array([face.landmarks for face in faces], np.float32).reshape(-1, 68, 2)


def mouth_openings(faces: Faces) -> Values:
    """Gaps between the inner lips, ``(N,)`` in face squares; 0 for a closed mouth."""
    return mouth_gap(stacked_landmarks(faces)) / _column("size")(faces)


def eye_openings(faces: Faces) -> Values:
    """Gaps between the lids, mean of both eyes, ``(N,)`` in face squares."""
    return lid_gap(stacked_landmarks(faces)) / _column("size")(faces)


def misfits(faces: Faces) -> Values:
    """Mean distances of the inner landmarks from those of the mean face in the same pose.

    Returns:
        ``(N,)`` in face squares. Expressions of a face reach 0.1; landmarks that are not on a face
        have more.
    """
    poses = [head_pose(face.landmarks) for face in faces]
    apart = [
        np.linalg.norm(face.landmarks[INNER] - pose.project(MEAN_FACE[INNER]), axis=1).mean()
        / pose.scale
        for face, pose in zip(faces, poses, strict=True)
    ]
    return np.array(apart, np.float32)


def turns(faces: Faces) -> Values:
    """Angles between the head's direction and the camera's, ``(N,)`` in degrees."""
    yaw, pitch = (np.radians(_column(name)(faces)) for name in ("yaw", "pitch"))
    return np.degrees(np.arccos((np.cos(yaw) * np.cos(pitch)).clip(-1, 1)))


MEASURES: dict[str, Measure[Faces]] = {
    "yaw": Measure("yaw", "°", "Turn of the head towards image right.", _column("yaw")),
    "pitch": Measure("pitch", "°", "Turn of the head upwards.", _column("pitch")),
    "roll": Measure("roll", "°", "Tilt of the head clockwise in the image.", _column("roll")),
    "turn": Measure("turn", "°", "Angle between the head's direction and the camera's.", turns),
    "size": Measure(
        "size", "px", "Side of the face, brows to chin, in pixels of the frame.", _column("size")
    ),
    "sharpness": Measure(
        "sharpness", "", "Variance of the Laplacian over the face at a fixed size; higher is "
        "sharper.", _column("sharpness"),
    ),
    "exposure": Measure("exposure", "", "Mean luma of the face, 0 to 1.", _column("exposure")),
    "score": Measure("score", "", "Confidence of the detection, 0 to 1.", _column("score")),
    "mouth_opening": Measure(
        "mouth opening", "", "Gap between the lips, as a fraction of the face's side; 0 is closed.",
        mouth_openings,
    ),
    "eye_opening": Measure(
        "eye opening", "", "Gap between the lids, as a fraction of the face's side.", eye_openings
    ),
    "misfit": Measure(
        "misfit", "", "Distance of the landmarks from those of a mean face in the same pose, as a "
        "fraction of the face's side.", misfits,
    ),
}  # fmt: skip
"""Measures of the rows of a faceset, by name."""


def light_slopes(thumbnails: Thumbnails) -> NDArray[np.float32]:
    """Change of brightness across faces: a plane fitted to the logarithm of their skin.

    Args:
        thumbnails: Thumbnails of faces.

    Returns:
        ``(N, 2)`` in stops a face square, towards image right and upwards. (1, 0): the face is
        twice as bright at its right side in the image as at its left.
    """
    blocks = [
        _plane(_stops(thumbnails.images[at : at + _BLOCK]), thumbnails.masks[at : at + _BLOCK])
        for at in range(0, len(thumbnails.images), _BLOCK)
    ]
    found = np.concatenate([np.zeros((0, 2)), *blocks])
    return (found * thumbnails.square * [1, -1]).astype(np.float32)


def brightness(thumbnails: Thumbnails) -> Values:
    """Mean brightness of the skin, ``(N,)`` in stops below white."""
    blocks = [
        np.average(
            _stops(thumbnails.images[at : at + _BLOCK]),
            axis=(1, 2),
            weights=thumbnails.masks[at : at + _BLOCK] + np.float32(1e-6),
        )
        for at in range(0, len(thumbnails.images), _BLOCK)
    ]
    return np.concatenate([np.zeros(0), *blocks]).astype(np.float32)


def _stops(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Logarithm of the light of ``(N, S, S, 3)`` RGB, ``(N, S, S)`` in stops below white."""
    luma = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in images])
    light = np.maximum(luma, _DARKEST).astype(np.float32) / 255
    return np.asarray(_GAMMA * np.log2(light), np.float32)


def _plane(values: NDArray[np.float32], masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Slopes per thumbnail of the plane through the masked pixels, without dark features."""
    side = values.shape[1]
    places = (np.arange(side) + 0.5) / side - 0.5
    across, down = np.meshgrid(places, places)
    terms = np.stack([np.ones(side * side), across.ravel(), down.ravel()], 1)
    values, weights = values.reshape(len(values), -1), masks.reshape(len(masks), -1).astype(float)
    plane = np.zeros((len(values), 3))
    for _ in range(3):
        # A little weight everywhere: a face with a tiny mask has a plane too.
        normal = np.einsum("np,pi,pj->nij", weights, terms, terms) + 1e-3 * np.eye(3)
        plane = np.linalg.solve(normal, ((weights * values) @ terms)[..., None])[..., 0]
        weights = weights * (values > plane @ terms.T - _FEATURE)
    return plane[:, 1:]


def _slope(axis: int) -> Callable[[Thumbnails], Values]:
    return lambda thumbnails: light_slopes(thumbnails)[:, axis]


PIXEL_MEASURES: dict[str, Measure[Thumbnails]] = {
    "light_right": Measure(
        "light from the side", "stops", "Change of brightness across the face towards image right; "
        "negative where image left is brighter.", _slope(0),
    ),
    "light_up": Measure(
        "light from above", "stops", "Change of brightness across the face upwards; negative where "
        "the chin is brighter.", _slope(1),
    ),
    "brightness": Measure("brightness", "stops", "Brightness of the skin below white.", brightness),
}  # fmt: skip
"""Measures of pixels, by name; they need every crop decoded once."""
