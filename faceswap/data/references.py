"""Geometry of an identity's faces, and the choice of its references among the training faces."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.data.cache import CropGeometry, training_crop
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import normalised_matrix
from faceswap.geometry.mesh_shape import FaceShape, fit_shape, neutral_mesh
from faceswap.geometry.similarity import Similarity
from faceswap.models.reference_choice import describe_halves, k_centres
from faceswap.models.references import (
    LARGEST_COORDINATE,
    MASK_SIDE,
    References,
    ReferenceSet,
    is_face,
)

_LEAST_SHARP = 0.2  # fraction of the training faces that are never references


@dataclass(frozen=True)
class FaceGeometry:
    """Geometry of faces of one identity.

    Attributes:
        shape: Neutral mesh of the identity; pose and expression of each face.
        matrices: From frame pixels to normalised coordinates of the training square of each face,
            ``(N, 2, 3)``.
    """

    shape: FaceShape
    matrices: NDArray[np.float64]

    def of(self, faces: NDArray[np.int64]) -> "FaceGeometry":
        """That of some of the faces."""
        pose = Similarity(*(value[faces] for value in self.shape.pose))
        shape = FaceShape(self.shape.neutral, pose, self.shape.expression[faces])
        return FaceGeometry(shape, self.matrices[faces])

    def shown_by(self, neutral: NDArray[np.floating]) -> "FaceGeometry":
        """That of another person with the same poses and expressions.

        Args:
            neutral: The other person's neutral mesh, ``(478, 3)`` in face squares.
        """
        return FaceGeometry(self.shape.shown_by(neutral.astype(np.float64)), self.matrices)

    def describe(self) -> list[NDArray[np.float32]]:
        """Descriptors of both halves of the faces; see ``reference_choice.descriptors``."""
        return describe_halves(self.shape.expression, self.shape.pose.rotation)

    def meshes(self) -> NDArray[np.float32]:
        """Meshes in normalised coordinates of the training squares, ``(N, 478, 2)``."""
        flat = self.shape.meshes()[..., :2]
        turned = flat @ np.swapaxes(self.matrices[..., :2], 1, 2)
        return (turned + self.matrices[:, None, :, 2]).astype(np.float32)


def measure_geometry(
    pairs: Sequence[tuple[Faceset, Face]], training: NDArray[np.int64], coverage: float
) -> FaceGeometry:
    """Geometry of an identity's faces.

    Args:
        pairs: Faces with their facesets.
        training: Indices of the training faces, whose median at rest is the neutral mesh.
        coverage: Side of the training square in face squares.

    Raises:
        FacesetError: A faceset has no meshes, or they are not those of the faces.
    """
    meshes = face_meshes(pairs)
    shape = fit_shape(meshes, neutral_mesh(meshes[training]))
    matrices = np.stack([normalised_matrix(face.landmarks, coverage) for _, face in pairs])
    geometry = FaceGeometry(shape, matrices.astype(np.float64))
    _check_coordinates(pairs, geometry)
    return geometry


def _check_coordinates(pairs: Sequence[tuple[Faceset, Face]], geometry: FaceGeometry) -> None:
    """Refuses what a model could not be read with."""
    if not is_face(geometry.shape.neutral):
        raise FacesetError(
            f"Expected meshes of a face in {pairs[0][0].path}, found flat ones.",
            "Extract the source again with --overwrite.",
        )
    reach = np.maximum(
        np.abs(geometry.meshes()).max((1, 2)), np.abs(geometry.shape.expression).max((1, 2))
    )
    worst = int(reach.argmax())
    if reach[worst] >= LARGEST_COORDINATE:
        faceset, face = pairs[worst]
        raise FacesetError(
            f"Expected the mesh of a face for {face.image} of {faceset.path}, found one that "
            f"reaches {reach[worst]:.0f} times as far.",
            "Delete this image, or extract the source again with --overwrite.",
        )


def face_meshes(pairs: Sequence[tuple[Faceset, Face]]) -> NDArray[np.float32]:
    """Meshes of faces, ``(N, 478, 3)`` in frame pixels.

    Args:
        pairs: Faces with their facesets.

    Raises:
        FacesetError: A faceset has no meshes, or they are not those of the faces.
    """
    found = []
    for _, group in groupby(pairs, key=lambda pair: pair[0].path):
        own = list(group)
        faceset = own[0][0]
        rows = {face.image: row for row, face in enumerate(faceset.faces())}
        found.append(faceset.meshes()[[rows[face.image] for _, face in own]])
    return np.concatenate(found)


def choose_references(
    pairs: Sequence[tuple[Faceset, Face]],
    training: NDArray[np.int64],
    geometry: FaceGeometry,
    count: int,
) -> NDArray[np.int64]:
    """Chooses sharp training faces that cover the poses and expressions of all of them.

    Args:
        pairs: Faces with their facesets.
        training: Indices of the training faces.
        geometry: Geometry of the faces.
        count: Number to choose; fewer if there are fewer.

    Returns:
        Indices of the references.
    """
    sharpness = np.array([pairs[face][1].sharpness for face in training])
    sharp = training[sharpness >= np.quantile(sharpness, _LEAST_SHARP)]
    described = geometry.of(sharp).describe()
    return sharp[k_centres(np.concatenate(described, 1), count)]


def find_references(references: References, geometry: FaceGeometry) -> NDArray[np.int64]:
    """Which faces the references of a model were cut from, as indices, ``(R,)``.

    Args:
        references: References of an identity.
        geometry: Geometry of the training faces of the identity.
    """
    meshes, wanted = geometry.meshes(), references.meshes.cpu().numpy()
    return np.array([np.abs(meshes - mesh).mean((1, 2)).argmin() for mesh in wanted])


def cut_references(
    pairs: Sequence[tuple[Faceset, Face]],
    chosen: NDArray[np.int64],
    geometry: FaceGeometry,
    side: int,
    coverage: float,
) -> ReferenceSet:
    """Crops, masks and geometry of the chosen references.

    Args:
        pairs: Faces with their facesets.
        chosen: Indices of the references.
        geometry: Geometry of the faces.
        side: Side of the crops in pixels.
        coverage: Side of the training square in face squares.

    Raises:
        FacesetError: A crop or a mask is missing, cannot be read or has another size.
    """
    cut = CropGeometry(side, coverage, side)
    layers = [training_crop(faceset, face, cut) for faceset, face in map(pairs.__getitem__, chosen)]
    masks = [
        cv2.resize(each[..., 3], (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA)
        for each in layers
    ]
    shown = geometry.of(chosen)
    return ReferenceSet(
        np.stack([each[..., :3] for each in layers]),
        np.stack(masks).astype(np.uint8, copy=False),
        shown.meshes(),
        shown.shape.expression.astype(np.float32),
        shown.shape.pose.rotation.astype(np.float32),
        shown.shape.neutral.astype(np.float32),
    )
