"""Contact sheets: a picture of each person, to see who is who."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.core.files import atomic_write
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.media.captions import titled
from faceswap.media.images import encode_image
from faceswap.people.clustering import PersonTrack
from faceswap.people.face_table import quality

_SIDE = 128  # px
_COLUMNS, _ROWS = 8, 4
_BACKGROUND = 40
_START = b"\xff\xd8"  # of a JPEG
_COMMENT = b"faceswap contact sheet"
_MARK = _START + b"\xff\xfe" + (len(_COMMENT) + 2).to_bytes(2, "big") + _COMMENT
"""Start of the file of a contact sheet, by which it is told from a photo of the user."""


def contact_sheet(
    title: str, facesets: Sequence[Faceset], tracks: Sequence[PersonTrack]
) -> NDArray[np.uint8] | None:
    """Crops of one person from all tracks, with a title.

    Args:
        title: Text below them.
        facesets: All facesets.
        tracks: Tracks of the person.

    Returns:
        ``(H, W, 3) uint8 RGB``; None if all crops were deleted.
    """
    faces = _chosen(facesets, tracks)
    if not faces:
        return None
    tiles = [
        cv2.resize(faceset.load_crop(face), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        for faceset, face in faces
    ]
    columns = min(_COLUMNS, max(4, len(tiles)))
    blank = np.full((_SIDE, _SIDE, 3), _BACKGROUND, np.uint8)
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    strip = np.full((columns * _SIDE // 18 + 1, columns * _SIDE, 3), _BACKGROUND, np.uint8)
    return titled(np.vstack([*rows, strip]).astype(np.uint8), title)


def write_sheet(path: Path, sheet: NDArray[np.uint8]) -> None:
    """Writes a contact sheet as a JPEG that ``is_sheet`` recognises.

    Args:
        path: File.
        sheet: Picture, ``(H, W, 3) uint8 RGB``.

    Raises:
        StorageFullError: The disk is full.
    """
    atomic_write(path, _MARK + encode_image(sheet, ".jpg").removeprefix(_START))


def is_sheet(path: Path) -> bool:
    """Whether a file is a contact sheet of an earlier run, which a new one replaces."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK


def _chosen(
    facesets: Sequence[Faceset], tracks: Sequence[PersonTrack]
) -> list[tuple[Faceset, Face]]:
    """Sharp, frontal faces, spread over the tracks and over time."""
    kept = {
        number: {face.image: face for face in facesets[number].trainable()}
        for number in {track.faceset for track in tracks}
    }
    found: list[tuple[Faceset, Face]] = []
    for track in tracks:
        faces = [kept[track.faceset][name] for name in track.images if name in kept[track.faceset]]
        found += [(facesets[track.faceset], face) for face in faces]
    if not found:
        return []
    most = _COLUMNS * _ROWS
    columns = ("yaw", "pitch", "sharpness")
    measured = (np.array([getattr(face, name) for _, face in found]) for name in columns)
    suitable = quality(*measured)
    bounds = np.linspace(0, len(found), min(most, len(found)) + 1).round().astype(int)
    spans = pairwise(bounds)
    return [found[start + int(suitable[start:end].argmax())] for start, end in spans]
