"""Writes a faceset in segments, so that an interrupted extraction loses at most the unfinished one.

During extraction, ``segments/`` fills with tables, each complete or absent. ``finish`` smooths the
landmarks in time, merges the segments into ``faces.parquet`` and marks the record complete.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from faceswap.core.errors import FacesetError
from faceswap.core.files import sync_files
from faceswap.core.locks import hold_file
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
from faceswap.facesets.record import FORMAT, check_same, read_record
from faceswap.facesets.replacement import Replacement, undo_replacement
from faceswap.facesets.row_tables import row_table, write_rows
from faceswap.facesets.rows import (
    KEPT,
    columns_of,
    further_maskers,
    is_current,
    mask_columns,
    read_rows,
    with_masks,
)
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
        joins: bool = False,
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
            joins: Whether another process of the run has begun the replacement of an existing
                faceset: one that is no longer replaced is left alone.

        Raises:
            FacesetError: The directory holds the faces of another source or of other settings, or
                an unfinished faceset that an earlier version wrote, or leads elsewhere by a link;
                or the replacement that this process joins has ended.
            OutputExistsError: The directory holds files, but no faceset.
        """
        self.path = path
        self.complete = False
        self._smooths = smooths and source["kind"] == "video"
        self._maskers: list[str] = extractor.get("maskers", [])
        self._mask_columns = mask_columns(self._maskers)
        self._schema = with_masks(self._maskers[1:])
        self._replacement: Replacement | None = None
        # Of the processes of a run, one begins a faceset.
        one = hold_file(path / RECORD, "the beginning of a faceset", wait=True)
        with one if run else nullcontext():
            self._open(source, extractor, overwrite, run, joins)

    def _open(
        self,
        source: dict[str, Any],
        extractor: dict[str, Any],
        overwrite: bool,
        run: str,
        joins: bool,
    ) -> None:
        path = self.path
        check_folder(path)
        exists = (path / RECORD).exists()
        if exists and not overwrite:
            undo_replacement(path)
            self.record = read_record(path)
            check_same(path, self.record, source, extractor)
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
            self._replacement = Replacement(path, run, joins=joins)
            self._begun = self._replacement.begun
            if self._begun and (record := read_record(path))["complete"]:
                self.record, self.complete = record, True  # by a process that was then killed
                self._remove_merged_segments()
        else:
            self.begin()
            if overwrite and run:  # this is what the others of the run do not replace
                Replacement(path, run).begin(lambda: None)

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
            record: Facts beside them.

        Raises:
            StorageFullError: The disk is full; other segments are intact.
        """
        # A segment that survives a power failure never names a crop that does not.
        sync_files([self.path / IMAGES / row["image"] for row in rows if row["image"]])
        for column, folder in self._mask_columns.items():
            sync_files([self.path / folder / name for row in rows if (name := row.get(column))])
        write_segment(segment_file(self.path, first, end), row_table(rows, self._schema), record)

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
        if not self._is_begun():
            return 0
        rows = self._final_rows(revise)
        faces, frames_with_face = write_rows(self.path / ROWS, rows, self._schema)
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
        further = further_maskers(columns_of(table))  # those that were added meanwhile as well
        rows = read_rows(table, with_masks(further, KEPT))
        columns = {"image": IMAGES} | mask_columns(["", *further])
        return {
            f"{folder}/{name}"
            for column, folder in columns.items()
            for name in rows[column].to_pylist()
            if name
        }

    def discard(self) -> None:
        """Removes what this writer made, for a source without faces."""
        if not self._is_begun():
            undo_replacement(self.path)
            return
        remove_segments(self.path)
        for file in find_crops(self.path, maskers.names()):
            file.unlink()
        folders = (self.path / name for name in (IMAGES, MASKS, REMOVED))
        _remove_empty([*further_mask_folders(self.path, maskers.names()), *folders])
        (self.path / ROWS).unlink(missing_ok=True)
        (self.path / RECORD).unlink(missing_ok=True)  # last: without it nothing here is ours

    def _is_begun(self) -> bool:
        """Whether the new faceset stands, be it by another process of the run."""
        if not self._begun and self._replacement is not None:
            self._begun = self._replacement.look()
        return self._begun

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
