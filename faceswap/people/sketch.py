"""What the comparison of tracks needs of them: a quarter of a kilobyte for each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.facesets.files import ROWS
from faceswap.facesets.rows import embedding_column
from faceswap.people.groups import NOBODY
from faceswap.people.stored_tracks import StoredTracks


@dataclass(frozen=True)
class TrackSketch:
    """The tracks of some facesets, in their order.

    Attributes:
        embeddings: Mean embedding of each track, ``(T, D) float16``.
        faces: Number of faces of each track, those whose crops were deleted included, ``(T,)``.
        starts: First track of each faceset, and T, ``(F + 1,)``.
        people: Index in ``names`` of the person of each track so far, ``(T,) int32``; ``NOBODY``
            where it has not been determined.
        names: Numbers and names of people.
    """

    embeddings: NDArray[np.float16]
    faces: NDArray[np.int64]
    starts: NDArray[np.int64]
    people: NDArray[np.int32]
    names: Sequence[str]

    @classmethod
    def of(cls, facesets: Sequence[StoredTracks]) -> "TrackSketch":
        """Reads the tracks of facesets, one faceset at a time.

        Args:
            facesets: Facesets with embeddings.

        Raises:
            FacesetError: A faceset is damaged, or has embeddings of another network.
        """
        reading = _Reading()
        starts = [0]
        for faceset in facesets:
            reading.add(faceset)
            starts.append(reading.count)
        return cls(
            np.concatenate([np.empty((0, reading.dimensions or 1), np.float16), *reading.vectors]),
            np.concatenate([np.empty(0, np.int64), *reading.faces]),
            np.array(starts),
            np.concatenate([np.empty(0, np.int32), *reading.people]),
            list(reading.names),
        )

    def person_names(self) -> list[str | None]:
        """Person of each track so far, or None."""
        everyone: list[str | None] = [*self.names, None]  # at the place NOBODY, which is the last
        return [everyone[person] for person in self.people.tolist()]

    def faceset_of(self, tracks: NDArray[np.integer]) -> NDArray[np.int64]:
        """Number of the faceset of each of some tracks."""
        return np.searchsorted(self.starts, tracks, side="right") - 1


class _Reading:
    """Tracks that have been read so far."""

    def __init__(self) -> None:
        self.vectors: list[NDArray[np.float16]] = []
        self.faces: list[NDArray[np.int64]] = []
        self.people: list[NDArray[np.int32]] = []
        self.names: dict[str, int] = {}
        self.count = self.dimensions = 0

    def add(self, faceset: StoredTracks) -> None:
        """Reads the tracks of a faceset."""
        faces = np.zeros(0, np.int64)
        for rows, tracks in faceset.groups():
            vectors, valid = embedding_column(rows, faceset.path / ROWS)
            if not len(vectors):
                continue
            self._check(vectors.shape[1], faceset)
            numbers, first, counts = np.unique(tracks[valid], return_index=True, return_counts=True)
            new = numbers >= len(faces)
            faces = np.append(faces, np.zeros(new.sum(), np.int64))
            faces[numbers] += counts
            self.vectors.append(vectors[first[new]].astype(np.float16))
            named = rows["person"].filter(rows["embedding"].is_valid()).take(first[new])
            self.people.append(np.array([*map(self._person, named.to_pylist())], np.int32))
        self.faces.append(faces)
        self.count += len(faces)

    def _person(self, name: str | None) -> int:
        return NOBODY if name is None else self.names.setdefault(name, len(self.names))

    def _check(self, length: int, faceset: StoredTracks) -> None:
        self.dimensions = self.dimensions or length
        if length != self.dimensions:
            raise FacesetError(
                f"Expected embeddings of {self.dimensions} numbers, as in the other facesets, "
                f"found {length} in {faceset.path}.",
                "Compare facesets whose people the same network has recognised.",
            )
