"""The faces of all frames of a video, where its faceset has only those of every n-th frame."""

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.faces.kept_faces import kept_faces
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.record import chooses_people
from faceswap.facesets.rows import SCHEMA, matrix_column
from faceswap.people.face_table import by_track
from faceswap.tracking.tracks import match

_NOBODY = -1


def is_sparse(faceset: Faceset) -> bool:
    """Whether faces are searched in the frames between those of a faceset."""
    return faceset.record["extractor"]["every"] > 1


def search_all(faces: Faceset | FaceFinding, device: str = "cpu") -> Faceset | FaceFinding:
    """How the faces of all frames of a video are found, unless a faceset holds them.

    Args:
        faces: Faceset of the video, or how its faces are found.
        device: Device of the networks that find the faces between those of a faceset.
    """
    if isinstance(faces, Faceset) and is_sparse(faces):
        return FaceFinding.as_extracted(faces.record, device)
    return faces


def complete(faceset: Faceset, tracked: Faceset) -> tuple[Faceset, NDArray[np.bool_]]:
    """Gives tracked faces the tracks and the people of a faceset of every n-th frame.

    The faceset decides who is there: a tracked face is the one that its track coincides with in the
    nearest frame of the faceset, and is swapped if that one was not deleted. Tracks that coincide
    with none are left out. If faces were removed from the faceset, a tracked face that coincides
    with none in one of its frames is left out as well, and so are its neighbours in time, unless
    the next such frame on the other side has a match.

    Args:
        faceset: Faceset of every n-th frame.
        tracked: Faceset of all frames, of the same video.

    Returns:
        The tracked faceset with these tracks and people; whether each face is swapped, ``(N,)``.
    """
    frames, tracks = (tracked.rows[name].to_numpy().astype(np.int64) for name in ("frame", "track"))
    met = _met(faceset, tracked, frames)
    decides = met != _NOBODY
    extractor = faceset.record["extractor"]
    if chooses_people(faceset.record) or extractor.get("largest"):
        decides |= frames % extractor["every"] == 0
    who, shown = np.full((2, len(frames)), _NOBODY)
    for places in by_track(tracks):
        who[places] = _nearest(frames[places], met[places], met[places] != _NOBODY)
        shown[places] = _nearest(frames[places], met[places], decides[places])
    known = who != _NOBODY
    stored, people = faceset.rows["track"].to_numpy().astype(np.int64), faceset.rows["person"]
    own = stored.max() + 1 + tracks
    numbers = np.where(known, stored[who], own)
    farther = _repeated(frames, numbers, faceset.rows["frame"].to_numpy().astype(np.int64)[who])
    numbers[farther] = own[farther]
    persons = people.take(pa.array(who, mask=~known))
    rows = tracked.rows
    for name, values in (("track", pa.array(numbers, pa.int32())), ("person", persons)):
        rows = rows.set_column(rows.schema.get_field_index(name), SCHEMA.field(name), values)
    return replace(tracked, rows=rows), (shown != _NOBODY) & kept_faces(faceset)[shown]


def _nearest(
    frames: NDArray[np.int64], met: NDArray[np.int64], decides: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Who the faces of a track are: as in the nearest deciding frames before or after, ``(N,)``.

    Args:
        frames: Frames of the faces, ``(N,)`` ascending.
        met: Row that each face coincides with, ``(N,)``, or -1.
        decides: Whether a face decides, ``(N,)``.
    """
    if not decides.any():
        return np.full(len(frames), _NOBODY)
    known, rows = frames[decides], met[decides]
    before = (np.searchsorted(known, frames, "right") - 1).clip(0)
    after = np.searchsorted(known, frames).clip(max=len(known) - 1)
    earlier = abs(frames - known[before]) <= abs(known[after] - frames)
    nearer, other = np.where(earlier, (before, after), (after, before))
    return np.where(rows[nearer] != _NOBODY, rows[nearer], rows[other])


def _repeated(
    frames: NDArray[np.int64], numbers: NDArray[np.int64], meetings: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Places of faces whose track has a face in the same frame that was met nearer to it.

    Args:
        frames: Frame of each face, ``(N,)``.
        numbers: Track of each face, ``(N,)``.
        meetings: Frame in which each face was met, ``(N,)``.
    """
    order = np.lexsort((abs(frames - meetings), numbers, frames))
    again = (np.diff(frames[order]) == 0) & (np.diff(numbers[order]) == 0)
    return order[1:][again]


@dataclass(frozen=True)
class _Place:
    box: NDArray[np.float32]


def _met(faceset: Faceset, tracked: Faceset, frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row of the faceset that each tracked face coincides with, ``(N,)``; -1 for none."""
    met = np.full(len(frames), _NOBODY)
    stored = faceset.rows["frame"].to_numpy().astype(np.int64)
    order = np.argsort(stored, kind="stable")
    boxes = _boxes(tracked)
    # Facesets of earlier versions took all pixels for square ones.
    aspect = np.float32(tracked.pixel_aspect / faceset.pixel_aspect)
    there = _boxes(faceset) * np.array([aspect, 1, aspect, 1], np.float32)
    for frame in np.intersect1d(frames, stored):
        found = np.arange(*np.searchsorted(frames, [frame, frame + 1]))
        known = order[slice(*np.searchsorted(stored[order], [frame, frame + 1]))]
        pairs = match([_Place(boxes[i]) for i in found], [_Place(there[i]) for i in known])
        met[found[list(pairs)]] = known[list(pairs.values())]
    return met


def _boxes(faceset: Faceset) -> NDArray[np.float32]:
    """Boxes of the landmarks of all faces, ``(N, 4)`` x0, y0, x1, y1; detectors' boxes differ."""
    landmarks = matrix_column(faceset.rows, "landmarks", (68, 2))
    return np.concatenate([landmarks.min(1), landmarks.max(1)], axis=1)
