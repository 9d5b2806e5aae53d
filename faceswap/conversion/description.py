"""What a conversion is made from: the content of its manifest."""

from collections.abc import Mapping
from typing import Any

from faceswap.core.files import sha256_file
from faceswap.core.weights import weights_entry
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import ROWS
from faceswap.models.model_file import LoadedModel
from faceswap.provenance.manifest import Conversion
from faceswap.tracking.tracker import Tracker


def describe_conversion(
    loaded: LoadedModel, *shows: str, settings: Mapping[str, Any] | None = None
) -> Conversion:
    """Content of the manifest of a file that shows these identities of a model."""
    return Conversion(loaded.record(), shows, loaded.meta.subjects, settings or {})


def describe_faces(faces: Faceset | Tracker) -> dict[str, Any]:
    """Where the faces come from: hash of the rows of a faceset, or of the networks' weights."""
    if isinstance(faces, Faceset):
        return {"faceset": sha256_file(faces.path / ROWS)}
    names = (*faces.detector.weights, *faces.landmarker.weights)
    return {name: weights_entry(name).sha256 for name in names}
