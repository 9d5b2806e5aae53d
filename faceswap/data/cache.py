"""The faces of one identity at training size, decoded once and memory-mapped.

A file ``(N, S, S, 6) uint8`` of crops as ``training_crop`` cuts them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from faceswap.core.files import atomic_path
from faceswap.core.mapped_arrays import create_mapped_array
from faceswap.data.fingerprints import (
    FINGERPRINT,
    Fingerprints,
    content_hashes,
    face_digest,
    face_state,
    face_states,
    read_fingerprints,
    write_fingerprints,
)
from faceswap.data.sampling import FaceOrder, evenly_spaced
from faceswap.data.source import Sampling
from faceswap.data.training_crop import CHANNELS, CropGeometry, training_crop
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset

_THREADS = 4
_INDEX = ".faces"  # suffix of the fingerprints beside a cache

Array = NDArray[np.uint8]
T = TypeVar("T")


@dataclass(frozen=True)
class FaceCache:
    """Cached faces of one identity, see ``FaceSource``; only the path is sent to other processes.

    Attributes:
        path: Path of the ``.npy`` file.
        geometry: Size of the crops.
    """

    path: Path
    geometry: CropGeometry

    def open(self) -> Array:
        """Maps the file into memory: ``(N, S, S, 6) uint8``, read-only."""
        return np.load(self.path, mmap_mode="r")

    def is_whole(self, count: int) -> bool:
        """Whether the file is there with so many crops."""
        try:
            return self.open().shape == (count, self.geometry.side, self.geometry.side, CHANNELS)
        except (OSError, ValueError, EOFError):  # absent, or cut short by a failing disk
            return False

    def order(self, sampling: Sampling) -> FaceOrder:
        """Order of the training faces, see ``FaceSource``."""
        faces = len(sampling.training)
        return FaceOrder(sampling.seed, sampling.stream, sampling.batch, faces, sampling.weights)

    def representatives(self, indices: NDArray[np.int64], at_most: int) -> NDArray[np.int64]:
        """Evenly spaced ones of the faces with these indices."""
        return evenly_spaced(indices, at_most)


@dataclass(frozen=True)
class CachedFaces:
    """Cache of an identity, and what is known of its crops.

    Attributes:
        cache: Cached faces.
        contents: SHA-256 of the crops and masks of each faceset, by its directory; the same for a
            copy of the faceset.
        edited: Number of faces of each faceset whose crop or mask was edited since the cache was
            last used, by its directory; empty for a new cache.
    """

    cache: FaceCache
    contents: dict[Path, str]
    edited: dict[Path, int]


def build_cache(
    folder: Path,
    name: str,
    faces: Sequence[tuple[Faceset, Face]],
    geometry: CropGeometry,
    on_faces: Callable[[int], object] = lambda _: None,
) -> CachedFaces:
    """Builds the cache of an identity, or reuses the one of the same faces.

    Crops and masks that were edited since are decoded anew.

    Args:
        folder: Folder of the caches; may be deleted between runs.
        name: Name of the identity, part of the file name.
        faces: Faces of the identity, in order.
        geometry: Size of the crops.
        on_faces: Callback with the number of faces finished since the last call.

    Raises:
        FacesetError: A crop or a mask is missing, cannot be read or has another size.
        StorageFullError: The disk is full.
    """
    cache = FaceCache(folder / f"{name}-{_key(faces, geometry)}.npy", geometry)
    index = cache.path.with_suffix(_INDEX)
    known = read_fingerprints(index, len(faces)) if cache.is_whole(len(faces)) else None
    edited: list[int] = []
    if known is None:
        _remove_older(folder, name)
        known = _build(cache, faces, on_faces)
        write_fingerprints(index, known)
    elif not np.array_equal(states := face_states(faces), known["state"]):
        edited = _update(cache, faces, index, known, states)
    edited_of = Counter(faces[position][0].path for position in edited)
    return CachedFaces(cache, content_hashes(faces, known), dict(edited_of))


def _key(faces: Sequence[tuple[Faceset, Face]], geometry: CropGeometry) -> str:
    # Without the paths: a faceset may be moved.
    sources = [
        [faceset.content_hash(), faceset.masker]
        for faceset in {id(faceset): faceset for faceset, _ in faces}.values()
    ]
    described = json.dumps([sources, [face.image for _, face in faces], asdict(geometry)])
    return hashlib.sha256(described.encode()).hexdigest()[:16]


def _remove_older(folder: Path, name: str) -> None:
    for suffix in (".npy", _INDEX):
        for path in folder.glob(f"{name}-{'?' * 16}{suffix}"):
            path.unlink(missing_ok=True)


def _build(
    cache: FaceCache, faces: Sequence[tuple[Faceset, Face]], on_faces: Callable[[int], object]
) -> Fingerprints:
    fingerprints = np.zeros(len(faces), FINGERPRINT)

    def decoded(position: int) -> Array:
        # Before decoding: what is edited meanwhile differs from the fingerprint.
        fingerprints["state"][position] = face_state(*faces[position])
        fingerprints["sha256"][position] = _digest(*faces[position])
        return training_crop(*faces[position], cache.geometry)

    with atomic_path(cache.path) as temporary:
        side = cache.geometry.side
        array = create_mapped_array(temporary, (len(faces), side, side, CHANNELS), np.uint8)
        for position, crop in enumerate(_parallel(decoded, range(len(faces)))):
            array[position] = crop
            on_faces(1)
        array.flush()
        del array
    return fingerprints


def _update(
    cache: FaceCache,
    faces: Sequence[tuple[Faceset, Face]],
    index: Path,
    known: Fingerprints,
    states: NDArray[np.int64],
) -> list[int]:
    """Decodes edited faces into the cache, and updates ``known``; returns their positions."""
    touched = np.flatnonzero((known["state"] != states).any(1)).tolist()
    new = known.copy()
    new["state"] = states
    new["sha256"][touched] = list(_parallel(lambda place: _digest(*faces[place]), touched))
    # The others were copied, or saved without a change.
    edited = np.flatnonzero((new["sha256"] != known["sha256"]).any(1)).tolist()
    if edited:
        # Until all are decoded the index equals no content, so that a killed start is repeated.
        known["sha256"][edited] = 0
        write_fingerprints(index, known)
        array = np.load(cache.path, mmap_mode="r+")
        crops = _parallel(lambda place: training_crop(*faces[place], cache.geometry), edited)
        for place, crop in zip(edited, crops, strict=True):
            array[place] = crop
        array.flush()
    write_fingerprints(index, new)
    known[:] = new
    return edited


def _digest(faceset: Faceset, face: Face) -> Array:
    return np.frombuffer(face_digest(faceset, face), np.uint8)


def _parallel(decode: Callable[[int], T], positions: Sequence[int]) -> Iterator[T]:
    with ThreadPoolExecutor(_THREADS) as pool:
        # In chunks: map would queue all faces at once and hold the decoded crops.
        for start in range(0, len(positions), 64):
            yield from pool.map(decode, positions[start : start + 64])
