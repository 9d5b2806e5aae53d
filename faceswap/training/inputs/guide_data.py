"""What a guided model is trained with besides its batches: geometry and references of all faces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from faceswap.data.guides import GuideSource, best_guides, build_guide_source
from faceswap.data.references import (
    FaceGeometry,
    choose_references,
    cut_references,
    measure_geometry,
)
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.guides import Guides
from faceswap.models.references import References


@dataclass(frozen=True)
class GuideData:
    """Geometry and references of the faces of each identity.

    Attributes:
        geometries: Geometry of all faces of each identity, in the order of its cache.
        references: References of each identity.
        sources: Sources of the guides of training batches.
    """

    geometries: Mapping[str, FaceGeometry]
    references: Mapping[str, References]
    sources: Mapping[str, GuideSource]

    def fill(self, model: nn.Module) -> None:
        """Gives a model the references of its identities."""
        assert isinstance(model, GuidedAutoencoder)
        for name, references in self.references.items():
            model.references_of(name).load_state_dict(references.state_dict())

    def best(self, name: str, faces: NDArray[np.int64]) -> dict[str, Guides]:
        """Guides of some faces of an identity, by the identity to decode them as.

        A face decoded as its own identity is not shown its neighbours in time: it would be judged
        by how well they are copied.
        """
        geometry, source = self.geometries[name].of(faces), self.sources[name]
        own = {name: [source.allowed(face) for face in faces]}
        return {
            to: best_guides(geometry, bank, own.get(to)) for to, bank in self.references.items()
        }


def prepare_guide_data(
    model: nn.Module,
    pairs: Mapping[str, Sequence[tuple[Faceset, Face]]],
    training: Mapping[str, NDArray[np.int64]],
    count: int,
    coverage: float,
) -> GuideData | None:
    """Measures the faces and chooses the references of each identity.

    Args:
        model: The model, for the size of its references.
        pairs: Faces of each identity with their facesets, in the order of its cache.
        training: Indices of the training faces of each identity.
        count: Number of references of each identity; fewer if there are fewer faces.
        coverage: Side of the training square in face squares.

    Returns:
        None for a model that is not guided.

    Raises:
        FacesetError: A faceset has no meshes, or a crop cannot be read.
    """
    if not isinstance(model, GuidedAutoencoder):
        return None
    geometries: dict[str, FaceGeometry] = {}
    references: dict[str, References] = {}
    sources: dict[str, GuideSource] = {}
    for name, faces in pairs.items():
        geometry = measure_geometry(faces, training[name], coverage)
        chosen = choose_references(faces, training[name], geometry, count)
        references[name] = References()
        references[name].fill(cut_references(faces, chosen, geometry, model.detail, coverage))
        sources[name] = build_guide_source(faces, geometry, chosen)
        geometries[name] = geometry
    return GuideData(geometries, references, sources)
