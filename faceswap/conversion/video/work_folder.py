"""The segments of an unfinished conversion of a video, in a hidden folder.

``conversion.json`` identifies the conversion. A segment is a signed video and a record
beside it, which is written last: what has a record is complete.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from faceswap.conversion.video.segments import Segment
from faceswap.core.documents import DocumentModel, Items
from faceswap.core.errors import FaceswapError, MediaError, OutputBusyError, OutputExistsError
from faceswap.core.files import atomic_directory, remove
from faceswap.core.formats import Format
from faceswap.core.leftovers import clear_leftovers
from faceswap.core.locks import LOCK, check_free, hold_file, is_used

TRIAL = Segment(0, 0)
"""Segment under whose name an encoder is tried out; it never gets a record."""

_RECORD = "conversion.json"
_Count = Annotated[int, Field(ge=0, lt=1 << 53)]


@dataclass(frozen=True)
class SegmentRecord:
    """What was written of a segment.

    Attributes:
        pts: Time stamps of its frames in units of the source's time base; empty where no frame of
            the segment can be decoded, and there is no file.
        duration: Duration of the last frame in the same units.
        frames_swapped: Number of frames with at least one swapped face.
        faces_swapped: Number of swapped faces.
        shown: Identities to which they were swapped.
        faulty: Number of frames that were decoded with errors.
        notes: Differences from the source, one line each.
    """

    pts: list[int]
    duration: int
    frames_swapped: int
    faces_swapped: int
    shown: list[str]
    faulty: int
    notes: list[str]


class _SegmentDocument(DocumentModel):
    pts: Items[int]
    duration: _Count
    frames_swapped: _Count
    faces_swapped: _Count
    shown: Items[str]
    faulty: _Count
    notes: Items[str]


class _WorkDocument(DocumentModel):
    key: str


_SEGMENT = Format("faceswap-segment", 1, MediaError, schema=_SegmentDocument)
_WORK = Format("faceswap-unfinished-conversion", 1, MediaError, schema=_WorkDocument)


class WorkFolder:
    """The folder of one unfinished conversion.

    Args:
        path: The folder; created when something is written into it.
        suffix: Suffix of the files of segments; empty if their frames are files elsewhere.
    """

    def __init__(self, path: Path, suffix: str) -> None:
        self.path = path
        self._suffix = suffix

    @property
    def faceset(self) -> Path:
        """Folder of the faceset of a video that was given without one."""
        return self.path / "faces"

    @property
    def joined(self) -> Path:
        """File of all segments, from which an animated picture is made."""
        return self.path / f"joined{self._suffix}"

    def open(self, key: str) -> None:
        """Creates the folder, and replaces it if it holds another conversion.

        What a killed process left of files that are held by nobody is removed, so call it while the
        output is held.

        Args:
            key: Text that identifies the conversion and everything its result depends on.

        Raises:
            MediaError: A newer version of this program made the folder.
            OSError: It cannot be read.
            StorageFullError: The disk is full.
        """
        clear_leftovers(self.path.parent, {self.path.name})
        if not self.is_of(key):
            # Replaced at once: a folder that is removed in part would be taken for a whole one.
            with atomic_directory(self.path) as folder:
                _WORK.write(folder / _RECORD, {"key": key})
        clear_leftovers(self.path, {self.joined.name, self.video(TRIAL).name})

    def is_of(self, key: str) -> bool:
        """Whether the folder holds the conversion that ``key`` identifies.

        Without a record, or with a damaged one, it holds none.

        Raises:
            MediaError: A newer version of this program made the folder.
            OSError: It cannot be read.
        """
        record = self.path / _RECORD
        try:
            return _WORK.read(record)["key"] == key
        except FileNotFoundError:
            return False
        except MediaError:
            if _WORK.is_newer(record):
                raise
            return False

    @contextmanager
    def share(self, key: str, part: str, *, wait: bool = False) -> Iterator[None]:
        """Takes part in the conversion beside other processes, each with a part of its own.

        Args:
            key: Text that identifies the conversion, as for ``open``.
            part: Part of this process in a few words ("shard 1 of 2").
            wait: Whether to wait for another process that does this part.

        Raises:
            OutputBusyError: Another process does this part.
            OutputExistsError: The folder holds another conversion.
            StorageFullError: The disk is full.
        """
        presence, record = self.path / part, self.path / _RECORD
        with hold_file(presence, f"{part} of the conversion", wait=wait):
            with hold_file(record, "the conversion", wait=True):
                if not record.exists():
                    self._clear()
                    _WORK.write(record, {"key": key})
            if not self.is_of(key):
                raise OutputExistsError(
                    f"{self.path} holds an unfinished conversion with other settings, of another "
                    "source or by another signer, model or version.",
                    "Give all processes the same command, or delete this folder.",
                )
            yield

    @contextmanager
    def hold_faceset(self, on_wait: Callable[[str], None]) -> Iterator[None]:
        """Holds the faceset, after another process that makes it has ended.

        Args:
            on_wait: Callback with a sentence on that process before it waits.
        """
        try:
            check_free(self.faceset)
        except OutputBusyError as error:
            on_wait(f"{error.message} Waiting for it.")
        with hold_file(self.faceset, "the search for faces", wait=True):
            yield

    def video(self, segment: Segment) -> Path:
        """File of a segment."""
        return self.path / f"{_name(segment)}{self._suffix}"

    @contextmanager
    def hold(self, segment: Segment) -> Iterator[None]:
        """Holds a segment, so that no other process writes it.

        Raises:
            OutputBusyError: Another process writes it, or has finished the conversion.
        """
        if not (self.path / _RECORD).exists():
            raise OutputBusyError(
                f"Another process finished or removed the conversion in {self.path}.",
                "Run the same command again.",
            )
        with hold_file(self.video(segment), "the conversion", (self._record(segment),)):
            yield

    def read(self, segment: Segment) -> SegmentRecord | None:
        """Record of a segment; None if it is not complete."""
        path = self._record(segment)
        try:
            stored = _SEGMENT.read(path)
        except (OSError, FaceswapError):
            return None
        record = SegmentRecord(**{name: stored[name] for name in _SegmentDocument.model_fields})
        complete = not record.pts or not self._suffix or self.video(segment).is_file()
        return record if complete else None

    def write(self, segment: Segment, record: SegmentRecord) -> None:
        """Writes the record of a segment, whose video is complete.

        Raises:
            StorageFullError: The disk is full.
        """
        _SEGMENT.write(self._record(segment), asdict(record))

    def remove(self) -> None:
        """Removes the folder with everything in it."""
        # First: without it nothing counts that a killed process did not come to remove.
        remove(self.path / _RECORD)
        remove(self.path)

    def remove_empty(self) -> None:
        """Removes the folder unless it holds a segment or a part of a faceset."""
        with suppress(OSError):
            names = {file.name for file in self.path.iterdir()}
            kept = {name for name in names if not name.startswith((LOCK, ".tmp-"))}
            if kept <= {_RECORD} and not is_used(self.path):
                self.remove()

    def _clear(self) -> None:
        """Removes everything but the locks of processes that take part."""
        for entry in self.path.iterdir():
            if not entry.name.startswith(LOCK):
                remove(entry)

    def _record(self, segment: Segment) -> Path:
        return self.path / f"{_name(segment)}.json"


def _name(segment: Segment) -> str:
    return f"segment-{segment.first:09d}-{segment.end:09d}"
