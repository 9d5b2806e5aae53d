"""Who is it: the part of an extraction that recognises people.

While a source is tracked, faces spaced along each track are embedded, segment by segment. At the
end tracks that changed person midway are split, each person gets a number, and the faces of people
who are not wanted are dropped.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceswap.core.errors import NoFacesError
from faceswap.core.locks import hold_file
from faceswap.core.text import counted
from faceswap.core.weights import weights_entry
from faceswap.facesets.rows import KEPT, read_embeddings, read_rows
from faceswap.people.embeddings import Embedding, mean_embedding
from faceswap.people.face_table import FaceTable, embed_crops, quality, spaced_samples
from faceswap.people.grouping import group_people
from faceswap.people.numbering import Gallery, number_tracks
from faceswap.people.tracks import SPACING, TrackIdentities, identify_tracks
from faceswap.people.wanted import WantedPeople, largest_faces
from faceswap.recognizers import Recognizer

Row = dict[str, Any]

_NUMBERING = "people"  # name of the lock in the output folder
_NOBODY_HINT = "Give another reference, or another --threshold."


@dataclass(frozen=True)
class People:
    """How people are recognised and chosen, the same for all sources of a run.

    Attributes:
        recognizer: Recognition network; None leaves people and embeddings empty.
        wanted: People whose faces are kept.
        largest: Whether only the largest face of each frame is kept.
        gallery: People in the facesets of the output folder.
    """

    recognizer: Recognizer | None = None
    wanted: WantedPeople = field(default_factory=WantedPeople)
    largest: bool = False
    gallery: Gallery = field(default_factory=Gallery)

    def record(self) -> dict[str, Any]:
        """Settings that the faces of a faceset depend on, for the record of the extractor."""
        return self.wanted.record() | {"largest": self.largest or None}


@dataclass(frozen=True)
class Decisions:
    """What was decided about the faces of a source, in its order.

    Attributes:
        tracks: Number of the track of each face, ``(N,)``.
        people: Person of each track.
        embeddings: Mean embedding of each track.
        kept: Whether each face is kept, ``(N,)``.
        left_out: Number of the others by the option that they do not meet.
        video: Whether the tracks are those of a video.
    """

    tracks: NDArray[np.int64]
    people: dict[int, str]
    embeddings: dict[int, Embedding]
    kept: NDArray[np.bool_]
    left_out: dict[str, int]
    video: bool

    def apply(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows of the faces that are kept, with track, person and embedding."""
        for row, number, kept in zip(rows, self.tracks.tolist(), self.kept, strict=True):
            if kept:
                known = {
                    "person": self.people.get(number),
                    "embedding": self.embeddings.get(number),
                }
                yield row | known | ({"track": number} if self.video else {})

    def summary(self) -> list[str]:
        """Line on the number of faces of each person; none where nobody was recognised."""
        counts = Counter(self.people.get(number) for number in self.tracks[self.kept].tolist())
        named = [(name, count) for name, count in counts.most_common() if name is not None]
        texts = [f"{name} ({counted(count, 'face')})" for name, count in named[:5]]
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        return [f"People: {', '.join(texts)}{more}."] if texts else []


class Identification:
    """Recognises the people of one source.

    Args:
        people: Recognition network, and the people whose faces are kept.
        directory: Directory of the faceset.
        video: Whether the source is a video.
    """

    def __init__(self, people: People, directory: Path, *, video: bool) -> None:
        self._people = people
        self._directory = directory
        self._video = video

    def facts(self) -> dict[str, Any]:
        """Recognition network and hashes of its weights, for the record of the extractor."""
        recognizer = self._people.recognizer
        names = recognizer.weights if recognizer is not None else ()
        return {"recognizer": {name: weights_entry(name).sha256 for name in names} or None}

    def embed(self, rows: Sequence[Row]) -> None:
        """Embeds faces spaced along the tracks of a segment; their rows get the embeddings.

        Args:
            rows: Rows of the segment, whose crops are stored; arrays may be flat.

        Raises:
            MediaError: A crop was removed.
        """
        rows = [row for row in rows if not row["filled"]]
        if self._people.recognizer is None or not rows:
            return
        tracks = [row["track"] for row in rows] if self._video else range(len(rows))
        # As the table of the segment has them, which a later run may read.
        measured = (
            np.array([row[name] for row in rows], np.float32)
            for name in ("yaw", "pitch", "sharpness")
        )
        chosen = [rows[i] for i in spaced_samples(np.array(tracks), quality(*measured), SPACING)]
        embeddings = embed_crops(
            self._directory,
            [row["image"] for row in chosen],
            [np.reshape(row["landmarks"], (68, 2)) for row in chosen],
            [np.reshape(row["matrix"], (2, 3)) for row in chosen],
            self._people.recognizer,
        )
        for row, embedding in zip(chosen, embeddings, strict=True):
            row["embedding"] = embedding

    @contextmanager
    def decide(
        self, segments: Sequence[Path], numbers: Sequence[Mapping[int, int]]
    ) -> Iterator[Decisions]:
        """Decides about all faces of the source.

        Another source of the same output folder waits with its numbers until this one is written.

        Args:
            segments: Tables of all faces.
            numbers: Number in the whole video of each track of each segment; none where tracks are
                numbered through, or are none.

        Raises:
            FacesetError: A segment is damaged.
            MediaError: A crop was removed.
            NoFacesError: There are faces, but none of a wanted person.
        """
        table, samples = self._read(segments, numbers)
        recognizer = self._people.recognizer
        if recognizer is None or not len(table.tracks):
            yield self._decisions(table, table.tracks, {}, {})
            return
        found = identify_tracks(table, recognizer, samples, video=self._video)
        chosen = self._wanted(found)
        embeddings = {found.numbers[i]: found.embeddings[i] for i in chosen}
        with hold_file(self._directory.parent / _NUMBERING, "the numbering of people", wait=True):
            known = self._people.gallery.people_in(self._directory.parent, self._directory)
            faces = [found.faces[i] for i in chosen]
            names = number_tracks(found.embeddings[chosen], faces, known)
            people = dict(zip(embeddings, names, strict=True))
            yield self._decisions(table, found.tracks, people, embeddings)

    def _read(
        self, segments: Sequence[Path], numbers: Sequence[Mapping[int, int]]
    ) -> tuple[FaceTable, dict[int, Embedding]]:
        """The faces of all segments, and the embeddings of those that were sampled."""
        tables = [read_rows(segment, KEPT) for segment in segments]
        pairs = zip(segments, tables, strict=True)
        stored = [embedding for pair in pairs for embedding in self._embeddings(*pair)]
        if numbers:
            tables = [_numbered(*pair) for pair in zip(tables, numbers, strict=True)]
        rows = pa.concat_tables(tables) if tables else KEPT.empty_table()
        table = FaceTable.of_rows(self._directory, rows, video=self._video)
        samples = {i: embedding for i, embedding in enumerate(stored) if embedding is not None}
        return table, samples

    def _embeddings(self, segment: Path, table: pa.Table) -> Sequence[Embedding | None]:
        """Embeddings of a segment's faces; made now if it was extracted without recognition."""
        stored = read_embeddings(segment)
        if self._people.recognizer is None or any(each is not None for each in stored):
            return stored
        rows = table.to_pylist()
        self.embed(rows)
        return [row.get("embedding") for row in rows]

    def _wanted(self, found: TrackIdentities) -> list[int]:
        """Indices of the tracks of wanted people; people are judged by all of their tracks."""
        wanted = self._people.wanted
        everyone = list(range(len(found.numbers)))
        if not wanted.chooses:
            return everyone
        groups = group_people(found.embeddings, found.faces, [None] * len(everyone))
        means = [
            mean_embedding([found.embeddings[i] for i in everyone if groups[i] == group])
            for group in range(max(groups) + 1)
        ]
        kept = [wanted.keeps(mean) for mean in means]
        if not any(kept):
            raise NoFacesError(_nobody(wanted, means, self._directory.name), _NOBODY_HINT)
        return [i for i in everyone if kept[groups[i]]]

    def _decisions(
        self,
        table: FaceTable,
        tracks: NDArray[np.int64],
        people: dict[int, str],
        embeddings: dict[int, Embedding],
    ) -> Decisions:
        kept, left_out = np.ones(len(tracks), bool), {}
        wanted = self._people.wanted
        if wanted.chooses:
            kept = np.isin(tracks, list(people))
            left_out["only" if wanted.only else "not"] = int((~kept).sum())
        if self._people.largest:
            sizes = table.rows["size"].to_numpy()[kept]
            largest = largest_faces(table.frames[kept], tracks[kept], sizes)
            left_out["largest"] = int((~largest).sum())
            kept[kept] = largest
        left_out = {option: count for option, count in left_out.items() if count}
        return Decisions(tracks, people, embeddings, kept, left_out, self._video)


def _numbered(rows: pa.Table, numbers: Mapping[int, int]) -> pa.Table:
    """Rows of a segment with other numbers of their tracks."""
    field, place = KEPT.field("track"), KEPT.get_field_index("track")
    tracks = [numbers[track] for track in rows["track"].to_pylist()]
    return rows.set_column(place, field, pa.array(tracks, field.type))


def _nobody(wanted: WantedPeople, means: Sequence[Embedding], name: str) -> str:
    if not wanted.only:
        return f"All {counted(len(means), 'person')} in {name} are people of --not."
    best = wanted.best_match(means)
    reason = (
        f"the threshold is {wanted.threshold:.2f}"
        if best < wanted.threshold
        else "is at least as similar to a person of --not"
    )
    return (
        f"Nobody in {name} is the person of --only: the most similar one of "
        f"{counted(len(means), 'person')} reaches {best:.2f}, and {reason}."
    )
