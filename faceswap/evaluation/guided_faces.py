"""Guides the faces of facesets, for guided models under evaluation."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from faceswap.conversion.faces.guidance import Guidance
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.data.guides import best_guides, build_guide_source
from faceswap.data.references import face_meshes, find_references, measure_geometry
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.guides import Guides
from faceswap.models.model_file import LoadedModel

Pairs = Sequence[tuple[Faceset, Face]]


def guide_faces(faces: Pairs, guidance: Guidance, name: str) -> list[SourceFace]:
    """The faces of an identity of the model with their guides, in their order.

    Faces of consecutive frames of a video are planned together; all others are planned alone.

    Args:
        faces: Facesets and faces.
        guidance: Guidance of the target identity.
        name: Identity that the faces show.

    Raises:
        FacesetError: A faceset has no meshes.
    """
    neutral = guidance.neutral_of_identity(name)
    guided = []
    for piece in _consecutive(faces):
        guided += guidance.guide_track(piece, neutral)
    return guided


def own_guides(loaded: LoadedModel, faces: Pairs, training: Pairs, name: str) -> Guides | None:
    """Guides of held-out faces to be decoded as their own identity.

    As in training, no face is shown its neighbours in time: it would be judged by how well they
    are copied.

    Args:
        loaded: Model.
        faces: Held-out faces of the identity.
        training: Training faces of the identity; some of them are the references of the model.
        name: Name of the identity.

    Returns:
        Guides of the faces; None unless the model is guided.

    Raises:
        FacesetError: A faceset has no meshes.
    """
    if not isinstance(loaded.model, GuidedAutoencoder):
        return None
    pairs = [*training, *faces]
    trained, shown = np.arange(len(training)), range(len(training), len(pairs))
    geometry = measure_geometry(pairs, trained, loaded.coverage)
    references = loaded.model.references_of(name)
    source = build_guide_source(pairs, geometry, find_references(references, geometry.of(trained)))
    allowed = [source.allowed(face) for face in shown]
    return best_guides(geometry.of(np.array(shown)), references, allowed)


def _consecutive(faces: Pairs) -> Iterator[list[SourceFace]]:
    """Faces of consecutive frames of one track; each photo by itself."""
    piece: list[SourceFace] = []
    last: tuple[Path, int, int] | None = None
    for (faceset, face), mesh in zip(faces, face_meshes(faces), strict=True):
        follows = faceset.is_video and last == (faceset.path, face.track, face.frame - 1)
        if piece and not follows:
            yield piece
            piece = []
        piece.append(SourceFace(face.landmarks, mesh, face.track))
        last = faceset.path, face.track, face.frame
    if piece:
        yield piece
