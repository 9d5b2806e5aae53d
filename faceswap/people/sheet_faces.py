"""Faces for the contact sheets of people: sharp, frontal ones, spread over tracks and time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceswap.facesets.files import IMAGES, crop_names, stored_file
from faceswap.people.clustering import People
from faceswap.people.face_table import quality
from faceswap.people.stored_tracks import NO_TRACK, StoredTracks

_COLUMNS = ("image", "filled", "yaw", "pitch", "sharpness")


@dataclass(frozen=True)
class SheetFaces:
    """Crops of people; of each person, at most as many as a sheet shows.

    The faces of a person, in the order of the tracks, are divided into as many spans of equal
    length, and the most suitable face of each is chosen.

    Attributes:
        facesets: Directories of the facesets.
        first: First crop of each person, and the number of crops C, ``(P + 1,)``.
        faceset: Number of the faceset of each crop, ``(C,)``.
        images: File name of each crop.
    """

    facesets: Sequence[Path]
    first: NDArray[np.int64]
    faceset: NDArray[np.int32]
    images: Sequence[str]

    @classmethod
    def choose(cls, facesets: Sequence[StoredTracks], people: People, most: int) -> "SheetFaces":
        """Chooses the faces, one faceset at a time.

        Args:
            facesets: Facesets of the tracks.
            people: People of the tracks.
            most: Maximum number of faces of a person.

        Raises:
            FacesetError: A faceset is damaged, or has no folder of images.
        """
        kept = np.zeros(len(people.of), np.int64)
        for start, faceset in zip(people.sketch.starts.tolist(), facesets, strict=False):
            for _, tracks in _shown(faceset):
                np.add.at(kept, tracks + start, 1)
        spans = _Spans(people, kept, most)
        best = _Best(int(spans.first[-1]))
        for number, faceset in enumerate(facesets):
            start = people.sketch.starts[number]
            for rows, tracks in _shown(faceset):
                best.offer(number, rows, *spans.next(tracks + start))
        return cls([each.path for each in facesets], spans.first, best.faceset, best.images)

    def of(self, person: int) -> list[Path]:
        """Files of the crops of a person.

        Args:
            person: Index of the person.

        Raises:
            FacesetError: A file leads out of its faceset.
        """
        places = range(self.first[person], self.first[person + 1])
        return [
            stored_file(self.facesets[self.faceset[place]], IMAGES, self.images[place])
            for place in places
            if self.images[place]
        ]


def _shown(faceset: StoredTracks) -> Iterator[tuple[pa.Table, NDArray[np.int64]]]:
    """Rows of faces that may be shown, and their tracks; filled ones are often covered."""
    present = crop_names(faceset.path)
    for rows, tracks in faceset.groups(_COLUMNS):
        has = [name in present for name in rows["image"].to_pylist()]
        shown = np.array(has, bool) & ~rows["filled"].to_numpy() & (tracks != NO_TRACK)
        yield rows.filter(pa.array(shown)), tracks[shown]


class _Spans:
    """Spans of the faces of each person, which are numbered through all people.

    Args:
        people: People of the tracks.
        kept: Number of faces of each track that may be shown, ``(T,)``.
        most: Maximum number of spans of a person.

    Attributes:
        first: First span of each person, and the number of all spans, ``(P + 1,)``.
    """

    def __init__(self, people: People, kept: NDArray[np.int64], most: int) -> None:
        self._person = people.of
        order = np.argsort(people.of, kind="stable")
        before = np.cumsum(kept[order]) - kept[order]
        self._faces = np.zeros(len(people.names), np.int64)
        np.add.at(self._faces, people.of, kept)
        of_others = np.cumsum(self._faces) - self._faces
        self._next = np.empty_like(kept)  # place among the faces of the person, of each track
        self._next[order] = before - of_others[people.of[order]]
        self._count = np.minimum(self._faces, most)
        self.first = np.concatenate([[0], np.cumsum(self._count)])

    def next(self, tracks: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Spans and places of the next faces.

        Args:
            tracks: Track of each face, ``(N,)``.

        Returns:
            Number of the span of each face, and its place among the faces of the person, ``(N,)``.
        """
        order = np.argsort(tracks, kind="stable")
        found, starts, counts = np.unique(tracks[order], return_index=True, return_counts=True)
        place = np.empty_like(tracks)
        place[order] = np.arange(len(tracks)) + np.repeat(self._next[found] - starts, counts)
        self._next[found] += counts
        person = self._person[tracks]
        # A crop that has just been restored was not counted.
        place = np.minimum(place, self._faces[person] - 1)
        length = self._faces[person] / np.maximum(self._count[person], 1)
        span = np.minimum((place / np.maximum(length, 1)).astype(np.int64), self._count[person] - 1)
        span -= place < np.round(span * length)
        span += place >= np.round((span + 1) * length)
        return np.where(place < 0, -1, self.first[person] + span), place


class _Best:
    """The most suitable face of each span; of equal ones the earliest.

    Args:
        count: Number of spans.

    Attributes:
        faceset: Number of the faceset of each face.
        images: File name of the crop of each face; "" where none was found.
    """

    def __init__(self, count: int) -> None:
        self.faceset = np.zeros(count, np.int32)
        self.images = [""] * count
        self._quality = np.full(count, -np.inf)
        self._place = np.zeros(count, np.int64)

    def offer(
        self, faceset: int, rows: pa.Table, spans: NDArray[np.int64], places: NDArray[np.int64]
    ) -> None:
        """Compares faces with the best ones so far.

        Args:
            faceset: Number of the faceset.
            rows: Rows of the faces.
            spans: Span of each face, ``(N,)``; negative for none.
            places: Place of each face among those of its person, ``(N,)``.
        """
        measured = (rows[name].to_numpy() for name in ("yaw", "pitch", "sharpness"))
        suitable = quality(*measured)
        order = np.lexsort((places, -suitable, spans))
        order = order[spans[order] >= 0]
        found, first = np.unique(spans[order], return_index=True)
        rows_of, places, suitable = order[first], places[order[first]], suitable[order[first]]
        before = self._quality[found]
        better = (suitable > before) | ((suitable == before) & (places < self._place[found]))
        won, chosen = found[better], rows_of[better]
        self._quality[won], self._place[won] = suitable[better], places[better]
        self.faceset[won] = faceset
        names = rows["image"].take(chosen).to_pylist()
        for span, name in zip(won.tolist(), names, strict=True):
            self.images[span] = name
