"""The segments of an unfinished faceset: tables of rows, each complete or absent.

A segment is written from its source and the settings alone, so that any process may write any of
them, in any order. The metadata of its table say what ``finish`` has to know beside the rows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from faceswap.core.documents import DocumentModel, Items
from faceswap.core.errors import FacesetError
from faceswap.core.files import atomic_path
from faceswap.core.names import Sha256Hex
from faceswap.core.table_documents import read_note
from faceswap.facesets.files import EXTRACT_AGAIN, SEGMENTS
from faceswap.geometry.mesh68 import weights_hash
from faceswap.tracking.stitching import SegmentTracks, Sighting

_NOTE = b"segment"
_Count = Annotated[int, Field(ge=0, lt=1 << 53)]
_Place = Annotated[float, Field(ge=-(1 << 53), le=1 << 53)]
_Seen = Annotated[list[_Place], Field(min_length=6, max_length=6)]


@dataclass(frozen=True)
class SegmentRecord:
    """What is known of a segment beside its rows.

    Attributes:
        frames: Number of the source's frames up to the last one that was processed.
        decoded: Number of frames that were decoded, those between processed ones included.
        faulty: Number of those that were decoded with errors.
        left_out: Number of faces that were not selected, by the name of the condition.
        tracks: Tracks of a video.
        unreadable: Reasons why photos cannot be read, by their names. The record of the last
            segment also has those after it.
        damage: Description of what could not be read of a whole video of unknown length, in the
            segment in which reading ended; "" in others, and if there was none.
    """

    frames: int
    decoded: int
    faulty: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    tracks: SegmentTracks = field(default_factory=SegmentTracks)
    unreadable: Mapping[str, str] = field(default_factory=dict)
    damage: str = ""


class _SegmentDocument(DocumentModel):
    frames: _Count
    decoded: _Count
    faulty: _Count
    left_out: dict[str, _Count]
    tracks: Items[_Count]
    before: Items[_Seen]
    after: Items[_Seen]
    unreadable: dict[str, str]
    damage: str
    landmarks: Sha256Hex


def segment_file(faceset: Path, first: int, end: int | None) -> Path:
    """File of a segment.

    Args:
        faceset: Directory of the faceset.
        first: Index of its first frame.
        end: Index of the first frame after it; None for the end of the source.
    """
    until = "end" if end is None else f"{end:09d}"
    return faceset / SEGMENTS / f"segment-{first:09d}-{until}.parquet"


def segment_files(faceset: Path) -> list[Path]:
    """Files of all segments that are complete, in their order."""
    return sorted((faceset / SEGMENTS).glob("segment-*.parquet"))


def check_consecutive(files: Sequence[Path]) -> None:
    """Checks that segments follow each other without a gap.

    Args:
        files: Files of segments, in their order.

    Raises:
        FacesetError: One is missing between them, or an earlier version cut the source elsewhere.
    """
    spans = [file.stem.split("-")[1:] for file in files]
    for (_, end), (first, _) in pairwise(spans):
        if end != first:
            raise FacesetError(
                f"Expected a segment from frame {end} on in {files[0].parent}, found one from "
                f"{first} on.",
                EXTRACT_AGAIN,
            )


def write_segment(path: Path, rows: pa.Table, record: SegmentRecord) -> None:
    """Writes a segment, complete or not at all.

    Args:
        path: File, see ``segment_file``.
        rows: Rows of its faces.
        record: Facts beside them.

    Raises:
        StorageFullError: The disk is full.
    """
    note = {
        "frames": record.frames,
        "decoded": record.decoded,
        "faulty": record.faulty,
        "left_out": dict(record.left_out),
        "tracks": sorted(record.tracks.tracks),
        "before": _as_json(record.tracks.before),
        "after": _as_json(record.tracks.after),
        "unreadable": dict(record.unreadable),
        "damage": record.damage,
        "landmarks": weights_hash(),
    }
    path.parent.mkdir(exist_ok=True)
    table = rows.replace_schema_metadata({_NOTE: json.dumps(note).encode()})
    # Opened here: the library cannot encode a path that is not UTF-8.
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        pq.write_table(table, file, compression="zstd")


def read_segment(path: Path) -> SegmentRecord:
    """Reads what is known of a segment beside its rows.

    Raises:
        FacesetError: It is damaged, or an earlier version wrote it.
    """
    note: dict[str, Any] = read_note(
        path, _NOTE, _SegmentDocument, error=FacesetError, hint=EXTRACT_AGAIN
    )
    if note["landmarks"] != weights_hash():
        raise FacesetError(
            f"{path} was written by an earlier version of this program.", EXTRACT_AGAIN
        )
    before, after = ([*map(Sighting.from_json, note[name])] for name in ("before", "after"))
    return SegmentRecord(
        frames=note["frames"],
        decoded=note["decoded"],
        faulty=note["faulty"],
        left_out=note["left_out"],
        tracks=SegmentTracks(frozenset(note["tracks"]), tuple(before), tuple(after)),
        unreadable=note["unreadable"],
        damage=note["damage"],
    )


def _as_json(sightings: Sequence[Sighting]) -> list[list[float]]:
    return [seen.to_json() for seen in sightings]
