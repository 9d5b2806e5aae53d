"""Tiny guided models of synthetic people."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from faceswap.conversion.faces.guidance import Guidance
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import (
    compose,
    crop_matrix,
    invert,
    normalised_matrix,
    transform_points,
    warp,
)
from faceswap.geometry.mesh68 import mesh_to_68
from faceswap.geometry.mesh_shape import fit_shape, neutral_mesh
from faceswap.models import build_model
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.model_file import LoadedModel, ModelMeta
from faceswap.models.references import MASK_SIDE, ReferenceSet
from tests.meshes import face_mesh

COVERAGE, SIDE = 1.25, 64
OPENINGS = (0.0, 0.1, 0.2, 0.3)
"""How far the mouth is open in the references of an identity, in face squares."""


def face_at(
    x: float = 120.0,
    opening: float = 0.0,
    width: float = 1.0,
    yaw: float = 0.0,
    track: int = 0,
    eyes: float = 0.04,
) -> SourceFace:
    """A face of 80 pixels in a frame."""
    c, s = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    turned = face_mesh(opening, width, eyes) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
    mesh = (80 * turned + [x, 100, 0]).astype(np.float32)
    return SourceFace(mesh_to_68(mesh)[:, :2], mesh, track)


def normalised(face: SourceFace) -> np.ndarray:
    """The mesh of a face in coordinates of its crop, ``(478, 2)``."""
    matrix = normalised_matrix(face.landmarks, COVERAGE)
    return transform_points(matrix, face.dense_mesh()[:, :2])


def reference_set(faces: Sequence[SourceFace], crops: np.ndarray) -> ReferenceSet:
    """References of a person: faces and their crops."""
    meshes = np.stack([face.dense_mesh() for face in faces])
    neutral = neutral_mesh(meshes[:1])
    shape = fit_shape(meshes, neutral)
    return ReferenceSet(
        crops,
        np.full((len(faces), MASK_SIDE, MASK_SIDE), 255, np.uint8),
        np.stack([normalised(face) for face in faces]).astype(np.float32),
        shape.expression.astype(np.float32),
        shape.pose.rotation.astype(np.float32),
        neutral.astype(np.float32),
    )


def stored_references(faceset: Faceset, rows: Sequence[int]) -> ReferenceSet:
    """References from some faces of a faceset."""
    meshes, faces, crops = faceset.meshes(), faceset.faces(), []
    for row in rows:
        landmarks, matrix = faces[row].landmarks, faces[row].matrix
        cut = compose(crop_matrix(landmarks, 2 * SIDE, COVERAGE), invert(matrix))
        crops.append(warp(faceset.load_crop(faces[row]), cut, 2 * SIDE))
    chosen = [SourceFace(faces[row].landmarks, meshes[row]) for row in rows]
    return reference_set(chosen, np.stack(crops))


def guided_model(**references: ReferenceSet) -> LoadedModel:
    """An untrained model with the references of each identity."""
    torch.manual_seed(0)
    options = {"size": SIDE, "detail": 2 * SIDE}
    model = build_model("anchored", list(references), options).eval()
    assert isinstance(model, GuidedAutoencoder)
    for name, chosen in references.items():
        model.references_of(name).fill(chosen)
    meta = ModelMeta("anchored", options, tuple(references), COVERAGE, 0)
    return LoadedModel(model, meta, "0" * 64, Path("model"))


def synthetic_people() -> LoadedModel:
    """``alice`` with a wide face and ``bob`` with a narrow one, each with ``OPENINGS``."""
    plain = np.full((len(OPENINGS), SIDE, SIDE, 3), 128, np.uint8)
    return guided_model(
        alice=reference_set([face_at(opening=one, width=1.2) for one in OPENINGS], plain),
        bob=reference_set([face_at(opening=one, width=0.8) for one in OPENINGS], plain),
    )


def guidance_to(to: str, loaded: LoadedModel | None = None) -> Guidance:
    """Guidance of a model of synthetic people."""
    model = (loaded or synthetic_people()).model
    assert isinstance(model, GuidedAutoencoder)
    return Guidance(model, to, COVERAGE)
