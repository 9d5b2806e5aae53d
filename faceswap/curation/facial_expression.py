"""Facial expressions as a few numbers that have names and are comparable between people.

They are measured on frontal landmarks: those of the mesh, turned to the front, or where there is no
mesh the landmarks themselves, turned with the depth of the mean face.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import head_pose
from faceswap.geometry.landmarks68 import (
    BROWS,
    LEFT_EYE,
    MOUTH_CORNERS,
    RIGHT_EYE,
    lid_gap,
    mouth_gap,
)
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.geometry.mesh68 import mesh_to_68
from faceswap.geometry.mesh_shape import fit_shape, neutral_mesh

Pairs = Sequence[tuple[Faceset, Face]]

EXPRESSION = ("mouth opening", "mouth width", "mouth corners", "brows", "eyes")
"""Names of the numbers: gap of the lips; width of the mouth, height of its corners and of the brows
above those of the face at rest (all in face squares); openness of the eyes, 1 as usual."""

_NOSE_BASE = 33
_AT_REST = 0.2  # fraction of the faces, those with the most closed mouths and straightest heads
_TURN = 0.001  # face squares of mouth opening that a degree of turn counts for
_OPEN_EYES = 75  # percentile
_NEUTRAL_FROM = 1000  # faces
_BLOCK = 1000
_LEAST_COSINE = 0.35  # beyond 70 degrees little of a side of the face is visible


def facial_expressions(pairs: Pairs, *, meshes: bool) -> NDArray[np.float32]:
    """Expressions of one person's faces.

    Args:
        pairs: Faces of one person with their facesets.
        meshes: Whether to use the meshes, which all of the facesets must have.

    Returns:
        ``(N, 5) float32`` in the order of ``EXPRESSION``.

    Raises:
        FacesetError: A faceset has no meshes.
    """
    if not pairs:
        return np.zeros((0, len(EXPRESSION)), np.float32)
    frontal = _frontal_meshes(pairs) if meshes else frontal_landmarks([face for _, face in pairs])
    mouth, lids = mouth_gap(frontal), lid_gap(frontal)
    left, right = (frontal[:, corner] for corner in MOUTH_CORNERS)
    eyes = frontal[:, LEFT_EYE.start : RIGHT_EYE.stop, 1].mean(1)
    personal = np.stack(
        [
            np.linalg.norm(right - left, axis=1),
            frontal[:, _NOSE_BASE, 1] - (left + right)[:, 1] / 2,
            eyes - frontal[:, BROWS, 1].mean(1),
        ],
        1,
    )
    turn = [abs(face.yaw) + abs(face.pitch) for _, face in pairs]
    rest = np.argsort(mouth + _TURN * np.array(turn), kind="stable")
    personal -= np.median(personal[rest[: max(1, round(_AT_REST * len(pairs)))]], 0)
    openness = lids / max(float(np.percentile(lids, _OPEN_EYES)), 1e-6)
    return np.column_stack([mouth, personal, openness]).astype(np.float32)


def frontal_landmarks(faces: Sequence[Face]) -> NDArray[np.float64]:
    """Landmarks turned to the front, each with the depth of the mean face.

    Args:
        faces: Faces.

    Returns:
        ``(N, 68, 2)`` in face squares, in the space of the mean face.
    """
    found = np.empty((len(faces), 68, 2))
    for place, face in enumerate(faces):
        pose = head_pose(face.landmarks)
        seen = (face.landmarks - pose.translation) / pose.scale
        seen = seen - MEAN_FACE[:, 2:] * pose.rotation[:2, 2]
        u, singular, vt = np.linalg.svd(pose.rotation[:2, :2])
        found[place] = seen @ (u / np.maximum(singular, _LEAST_COSINE) @ vt)
    return found


def _frontal_meshes(pairs: Pairs) -> NDArray[np.float64]:
    """Landmarks of the meshes turned to the front, ``(N, 68, 2)`` in face squares."""
    sample = pairs[:: -(-len(pairs) // _NEUTRAL_FROM)]
    neutral = neutral_mesh(np.concatenate(list(_mesh_blocks(sample))))
    blocks = []
    for meshes in _mesh_blocks(pairs):
        shape = fit_shape(meshes, neutral)
        blocks.append(mesh_to_68(neutral + shape.expression)[..., :2])
    return np.concatenate(blocks)


def _mesh_blocks(pairs: Pairs) -> Iterator[NDArray[np.float32]]:
    """Meshes of the faces, at most 1000 at a time; those of one faceset are in memory."""
    for _, group in groupby(pairs, key=lambda pair: pair[0].path):
        own = list(group)
        faceset = own[0][0]
        rows = {face.image: row for row, face in enumerate(faceset.faces())}
        meshes = faceset.meshes()
        for start in range(0, len(own), _BLOCK):
            yield meshes[[rows[face.image] for _, face in own[start : start + _BLOCK]]]
