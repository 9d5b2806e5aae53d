"""Fingerprints of stored crops: which of them a person has edited since they were decoded.

Size and times of a file tell cheaply that it may have changed, its SHA-256 whether it did. A copied
faceset has other times and the same content.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.core.file_state import FileState
from faceswap.core.files import atomic_path, sha256_file
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES

FINGERPRINT = np.dtype([("state", np.int64, (6,)), ("sha256", np.uint8, (32,))])
"""State of the image and of the mask of a face (size, time of modification and of any change in
ns; zeros without a mask), and the SHA-256 of both."""

Fingerprints = NDArray[np.void]
"""``(N,)`` of ``FINGERPRINT``."""
_States = NDArray[np.int64]


def face_state(faceset: Faceset, face: Face) -> tuple[int, ...]:
    """Current ``state`` of a face.

    Raises:
        FacesetError: The image or the mask is missing.
    """
    states = [
        number
        for place in _files(faceset, face)
        for number in _state(faceset.path.joinpath(*place))
    ]
    return (*states, *[0] * (6 - len(states)))


def face_digest(faceset: Faceset, face: Face) -> bytes:
    """Current ``sha256`` of a face.

    Raises:
        FacesetError: The image or the mask is missing.
    """
    digests = [sha256_file(faceset.path.joinpath(*place)) for place in _files(faceset, face)]
    return hashlib.sha256("".join(digests).encode()).digest()


def face_states(faces: Sequence[tuple[Faceset, Face]]) -> _States:
    """Current states of faces, ``(N, 6)``; a few seconds for 100,000 faces.

    Raises:
        FacesetError: An image or a mask is missing.
    """
    # Whole folders are listed: looking up each file by its path takes twice as long.
    listed: dict[tuple[int, str], dict[str, os.DirEntry[str]]] = {}
    states = np.zeros((len(faces), 6), np.int64)
    for number, (faceset, face) in enumerate(faces):
        for place, (name, file) in enumerate(_files(faceset, face)):
            key = id(faceset), name
            if key not in listed:
                listed[key] = _entries(faceset.path / name)
            entry = listed[key].get(file) or faceset.path / name / file
            states[number, 3 * place : 3 * place + 3] = _state(entry)
    return states


def _entries(folder: Path) -> dict[str, os.DirEntry[str]]:
    try:
        return {entry.name: entry for entry in os.scandir(folder)}
    except FileNotFoundError:
        return {}


def content_hashes(
    faces: Sequence[tuple[Faceset, Face]], fingerprints: Fingerprints
) -> dict[Path, str]:
    """SHA-256 of the names and the pixels of the faces of each faceset, by its directory."""
    digests: dict[Path, hashlib._Hash] = {}
    for (faceset, face), sha256 in zip(faces, fingerprints["sha256"], strict=True):
        digest = digests.setdefault(faceset.path, hashlib.sha256())
        digest.update(face.image.encode() + b"\0" + sha256.tobytes())
    return {path: digest.hexdigest() for path, digest in digests.items()}


def read_fingerprints(path: Path, count: int) -> Fingerprints | None:
    """Stored fingerprints of ``count`` faces; None if there are none, or of other faces."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.dtype == FINGERPRINT and found.shape == (count,) else None


def write_fingerprints(path: Path, fingerprints: Fingerprints) -> None:
    """Writes fingerprints atomically.

    Raises:
        StorageFullError: The disk is full.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.save(file, fingerprints, allow_pickle=False)


def _files(faceset: Faceset, face: Face) -> list[tuple[str, str]]:
    """Folder and name of the image of a face, and of its mask if it has one."""
    folder, mask = faceset.mask_file(face)
    return [(IMAGES, face.image)] if mask is None else [(IMAGES, face.image), (folder, mask)]


def _state(file: Path | os.DirEntry[str]) -> tuple[int, int, int]:
    try:
        found = FileState.of(file.stat())
    except FileNotFoundError as error:
        raise FacesetError(
            f"{Path(file)} is missing.", "Restore it, or extract the source again with --overwrite."
        ) from error
    return found.size, found.modified, found.changed  # a copied faceset has other inodes
