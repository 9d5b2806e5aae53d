"""Faces of the user's own choice for the previews of a training."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError, FacesetError
from faceswap.data.sampling import evenly_spaced
from faceswap.data.training_crop import CropGeometry, training_crop
from faceswap.facesets.faceset import Faceset
from faceswap.models.model_file import ModelMeta
from faceswap.training.monitoring.shown_faces import ShownFaces, as_tensor


def open_preview_faces(
    places: Mapping[str, Path], identities: Collection[str], masker: str, *, guided: bool
) -> dict[str, Faceset]:
    """Opens the facesets that previews show instead of held-out faces.

    Args:
        places: Directories of the facesets by identity.
        identities: Identities of the training.
        masker: Masker whose masks are used; "" for the default masks of each faceset.
        guided: Whether the model is guided.

    Raises:
        ConfigError: There is no such identity, or the model is guided: it knows the geometry of its
            training faces only.
        FacesetError: A faceset is missing or damaged, or has no faces or no such masks.
    """
    if places and guided:
        raise ConfigError(
            "Previews of a guided model show faces of the training.",
            "Remove output.preview_faces, or use a model that is not guided.",
        )
    opened = {}
    for name, place in places.items():
        if name not in identities:
            raise ConfigError(
                f"Unknown identity {name!r} in output.preview_faces.",
                f"{nearest(name, identities)}This training has {', '.join(identities)}.",
            )
        opened[name] = Faceset.open(place).with_masker(masker)
        if not opened[name].trainable():
            raise FacesetError(
                f"Expected faces for the previews of {name!r} in {place}, found none.",
                "Name a faceset with faces in output.preview_faces.",
            )
    return opened


def preview_faces(faceset: Faceset, at_most: int, size: int, coverage: float) -> ShownFaces:
    """Evenly spaced faces of a faceset, cropped as for training.

    Args:
        faceset: The faceset.
        at_most: Largest number of faces.
        size: Side of the images in pixels.
        coverage: Side of the images in face squares.
    """
    faces = faceset.trainable()
    chosen = evenly_spaced(np.arange(len(faces)), at_most)
    geometry = CropGeometry(size, coverage, size)
    crops = [training_crop(faceset, faces[index], geometry) for index in chosen]
    return ShownFaces(as_tensor(np.stack(crops)[..., :4]))


def with_subjects(meta: ModelMeta, facesets: Mapping[str, Faceset]) -> ModelMeta:
    """A description of a model with the subject records of further facesets that are shown."""
    subjects = {name: list(records) for name, records in meta.subjects.items()}
    for name, faceset in facesets.items():
        if faceset.subject not in subjects[name]:
            subjects[name].append(faceset.subject)
    return replace(meta, subjects=subjects)
