"""Fingerprints of stored crops: which of them a person has edited since they were decoded.

Size and times of a file tell cheaply that it may have changed, its SHA-256 whether it did. A copied
faceset has other times and the same content.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.core.files import atomic_path, sha256_file
from faceswap.facesets.faceset import IMAGES, MASKS, Face, Faceset

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
    states = [number for path in _files(faceset, face) for number in _state(path)]
    return (*states, *[0] * (6 - len(states)))


def face_digest(faceset: Faceset, face: Face) -> bytes:
    """Current ``sha256`` of a face.

    Raises:
        FacesetError: The image or the mask is missing.
    """
    digests = [sha256_file(path) for path in _files(faceset, face)]
    return hashlib.sha256("".join(digests).encode()).digest()


def face_states(faces: Iterable[tuple[Faceset, Face]]) -> _States:
    """Current states of faces, ``(N, 6)``.

    Raises:
        FacesetError: An image or a mask is missing.
    """
    return np.array([face_state(*pair) for pair in faces], np.int64).reshape(-1, 6)


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


def _files(faceset: Faceset, face: Face) -> list[Path]:
    files = [faceset.path / IMAGES / face.image]
    return [*files, faceset.path / MASKS / face.mask] if face.mask else files


def _state(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise FacesetError(
            f"{path} is missing.", "Restore it, or extract the source again with --overwrite."
        ) from error
    # Programs can set the time of modification back, but not that of the last change.
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
