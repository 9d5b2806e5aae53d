"""The faces of one identity as a training takes them: from a cache, or from packs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.data.cache import build_cache
from faceswap.data.people_split import split_identity, split_packs
from faceswap.data.source import FaceSource
from faceswap.data.stream import FaceStream
from faceswap.data.training_crop import CropGeometry
from faceswap.data.traits import FaceTraits, measure_traits
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.pack import Pack
from faceswap.models.crowd import CROWD

# Of a stream, the faces that are measured and shown at each start are cached. At a URL, each tar
# file that they come from is fetched once.
_HELD_OUT, _HELD_OUT_SHARDS = 256, 32
_TRAINED, _TRAINED_SHARDS = 64, 8


@dataclass(frozen=True)
class IdentityFaces:
    """Faces of one identity.

    Attributes:
        source: Source of the crops.
        training: Indices of the training faces.
        held_out: Indices of the held-out faces; of a stream, of those that are measured.
        traits: Traits of the training faces; None for a stream.
        contents: SHA-256 of the crops and masks of each faceset, by resolved directory.
        edited: Number of faces edited since the cache was last used, by resolved directory.
    """

    source: FaceSource
    training: NDArray[np.int64]
    held_out: NDArray[np.int64]
    traits: FaceTraits | None = None
    contents: dict[Path, str] = field(default_factory=dict)
    edited: dict[Path, int] = field(default_factory=dict)


def cache_faces(
    name: str,
    pairs: Sequence[tuple[Faceset, Face]],
    geometry: CropGeometry,
    folder: Path,
    fraction: float,
    on_faces: Callable[[int], object],
) -> IdentityFaces:
    """Caches all faces of an identity.

    Args:
        name: Name of the identity.
        pairs: Faces with their facesets.
        geometry: Size of the crops.
        folder: Folder of the caches.
        fraction: Fraction of the frames, or of the people of the crowd, to hold out.
        on_faces: Callback with the number of faces added to the cache since the last call.

    Raises:
        FacesetError: Crops cannot be read.
        StorageFullError: The disk is full.
    """
    built = build_cache(folder, name, pairs, geometry, on_faces)
    training, held_out = split_identity(name, pairs, fraction)
    traits = measure_traits([pairs[face] for face in training], crowd=name == CROWD)
    contents = {path.resolve(): sha256 for path, sha256 in built.contents.items()}
    edited = {path.resolve(): count for path, count in built.edited.items()}
    return IdentityFaces(built.cache, training, held_out, traits, contents, edited)


def stream_faces(
    name: str,
    packs: Sequence[Pack],
    geometry: CropGeometry,
    folder: Path,
    fraction: float,
    window: int,
    on_faces: Callable[[int], object],
) -> IdentityFaces:
    """Prepares the stream of an identity; only a few faces are read.

    Args:
        name: Name of the identity.
        packs: Packs of its facesets.
        geometry: Size of the crops.
        folder: Folder of the caches.
        fraction: Fraction of the faces, or of the people of the crowd, to hold out.
        window: Number of faces that are mixed at a time, about.
        on_faces: Callback with the number of faces cached since the last call.

    Raises:
        FacesetError: A tar file is missing or damaged.
        RemoteError: A tar file cannot be fetched.
        StorageFullError: The disk is full.
    """
    training, held_out = split_packs(name, packs, fraction)
    stream = FaceStream.of_packs(packs, geometry, folder / f"{name}-shards", window)
    measured = stream.spread(held_out, _HELD_OUT, _HELD_OUT_SHARDS)
    trained = stream.spread(training, _TRAINED, _TRAINED_SHARDS)
    kept = np.union1d(measured, trained)
    return IdentityFaces(stream.keep(kept, name, on_faces), training, measured)
