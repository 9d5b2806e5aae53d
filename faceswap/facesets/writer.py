"""Writes a faceset in parts, so that a killed extraction loses at most the last part.

While extraction runs, ``parts/part-<first frame>.parquet`` files are added, each complete or
absent, each with the tracker's state after its last frame. ``finish`` smooths the landmarks in
time, merges the parts into ``faces.parquet`` and marks the record complete.
"""

import json
import shutil
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from faceswap.core.errors import FacesetError
from faceswap.core.files import atomic_path, write_json
from faceswap.facesets.faceset import (
    IMAGES,
    MASKS,
    PARTS,
    RECORD,
    ROWS,
    SCHEMA,
    SCHEMA_VERSION,
    read_record,
)
from faceswap.geometry.alignment import head_pose
from faceswap.landmarkers import FaceLandmarks
from faceswap.provenance.subject import Subject
from faceswap.tracking.smoothing import smooth
from faceswap.tracking.tracks import TrackedFace

Row = dict[str, Any]
_GROUP = 4096  # rows in memory at a time while the parts are merged
_RESUME = b"resume"


class FacesetWriter:
    """Adds faces to a faceset that is new or was interrupted.

    Attributes:
        path: The faceset's directory.
        next_frame: Index of the first frame that is not in a finished part.
        state: The tracker's state after the last finished part, or None at the start.
        complete: The faceset was finished by an earlier run; there is nothing to do.
    """

    def __init__(
        self, path: Path, source: dict[str, Any], extractor: dict[str, Any], *, overwrite: bool
    ) -> None:
        """Opens the directory.

        Args:
            path: Directory of the faceset.
            source: The record of the source (name, kind, sha256, size, fps, frames).
            extractor: Settings and weights that the faces depend on.
            overwrite: Throw away what is there, but for the subject record of the same source.

        Raises:
            FacesetError: The directory holds the faces of another source or of other settings.
        """
        self.path = path
        self.next_frame = 0
        self.state: Any = None
        self.complete = False
        self._rows: list[Row] = []
        subject = Subject().to_json()
        if overwrite:
            subject = _stated_subject(path, source) or subject
            _remove_faceset(path)
        if (path / RECORD).exists():
            self.record = read_record(path)
            self._check_same(source, extractor)
            self.complete = self.record["complete"]
            self._resume()
        else:
            self.record = {
                "schema_version": SCHEMA_VERSION,
                "complete": False,
                "source": source,
                "extractor": extractor,
                "subject": subject,
            }
            write_json(path / RECORD, self.record)
        for folder in (IMAGES, MASKS, PARTS):
            if not self.complete:
                (path / folder).mkdir(exist_ok=True)

    def _check_same(self, source: dict[str, Any], extractor: dict[str, Any]) -> None:
        if self.record["source"]["sha256"] != source["sha256"]:
            raise FacesetError(
                f"{self.path} holds the faces of another source "
                f"({self.record['source']['path']}, with other content).",
                "Choose another -o, or --overwrite to replace it.",
            )
        old = self.record["extractor"]
        differing = sorted(k for k in extractor if old.get(k) != extractor[k])
        if differing:
            changes = ", ".join(f"{k}: {old.get(k)!r} -> {extractor[k]!r}" for k in differing)
            raise FacesetError(
                f"{self.path} was extracted with other settings ({changes}).",
                "Choose another -o, or --overwrite to replace it.",
            )

    def _resume(self) -> None:
        parts = self._parts()
        if not parts:
            return
        metadata = pq.read_schema(parts[-1]).metadata[_RESUME]
        resume = json.loads(metadata)
        self.next_frame, self.state = resume["next_frame"], resume["state"]

    def _parts(self) -> list[Path]:
        return sorted((self.path / PARTS).glob("part-*.parquet"))

    def add(self, row: Row) -> None:
        """Takes a row of ``SCHEMA``; numpy arrays of any shape stand for the list columns."""
        self._rows.append(row)

    def end_part(self, next_frame: int, state: Any) -> None:
        """Puts the rows taken so far on disk.

        Args:
            next_frame: Index of the first frame that is not in this part.
            state: JSON value from which the tracker goes on.

        Raises:
            StorageFullError: The disk is full; the earlier parts are intact.
        """
        resume = json.dumps({"next_frame": next_frame, "state": state}).encode()
        table = _table(self._rows).replace_schema_metadata({_RESUME: resume})
        part = self.path / PARTS / f"part-{self.next_frame:09d}.parquet"
        with atomic_path(part) as temporary:
            pq.write_table(table, temporary, compression="zstd")
        self._rows.clear()
        self.next_frame, self.state = next_frame, state

    def finish(self, **facts: Any) -> int:
        """Merges the parts and marks the faceset complete.

        Args:
            **facts: What is known of the source only after it was read (frames, damage, ...).

        Returns:
            The number of faces.
        """
        faces, last, frames_with_face = 0, -1, 0
        with (
            atomic_path(self.path / ROWS) as temporary,
            pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer,
        ):
            group: list[Row] = []
            for row in self._final_rows():
                group.append(row)
                if len(group) == _GROUP:
                    writer.write_table(_table(group))
                    group.clear()
                faces += 1
                frames_with_face += row["frame"] != last
                last = row["frame"]
            writer.write_table(_table(group))
        counts = {"faces": faces, "frames_with_face": frames_with_face}
        self.record["source"] |= facts | counts
        self.record["complete"] = self.complete = True
        write_json(self.path / RECORD, self.record)
        shutil.rmtree(self.path / PARTS)
        return faces

    def discard(self) -> None:
        """Removes the faceset: the source had no face."""
        _remove_faceset(self.path)

    def _final_rows(self) -> Iterator[Row]:
        stored = self._stored_rows()
        return _smoothed(stored) if self.record["source"]["kind"] == "video" else stored

    def _stored_rows(self) -> Iterator[Row]:
        for part in self._parts():
            yield from pq.read_table(part, schema=SCHEMA).to_pylist()


def _stated_subject(path: Path, source: dict[str, Any]) -> dict[str, Any] | None:
    """What somebody said of the same source before; the faces are found anew, the people stay."""
    try:
        record = read_record(path)
        same = record["source"]["sha256"] == source["sha256"]
        return record["subject"] if same else None
    except (FacesetError, KeyError):
        return None


def _remove_faceset(path: Path) -> None:
    """Removes our own files and, when nothing else is in it, the directory."""
    for folder in (IMAGES, MASKS, PARTS):
        shutil.rmtree(path / folder, ignore_errors=True)
    for file in (RECORD, ROWS):
        (path / file).unlink(missing_ok=True)
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()


def _table(rows: list[Row]) -> pa.Table:
    columns = {
        field.name: pa.array([_plain(row[field.name]) for row in rows], type=field.type)
        for field in SCHEMA
    }
    return pa.table(columns, schema=SCHEMA)


def _plain(value: Any) -> Any:
    return value.ravel() if isinstance(value, np.ndarray) else value


def _smoothed(rows: Iterator[Row]) -> Iterator[Row]:
    """Rows with landmarks, mesh and pose smoothed in time.

    The stored crops were cut before, by the unsmoothed landmarks; their matrices stay true.
    """
    frames = (list(group) for _, group in groupby(rows, key=lambda row: row["frame"]))
    tracked = ((group, [_tracked_face(row) for row in group]) for group in frames)
    for group, faces in smooth(tracked):
        for row, face in zip(group, faces, strict=True):
            yield row | _measured(face.landmarks)


def _tracked_face(row: Row) -> TrackedFace:
    mesh = row["mesh"]
    landmarks = FaceLandmarks(
        points=np.asarray(row["landmarks"], np.float32).reshape(68, 2),
        mesh=None if mesh is None else np.asarray(mesh, np.float32).reshape(-1, 3),
        presence=row["score"],
    )
    box = np.asarray(row["box"], np.float32)
    return TrackedFace(track=row["track"], box=box, score=row["score"], landmarks=landmarks)


def _measured(landmarks: FaceLandmarks) -> Row:
    pose = head_pose(landmarks.points)
    return {
        "landmarks": landmarks.points,
        "mesh": landmarks.mesh,
        "yaw": pose.yaw,
        "pitch": pose.pitch,
        "roll": pose.roll,
    }
