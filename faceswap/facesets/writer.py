"""Writes a faceset in segments, so that an interrupted extraction loses at most the unfinished one.

During extraction, ``segments/`` fills with tables, each complete or absent. ``finish`` smooths the
landmarks in time, merges the segments into ``faces.parquet`` and marks the record complete.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from faceswap.core.errors import FacesetError
from faceswap.core.files import atomic_path, sync_files
from faceswap.facesets.files import (
    EXTRACT_AGAIN,
    IMAGES,
    MASKS,
    OLD_SEGMENTS,
    RECORD,
    REMOVED,
    ROWS,
    SEGMENTS,
    check_folder,
    find_crops,
    further_mask_folders,
    remove_segments,
)
from faceswap.facesets.record import FORMAT, read_record
from faceswap.facesets.replacement import Replacement
from faceswap.facesets.rows import KEPT, is_current, mask_columns, read_rows, with_masks
from faceswap.facesets.segments import (
    SegmentRecord,
    read_segment,
    segment_file,
    segment_files,
    write_segment,
)
from faceswap.facesets.smoothed_rows import smoothed
from faceswap.maskers import maskers
from faceswap.provenance.subject import Subject

Row = dict[str, Any]
Revision = Callable[[Iterator[Row]], Iterator[Row]]
_GROUP = 4096  # rows in memory at a time while the segments are merged
_NO_SETTINGS = {"recognizer"}  # facts of the record that an extraction finds out


class FacesetWriter:
    """Adds faces to a new or unfinished faceset.

    Several processes may each write segments of one faceset; one of them finishes it.

    Attributes:
        path: Directory of the faceset.
        record: Content of ``faceset.json``.
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
        run: str = "",
    ) -> None:
        """Opens or creates the directory.

        Args:
            path: Directory of the faceset.
            source: Record of the source (name, kind, sha256, size, fps, frames).
            extractor: Settings and weights that the faces depend on.
            overwrite: Whether to replace an existing faceset, when ``begin`` is called. Its subject
                record is kept if the source is the same.
            smooths: Whether the landmarks of a video are smoothed in time.
            run: Text that the processes of one extraction have in common: they replace an existing
                faceset once. "" for an extraction by this process alone.

        Raises:
            FacesetError: The directory holds the faces of another source or of other settings, or
                an unfinished faceset that an earlier version wrote, or leads elsewhere by a link.
            OutputExistsError: The directory holds files, but no faceset.
        """
        self.path = path
        self.complete = False
        self._smooths = smooths and source["kind"] == "video"
        self._maskers: list[str] = extractor.get("maskers", [])
        self._mask_columns = mask_columns(self._maskers)
        self._schema = with_masks(self._maskers[1:])
        self._replacement: Replacement | None = None
        check_folder(path)
        exists = (path / RECORD).exists()
        if exists and not overwrite:
            self.record = read_record(path)
            self._check_same(source, extractor)
            self.complete = self.record["complete"]
            self._begun = True
            if not self.complete:
                self._check_current()
        else:
            self.record = {
                "complete": False,
                "source": source,
                "extractor": extractor,
                "subject": _subject_of_same_source(path, source) or Subject().to_json(),
            }
        if self.complete:
            self._remove_merged_segments()
        elif exists and overwrite:
            self._replacement = Replacement(path, run)
            self._begun = self._replacement.begun
        else:
            self.begin()

    def begin(self) -> None:
        """Makes the folder ready for crops; call it before the first one is stored.

        A faceset that is replaced is as it was until then: a source without faces leaves it.
        """
        if not self._begun and self._replacement is not None:
            self._replacement.begin(self._write_record)
        elif not self._begun:
            self._write_record()
        self._begun = True
        for folder in (IMAGES, MASKS, SEGMENTS, *self._mask_columns.values()):
            (self.path / folder).mkdir(exist_ok=True)

    def _write_record(self) -> None:
        """Writes the record of a new faceset, and removes the crops of the one before it."""
        # Until the new record stands, the old faceset is what it was; from then on all that is
        # left of it is recognised as stale.
        FORMAT.write(self.path / RECORD, self.record)
        for file in find_crops(self.path, maskers.names()):
            file.unlink()
        _remove_empty(further_mask_folders(self.path, {*maskers.names()} - {*self._maskers}))

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

    def _check_current(self) -> None:
        """Checks that this version wrote the segments; one of them tells it of all."""
        files = segment_files(self.path)[-1:]
        if any((self.path / name).is_dir() for name in OLD_SEGMENTS) or not is_current(files):
            raise FacesetError(
                f"{self.path} was left unfinished by an earlier version of this program.",
                EXTRACT_AGAIN,
            )
        for file in files:
            read_segment(file)

    def has_segment(self, first: int, end: int | None) -> bool:
        """Whether a segment is complete.

        Args:
            first: Index of its first frame.
            end: Index of the first frame after it; None for the end of the source.
        """
        return segment_file(self.path, first, end).exists()

    def write_segment(
        self, first: int, end: int | None, rows: Sequence[Row], record: SegmentRecord
    ) -> None:
        """Writes the rows of a segment to disk, complete or not at all.

        Args:
            first: Index of its first frame.
            end: Index of the first frame after it; None for the end of the source.
            rows: Rows of the writer's schema; list columns may be numpy arrays of any shape.
            record: What is known of the segment beside them.

        Raises:
            StorageFullError: The disk is full; other segments are intact.
        """
        # A segment that survives a power failure never names a crop that does not.
        sync_files([self.path / IMAGES / row["image"] for row in rows if row["image"]])
        for column, folder in self._mask_columns.items():
            sync_files([self.path / folder / name for row in rows if (name := row.get(column))])
        write_segment(segment_file(self.path, first, end), _table(rows, self._schema), record)

    def segments(self) -> list[tuple[Path, SegmentRecord]]:
        """Tables of the segments written so far, in their order, with what is known beside them.

        Raises:
            FacesetError: One is damaged, or an earlier version wrote it.
        """
        return [(file, read_segment(file)) for file in segment_files(self.path)]

    def finish(self, revise: Revision = iter, **facts: Any) -> int:
        """Merges the segments and marks the faceset complete, unless it has no faces.

        Args:
            revise: Function of all rows in their order, before they are smoothed: it may change
                them, and the crops of those that it leaves out are removed.
            **facts: Entries of the source's record that are known only after reading it (frames,
                damage).

        Returns:
            Number of faces.
        """
        faces, frames_with_face = self._merge_segments(revise) if self._begun else (0, 0)
        if not faces:
            return 0
        self.record["source"] |= facts | {"faces": faces, "frames_with_face": frames_with_face}
        self.record["complete"] = self.complete = True
        FORMAT.write(self.path / RECORD, self.record)
        self._remove_merged_segments()
        return faces

    def _remove_merged_segments(self) -> None:
        """Removes the segments, and before them the crops that no row names.

        Those are of faces that were left out, or of segments that were interrupted.
        """
        if segment_files(self.path):
            written = self._stored_files(self.path / ROWS)
            for file in find_crops(self.path, maskers.names()):
                place = file.relative_to(self.path)
                if place.parts[0] != REMOVED and place.as_posix() not in written:
                    file.unlink(missing_ok=True)
        remove_segments(self.path)

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

    def _merge_segments(self, revise: Revision) -> tuple[int, int]:
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
        remove_segments(self.path)
        if not self._begun:
            return
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
        for file in segment_files(self.path):
            yield from read_rows(file, self._schema).to_pylist()


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


def _table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    columns = {
        field.name: pa.array([_plain(row.get(field.name)) for row in rows], type=field.type)
        for field in schema
    }
    return pa.table(columns, schema=schema)


def _plain(value: Any) -> Any:
    return value.ravel() if isinstance(value, np.ndarray) else value
