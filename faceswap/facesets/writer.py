"""Writes a faceset in shards, so that an interrupted extraction loses at most the last shard.

During extraction, files ``shards/shard-<first frame>.parquet`` are added, each complete or absent,
each with the tracker's state after its last frame. ``finish`` smooths the landmarks in time, merges
the shards into ``faces.parquet`` and marks the record complete.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from faceswap.core.errors import FacesetError
from faceswap.core.files import atomic_path, sync_files
from faceswap.core.table_documents import read_note
from faceswap.facesets.files import (
    EXTRACT_AGAIN,
    IMAGES,
    MASKS,
    OLD_SHARDS,
    RECORD,
    REMOVED,
    ROWS,
    SHARDS,
    check_folder,
    find_crops,
    further_mask_folders,
    remove_shards,
)
from faceswap.facesets.record import FORMAT, ResumeDocument, read_record
from faceswap.facesets.rows import KEPT, is_current, mask_columns, read_rows, with_masks
from faceswap.facesets.smoothed_rows import smoothed
from faceswap.geometry.mesh68 import weights_hash
from faceswap.maskers import maskers
from faceswap.provenance.subject import Subject

Row = dict[str, Any]
Revision = Callable[[Iterator[Row]], Iterator[Row]]
_GROUP = 4096  # rows in memory at a time while the shards are merged
_RESUME = b"resume"
_NO_SETTINGS = {"recognizer"}  # facts of the record that an extraction finds out


class FacesetWriter:
    """Adds faces to a new or unfinished faceset.

    Attributes:
        path: Directory of the faceset.
        record: Content of ``faceset.json``.
        next_frame: Index of the first frame that no finished shard covers.
        state: State of the tracker after the last finished shard; None at the start.
        complete: Whether the faceset is finished.
    """

    _begun = False

    def __init__(
        self,
        path: Path,
        source: dict[str, Any],
        extractor: dict[str, Any],
        *,
        overwrite: bool,
        smooths: bool = True,
    ) -> None:
        """Opens or creates the directory.

        Args:
            path: Directory of the faceset.
            source: Record of the source (name, kind, sha256, size, fps, frames).
            extractor: Settings and weights that the faces depend on.
            overwrite: Whether to replace an existing faceset, when ``begin`` is called. Its subject
                record is kept if the source is the same.
            smooths: Whether the landmarks of a video are smoothed in time.

        Raises:
            FacesetError: The directory holds the faces of another source or of other settings, or
                an unfinished faceset that an earlier version wrote, or leads elsewhere by a link.
            OutputExistsError: The directory holds files, but no faceset.
        """
        self.path = path
        self.next_frame = 0
        self.state: Any = None
        self.complete = False
        self._smooths = smooths and source["kind"] == "video"
        self._rows: list[Row] = []
        self._maskers: list[str] = extractor.get("maskers", [])
        self._mask_columns = mask_columns(self._maskers)
        self._schema = with_masks(self._maskers[1:])
        check_folder(path)
        exists = (path / RECORD).exists()
        self._resumes = exists and not overwrite
        if self._resumes:
            self.record = read_record(path)
            self._check_same(source, extractor)
            self.complete = self.record["complete"]
            self._resume()
        else:
            self.record = {
                "complete": False,
                "source": source,
                "extractor": extractor,
                "subject": _subject_of_same_source(path, source) or Subject().to_json(),
            }
        if self.complete:
            self._remove_merged_shards()
        elif self._resumes or not exists:
            self.begin()

    def begin(self) -> None:
        """Makes the folder ready for crops; call it before the first one is stored.

        A faceset that is replaced is as it was until then: a source without faces leaves it.
        """
        if self._begun:
            return
        self._begun = True
        if not self._resumes:
            # Until the new record stands, the old faceset is what it was, or an earlier state of
            # an unfinished one; from then on all that is left of it is recognised as stale.
            remove_shards(self.path)
            FORMAT.write(self.path / RECORD, self.record)
        for folder in (IMAGES, MASKS, SHARDS, *self._mask_columns.values()):
            (self.path / folder).mkdir(exist_ok=True)
        self._remove_stale_crops(self.next_frame if self._resumes else 0)

    def _check_same(self, source: dict[str, Any], extractor: dict[str, Any]) -> None:
        if self.record["source"]["sha256"] != source["sha256"]:
            raise FacesetError(
                f"{self.path} holds the faces of another source: "
                f"{self.record['source']['path']}, whose content differs.",
                "Choose another folder with -o, or replace it with --overwrite.",
            )
        old = self.record["extractor"]
        settings = extractor.keys() | old.keys() - _NO_SETTINGS
        differing = sorted(key for key in settings if old.get(key) != extractor.get(key))
        if differing:
            changes = ", ".join(f"{k}: {old.get(k)!r} -> {extractor.get(k)!r}" for k in differing)
            raise FacesetError(
                f"{self.path} was extracted with other settings ({changes}).",
                "Choose another folder with -o, or replace it with --overwrite.",
            )

    def _resume(self) -> None:
        shards = self._shards()
        current = self.complete or (not (self.path / OLD_SHARDS).is_dir() and is_current(shards))
        if current and shards:
            last, hint = shards[-1], EXTRACT_AGAIN
            note = read_note(last, _RESUME, ResumeDocument, error=FacesetError, hint=hint)
            self.next_frame, self.state = note["next_frame"], note["state"]
            current = self.complete or note.get("landmarks") == weights_hash()
        if not current:
            raise FacesetError(
                f"{self.path} was left unfinished by an earlier version of this program.",
                EXTRACT_AGAIN,
            )

    def shards(self) -> list[Path]:
        """Tables of the rows written so far, in their order; none of a faceset to be replaced."""
        return self._shards() if self._begun else []

    def _shards(self) -> list[Path]:
        return sorted((self.path / SHARDS).glob("shard-*.parquet"))

    def _remove_stale_crops(self, first: int) -> None:
        """Removes crops of an unfinished shard, and those of a faceset that is replaced."""
        for file in find_crops(self.path, maskers.names()):
            if int(file.name.partition("-")[0]) >= first:
                file.unlink()
        _remove_empty(further_mask_folders(self.path, {*maskers.names()} - {*self._maskers}))

    def add(self, row: Row) -> None:
        """Adds a row of the writer's schema; list columns may be numpy arrays of any shape."""
        self._rows.append(row)

    def end_shard(self, next_frame: int, state: Any) -> None:
        """Writes the rows added since the last shard to disk; nothing before ``begin``.

        Args:
            next_frame: Index of the first frame after this shard.
            state: State of the tracker after this shard, as JSON value.

        Raises:
            StorageFullError: The disk is full; earlier shards are intact.
        """
        if self._begun:
            self._write_shard(next_frame, state)
        self.next_frame, self.state = next_frame, state

    def _write_shard(self, next_frame: int, state: Any) -> None:
        # A shard that survives a power failure never names a crop that does not.
        sync_files([self.path / IMAGES / row["image"] for row in self._rows if row["image"]])
        for column, folder in self._mask_columns.items():
            sync_files(
                [self.path / folder / name for row in self._rows if (name := row.get(column))]
            )
        note = {"next_frame": next_frame, "state": state, "landmarks": weights_hash()}
        resume = json.dumps(note).encode()
        table = _table(self._rows, self._schema).replace_schema_metadata({_RESUME: resume})
        shard = self.path / SHARDS / f"shard-{self.next_frame:09d}.parquet"
        # Opened here: the library cannot encode a path that is not UTF-8.
        with atomic_path(shard) as temporary, temporary.open("wb") as file:
            pq.write_table(table, file, compression="zstd")
        self._rows.clear()

    def finish(self, revise: Revision = iter, **facts: Any) -> int:
        """Merges the shards and marks the faceset complete, unless it has no faces.

        Args:
            revise: Function of all rows in their order, before they are smoothed: it may change
                them, and the crops of those that it leaves out are removed.
            **facts: Entries of the source's record that are known only after reading it (frames,
                damage).

        Returns:
            Number of faces.
        """
        faces, frames_with_face = self._merge_shards(revise) if self._begun else (0, 0)
        if not faces:
            return 0
        self.record["source"] |= facts | {"faces": faces, "frames_with_face": frames_with_face}
        self.record["complete"] = self.complete = True
        FORMAT.write(self.path / RECORD, self.record)
        self._remove_merged_shards()
        return faces

    def _remove_merged_shards(self) -> None:
        """Removes the shards, and before them the crops of rows that were left out."""
        if shards := self._shards():
            written = self._stored_files(self.path / ROWS)
            for shard in shards:
                for file in self._stored_files(shard) - written:
                    (self.path / file).unlink(missing_ok=True)
        remove_shards(self.path)

    def _stored_files(self, table: Path) -> set[str]:
        """Crops and masks of the rows of a table, by their paths in the faceset."""
        rows = read_rows(table, with_masks(self._maskers[1:], KEPT))
        columns = {"image": IMAGES} | self._mask_columns
        return {
            f"{folder}/{name}"
            for column, folder in columns.items()
            for name in rows[column].to_pylist()
            if name
        }

    def _merge_shards(self, revise: Revision) -> tuple[int, int]:
        """Writes ``faces.parquet``; returns the numbers of faces and of frames with a face."""
        faces, last, frames_with_face = 0, -1, 0
        with (
            atomic_path(self.path / ROWS) as temporary,
            temporary.open("wb") as file,
            pq.ParquetWriter(file, self._schema, compression="zstd") as writer,
        ):
            group: list[Row] = []
            for row in self._final_rows(revise):
                group.append(row)
                if len(group) == _GROUP:
                    writer.write_table(_table(group, self._schema))
                    group.clear()
                faces += 1
                frames_with_face += row["frame"] != last
                last = row["frame"]
            writer.write_table(_table(group, self._schema))
        return faces, frames_with_face

    def discard(self) -> None:
        """Removes what this writer made, for a source without faces."""
        if not self._begun:
            return
        remove_shards(self.path)
        for file in find_crops(self.path, maskers.names()):
            file.unlink()
        folders = (self.path / name for name in (IMAGES, MASKS, REMOVED))
        _remove_empty([*further_mask_folders(self.path, maskers.names()), *folders])
        (self.path / ROWS).unlink(missing_ok=True)
        (self.path / RECORD).unlink(missing_ok=True)  # last: without it nothing here is ours

    def _final_rows(self, revise: Revision) -> Iterator[Row]:
        stored = revise(self._stored_rows())
        return smoothed(stored) if self._smooths else stored

    def _stored_rows(self) -> Iterator[Row]:
        for shard in self._shards():
            yield from read_rows(shard, self._schema).to_pylist()


def _remove_empty(folders: Sequence[Path]) -> None:
    for folder in folders:
        with suppress(OSError):  # it has other files, or is gone
            folder.rmdir()


def _subject_of_same_source(path: Path, source: dict[str, Any]) -> dict[str, Any] | None:
    """Subject record of an existing faceset of the same source."""
    try:
        record = read_record(path)
        same = record["source"]["sha256"] == source["sha256"]
        return record["subject"] if same else None
    except (FacesetError, KeyError):
        return None


def _table(rows: list[Row], schema: pa.Schema) -> pa.Table:
    columns = {
        field.name: pa.array([_plain(row.get(field.name)) for row in rows], type=field.type)
        for field in schema
    }
    return pa.table(columns, schema=schema)


def _plain(value: Any) -> Any:
    return value.ravel() if isinstance(value, np.ndarray) else value
