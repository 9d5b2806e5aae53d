"""Tracks in the rows of a finished faceset, of which some thousand are in memory at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceswap.core.errors import OutputBusyError
from faceswap.core.file_state import FileState
from faceswap.core.locks import hold_folder
from faceswap.facesets.edit import rewrite_rows, with_column
from faceswap.facesets.files import ROWS
from faceswap.facesets.record import read_finished_record
from faceswap.facesets.rows import (
    KEPT,
    SCHEMA,
    columns_of,
    further_maskers,
    read_some_columns,
    with_masks,
)

NO_TRACK = -1
"""Number of the track of a face without an embedding."""

_NUMBERED = ("track", "person", "embedding")  # columns by which tracks are told apart


@dataclass(frozen=True)
class StoredTracks:
    """Tracks of a faceset whose people have been recognised.

    Tracks of one person each are numbered in order of appearance; faces of photos are tracks of
    their own. The numbers hold until other people are written into the rows.

    Attributes:
        path: Directory of the faceset.
        is_video: Whether its source is a video.
        state: State of the file of the rows, whose tracks have these numbers.
    """

    path: Path
    is_video: bool
    state: FileState

    @classmethod
    def open(cls, path: Path) -> "StoredTracks":
        """Opens the tracks of a faceset.

        Args:
            path: Directory of the faceset.

        Raises:
            FacesetError: There is no faceset, or it is unfinished, damaged or of a newer version.
        """
        video = read_finished_record(path)["source"]["kind"] == "video"
        checked = with_masks(further_maskers(columns_of(path / ROWS)), KEPT)
        for _ in read_some_columns(path / ROWS, checked):
            pass  # damage is found before anything is written
        return cls(path, video, FileState.of((path / ROWS).stat()))

    def groups(self, columns: Sequence[str] = ()) -> Iterator[tuple[pa.Table, NDArray[np.int64]]]:
        """Row groups, and the number of the track of each of their faces, or ``NO_TRACK``.

        Args:
            columns: Further columns of the rows, beside ``track``, ``person`` and ``embedding``.

        Raises:
            FacesetError: The faceset is damaged.
        """
        numbers = _Numbers(video=self.is_video)
        schema = pa.schema([SCHEMA.field(name) for name in (*_NUMBERED, *columns)])
        for rows in read_some_columns(self.path / ROWS, schema):
            yield rows, numbers.of(rows)

    def write_people(self, people: Sequence[str]) -> None:
        """Writes the person of each track into the rows; that of other faces is null.

        Args:
            people: Number or name of the person of each track, in their order.

        Raises:
            OutputBusyError: Another process changes the faceset, or has changed it.
        """
        everyone: list[str | None] = [*people, None]  # at the place NO_TRACK, which is the last

        def found(tracks: NDArray[np.int64]) -> list[str | None]:
            return [everyone[track] for track in tracks.tolist()]

        if all(found(tracks) == rows["person"].to_pylist() for rows, tracks in self.groups()):
            return
        numbers = _Numbers(video=self.is_video)
        with hold_folder(self.path, "the names of people"):
            if FileState.of((self.path / ROWS).stat()) != self.state:
                raise OutputBusyError(
                    f"The faceset {self.path} has changed while its people were compared.",
                    "Run the same command again.",
                )
            rewrite_rows(
                self.path, lambda rows: with_column(rows, "person", found(numbers.of(rows)))
            )


class _Numbers:
    """Numbers of tracks, from one row group to the next.

    Args:
        video: Whether the faces are those of a video.
    """

    def __init__(self, *, video: bool) -> None:
        self._video = video
        self._known: dict[tuple[int, str | None], int] = {}
        self._count = 0  # of photos

    def of(self, rows: pa.Table) -> NDArray[np.int64]:
        """Numbers of the tracks of the next rows, ``(N,)``."""
        valid = rows["embedding"].is_valid().to_numpy()
        numbers = np.full(len(valid), NO_TRACK)
        if self._video:
            tracks, people = rows["track"].to_pylist(), rows["person"].to_pylist()
            for row in np.flatnonzero(valid).tolist():
                key = tracks[row], people[row]
                numbers[row] = self._known.setdefault(key, len(self._known))
        else:
            numbers[valid] = np.arange(self._count, self._count + valid.sum())
            self._count += int(valid.sum())
        return numbers
