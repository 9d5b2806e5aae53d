"""Describes the inputs of a conversion for its manifest."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.faces.kept_faces import kept_faces
from faceswap.conversion.faces.sparse_faces import search_all
from faceswap.conversion.faces.targets import Targets
from faceswap.core.files import sha256_file
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import ROWS
from faceswap.models.model_file import LoadedModel
from faceswap.provenance.manifest import Conversion


def describe_conversion(
    loaded: LoadedModel,
    *shows: str,
    settings: Mapping[str, Any] | None = None,
    mapping: Sequence[Mapping[str, str]] = (),
) -> Conversion:
    """Content of the manifest of a file that shows these identities of a model."""
    return Conversion(loaded.record(), shows, loaded.meta.subjects, settings or {}, mapping)


def describe_targets(
    loaded: LoadedModel, targets: Targets, settings: Mapping[str, Any]
) -> Conversion:
    """Content of the manifest of a file whose faces are swapped to targets."""
    rules = [rule.record() for rule in targets.rules]
    mapped = any(rule.kind != "all" for rule in targets.rules)
    return describe_conversion(
        loaded,
        *targets.identities,
        settings={**settings, "targets": targets.record()},
        mapping=rules if mapped else (),
    )


def describe_faces(faces: Faceset | FaceFinding) -> dict[str, Any]:
    """Where the faces come from: hash of the rows of a faceset, or of the networks' weights.

    Deleted faces of a faceset are not swapped, so the others are part of it. Where the faceset has
    only every n-th frame, networks find the other faces.
    """
    if isinstance(faces, Faceset):
        kept = hashlib.sha256(np.packbits(kept_faces(faces)).tobytes()).hexdigest()
        found = {"faceset": sha256_file(faces.path / ROWS), "kept": kept}
        searched = search_all(faces)
        return found if searched is faces else found | {"networks": describe_faces(searched)}
    return dict(faces.weights)
