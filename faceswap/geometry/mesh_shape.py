"""Shape of a face in 3D: a person's neutral mesh, and pose and expression of each frame.

A frame's mesh is ``scale * rotation @ (neutral + expression) + translation``. The neutral mesh is
the person at rest, so that another person can show the same expression: it is added to the other
neutral mesh. The mean mesh would not do: that of someone who talks throughout the footage is open.

Neutral meshes are in the space of the mean face: upright, frontal, in face squares, with nose and
eye corners nearest to those of ``MEAN_FACE``. Two people in the same pose therefore also have the
same angles, as pose is measured.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.geometry.landmarks68 import LEFT_EYE_CORNERS, NOSE, RIGHT_EYE_CORNERS
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.geometry.mesh68 import mesh_to_68
from faceswap.geometry.similarity import Similarity, fit_similarity, without_roll

FACE_POINTS = 468
"""Points of a mesh without its irises."""
POINTS = 478
"""Number of points of a mesh: those of the face, then five of each iris, its centre first."""


class EyePoints(NamedTuple):
    """Mesh points of one eye.

    Attributes:
        corners: The two corners, at image left and at image right.
        contour: Edges of both lids, in the order of MediaPipe's iris network.
        upper: Edge of the upper lid.
        lower: Edge of the lower lid, each point opposite one of the upper lid.
        iris: Centre and edge of the iris.
    """

    corners: tuple[int, int]
    contour: NDArray[np.int64]
    upper: NDArray[np.int64]
    lower: NDArray[np.int64]
    iris: NDArray[np.int64]


def _eye(corners: tuple[int, int], lower: list[int], upper: list[int], iris: int) -> EyePoints:
    """An eye; the edges run from its outer to its inner corner, of which the lower has both."""
    contour = np.array([*lower, *upper])
    return EyePoints(
        corners, contour, np.array(upper), np.array(lower[1:-1]), np.arange(iris, iris + 5)
    )


LEFT_EYE = _eye(
    (33, 133),
    [33, 7, 163, 144, 145, 153, 154, 155, 133],
    [246, 161, 160, 159, 158, 157, 173],
    468,
)
RIGHT_EYE = _eye(
    (362, 263),
    [263, 249, 390, 373, 374, 380, 381, 382, 362],
    [466, 388, 387, 386, 385, 384, 398],
    473,
)
"""The eyes at image left and at image right."""

PUPILS = np.array([LEFT_EYE.iris[0], RIGHT_EYE.iris[0]])
"""Centres of the irises."""

# Points that no expression moves: forehead, temples, nose bridge, nose tip and eye corners.
RIGID = np.array(
    [
        *(10, 338, 297, 332, 284, 251, 389, 109, 67, 103, 54, 21, 162),
        *(6, 197, 195, 5, 4, 1, 168, 33, 263, 133, 362, 127, 356, 93, 323),
    ]
)
CORNERS = np.r_[NOSE, LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS]
"""Of landmarks68: nose and eye corners, which no expression moves. They make a mesh upright, and
must not all be one point."""

UPPER_LIDS = np.concatenate([LEFT_EYE.upper, RIGHT_EYE.upper])
LOWER_LIDS = np.concatenate([LEFT_EYE.lower, RIGHT_EYE.lower])
UPPER_LIP = np.array([191, 80, 81, 82, 13, 312, 311, 310, 415])
LOWER_LIP = np.array([95, 88, 178, 87, 14, 317, 402, 318, 324])
"""Points along the edges of eyes and inner lips; each lower point is opposite an upper one."""
INNER_LIP_CORNERS = (78, 308)
"""Where the inner lips meet, at image left and at image right."""

_AT_REST = 0.2  # fraction of the frames
_FEWEST = 8
_LARGEST_STRETCH = 2.0


@dataclass(frozen=True)
class FaceShape:
    """A person's neutral mesh, and pose and expression of some frames.

    Attributes:
        neutral: Neutral mesh, ``(478, 3)`` in face squares, in the space of the mean face.
        pose: Similarity of each frame from that space to the frame's.
        expression: Displacement from the neutral mesh, ``(N, 478, 3)`` in face squares.
    """

    neutral: NDArray[np.float64]
    pose: Similarity
    expression: NDArray[np.float64]

    def meshes(self) -> NDArray[np.float64]:
        """Meshes of the frames, ``(N, 478, 3)`` in the space of the frames."""
        return self.pose.apply(self.neutral + self.expression)

    def shown_by(self, neutral: NDArray[np.float64]) -> "FaceShape":
        """The same poses and expressions, shown by another person of the same size.

        Lids move in proportion to the openings of the neutral eyes, so that closed ones are closed.

        Args:
            neutral: The other person's neutral mesh.
        """
        expression = self.expression.copy()
        own, other = (
            _gap(face[None], UPPER_LIDS, LOWER_LIDS)[0] for face in (self.neutral, neutral)
        )
        stretch = np.clip(other / max(own, 1e-6), 1 / _LARGEST_STRETCH, _LARGEST_STRETCH)
        expression[:, np.r_[UPPER_LIDS, LOWER_LIDS]] *= stretch
        return FaceShape(neutral, self.pose, expression)


def neutral_mesh(meshes: ArrayLike) -> NDArray[np.float64]:
    """Mesh of a person at rest: the median of frames with closed mouth and straight head.

    Args:
        meshes: Meshes of one person, ``(N, 478, 3)`` in pixels, z in the same unit.

    Returns:
        ``(478, 3)`` in face squares, in the space of the mean face.
    """
    meshes = np.asarray(meshes, np.float64)
    aligned = upright(meshes)
    turned = fit_similarity(MEAN_FACE[CORNERS], mesh_to_68(meshes)[:, CORNERS]).rotation
    # 0 for a straight head; one that is turned by 25 degrees counts as much as a mouth that is open
    # by 6 percent of the face square.
    tilt = 1 - np.trace(without_roll(turned), axis1=1, axis2=2) / 3
    rest = np.argsort(_gap(aligned, UPPER_LIP, LOWER_LIP) + tilt, kind="stable")
    chosen = aligned[rest[: max(_FEWEST, round(_AT_REST * len(meshes)))]]
    neutral = chosen[0]
    for _ in range(2):
        onto = fit_similarity(chosen[:, RIGID], neutral[RIGID])
        neutral = np.median(onto.apply(chosen), 0)
    neutral = upright(neutral[None])[0]
    # Eyes at rest look ahead, whatever they look at in most of the footage.
    for eye in (LEFT_EYE, RIGHT_EYE):
        neutral[eye.iris, 0] += neutral[list(eye.corners), 0].mean() - neutral[eye.iris[0], 0]
    return neutral


def fit_shape(meshes: ArrayLike, neutral: NDArray[np.float64]) -> FaceShape:
    """Pose and expression of frames of one person.

    Args:
        meshes: Meshes, ``(N, 478, 3)`` in pixels, z in the same unit.
        neutral: The person's neutral mesh.
    """
    meshes = np.asarray(meshes, np.float64)
    pose = fit_similarity(neutral[RIGID], meshes[:, RIGID])
    return FaceShape(neutral, pose, pose.undo(meshes) - neutral)


def upright(meshes: NDArray[np.floating]) -> NDArray[np.float64]:
    """Meshes ``(N, 478, 3)`` in the space of the mean face."""
    corners = mesh_to_68(meshes)[:, CORNERS]
    return fit_similarity(MEAN_FACE[CORNERS], corners).undo(meshes)


def _gap(
    meshes: NDArray[np.float64], upper: NDArray[np.int64], lower: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean distance of opposite points, ``(N,)``."""
    return np.linalg.norm(meshes[:, upper] - meshes[:, lower], axis=-1).mean(-1)


def with_irises(mesh: NDArray[np.floating]) -> NDArray[Any]:
    """Meshes of the points of a face alone, completed by irises in the middle of the eyes.

    It is linear, so that it completes displacements as well.

    Args:
        mesh: Meshes or displacements, ``(..., 468, D)``.

    Returns:
        ``(..., 478, D)`` of the same type.
    """
    middles = [mesh[..., eye.contour, :].mean(-2, keepdims=True) for eye in (LEFT_EYE, RIGHT_EYE)]
    irises = [np.repeat(middle, len(LEFT_EYE.iris), -2) for middle in middles]
    return np.concatenate([mesh, *irises], -2, dtype=mesh.dtype)
