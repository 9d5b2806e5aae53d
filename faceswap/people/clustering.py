"""People in finished facesets: clusters all tracks anew, keeps names, and writes people back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from faceswap.core.errors import IdentityError
from faceswap.core.locks import hold_folder
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import SCHEMA
from faceswap.people.embeddings import SAME_PERSON, Embedding
from faceswap.people.face_table import FaceTable
from faceswap.people.grouping import group_people
from faceswap.people.numbering import is_number, name_groups
from faceswap.people.tracks import identify_tracks, sample_tracks
from faceswap.recognizers import Recognizer


@dataclass(frozen=True)
class PersonTrack:
    """A track of a faceset, which shows one person.

    Attributes:
        faceset: Number of the faceset.
        track: Number of the track; of photos, position of the face.
        images: File names of its crops, those that were deleted included.
        embedding: Mean embedding, ``(D,)``.
        person: Number or name of the person; None if it has not been determined.
    """

    faceset: int
    track: int
    images: tuple[str, ...]
    embedding: Embedding
    person: str | None


def has_embeddings(faceset: Faceset) -> bool:
    """Whether the people of a faceset have been recognised."""
    return any(embedding is not None for embedding in faceset.embeddings())


def stored_tracks(number: int, faceset: Faceset) -> list[PersonTrack]:
    """Tracks of a faceset whose people have been recognised, in order of appearance.

    Args:
        number: Number of the faceset.
        faceset: Faceset.
    """
    found: dict[tuple[int, str | None], list[int]] = {}
    faces, embeddings = faceset.faces(), faceset.embeddings()
    for position, face in enumerate(faces):
        if embeddings[position] is not None:
            track = face.track if faceset.is_video else position
            found.setdefault((track, face.person), []).append(position)
    return [
        PersonTrack(
            number,
            track,
            tuple(faces[position].image for position in positions),
            _known(embeddings[positions[0]]),
            person,
        )
        for (track, person), positions in found.items()
    ]


def _known(embedding: Embedding | None) -> Embedding:
    assert embedding is not None
    return embedding


def recognise(faceset: Faceset, recognizer: Recognizer) -> None:
    """Computes the embeddings of a faceset and splits its tracks where the person changes.

    Args:
        faceset: Faceset without embeddings; opened again, it has them.
        recognizer: Recognition network.

    Raises:
        MediaError: A crop is damaged.
        OutputBusyError: Another process changes the faceset.
    """
    table = FaceTable.of_faceset(faceset)
    video = faceset.is_video
    found = identify_tracks(table, recognizer, sample_tracks(table, recognizer), video=video)
    means = dict(zip(found.numbers, found.embeddings, strict=True))
    images = table.rows["image"].to_pylist()
    by_image = dict(zip(images, found.tracks.tolist(), strict=True))
    if video:
        by_image = _with_unseen(faceset, by_image)

    def change(rows: pa.Table) -> pa.Table:
        names, old = rows["image"].to_pylist(), rows["track"].to_pylist()
        tracks = [by_image.get(name) for name in names]
        embeddings = [None if track is None else means.get(track) for track in tracks]
        rows = _with_column(rows, "embedding", embeddings)
        if not video:
            return rows
        kept = [o if new is None else new for o, new in zip(old, tracks, strict=True)]
        return _with_column(rows, "track", kept)

    with hold_folder(faceset.path, "the recognition of people"):
        rewrite_rows(faceset.path, change)


def _with_unseen(faceset: Faceset, seen: Mapping[str, int]) -> dict[str, int]:
    """Tracks of faces by image, with filled and deleted faces between and beside those seen.

    Args:
        faceset: Faceset of a video, with its tracks as they were.
        seen: New track of each face that recognition has seen, by image.
    """
    pairs = [(face.image, face.track) for face in faceset.faces()]
    found = dict(seen)
    for ordered in (pairs, pairs[::-1]):  # what precedes the first face seen takes its track
        last: dict[int, int] = {}
        for image, old in ordered:
            if image in found:
                last[old] = found[image]
            elif old in last:
                found[image] = last[old]
    return found


def cluster(
    tracks: Sequence[PersonTrack],
    names: Mapping[str, str],
    threshold: float = SAME_PERSON,
) -> list[PersonTrack]:
    """Tracks with the person of each, clustered anew.

    People with a name keep it, and are never merged with another name. Numbers stay with the
    cluster that has most of their faces.

    Args:
        tracks: Tracks of all facesets.
        names: New names by number or old name; people given the same name become one.
        threshold: Mean cosine similarity from which tracks are one person.

    Raises:
        IdentityError: There is no person of that number or name.
    """
    _check_names(tracks, names)
    renamed = [names.get(t.person, t.person) if t.person is not None else None for t in tracks]
    given = [
        name if name is not None and (not is_number(name) or name in names.values()) else None
        for name in renamed
    ]
    weights = [len(track.images) for track in tracks]
    embeddings = np.stack([t.embedding for t in tracks]) if tracks else np.empty((0, 1))
    groups = group_people(embeddings, weights, given, threshold)
    people = name_groups(groups, weights, renamed)
    return [replace(track, person=person) for track, person in zip(tracks, people, strict=True)]


def _check_names(tracks: Sequence[PersonTrack], names: Mapping[str, str]) -> None:
    people = {track.person for track in tracks if track.person is not None}
    for old, new in names.items():
        known = ", ".join(sorted(people)) if people else "nobody yet"
        if old not in people:
            raise IdentityError(
                f"Expected a person in --name {old}={new}, found {known}.",
                "Run `faceswap faces people` without --name, and look at the contact sheets.",
            )
        if is_number(new) and new not in people:
            raise IdentityError(
                f"Expected a name in --name {old}={new}, found a number that nobody has.",
                "New numbers are given by the program.",
            )


def write_people(faceset: Faceset, tracks: Sequence[PersonTrack]) -> None:
    """Writes the people of the tracks of one faceset into its rows.

    Args:
        faceset: Faceset.
        tracks: Tracks of the faceset.

    Raises:
        OutputBusyError: Another process changes the faceset.
    """
    people = {image: track.person for track in tracks for image in track.images}

    def change(rows: pa.Table) -> pa.Table:
        return _with_column(rows, "person", [people.get(n) for n in rows["image"].to_pylist()])

    if [people.get(face.image) for face in faceset.faces()] == faceset.rows["person"].to_pylist():
        return
    with hold_folder(faceset.path, "the names of people"):
        rewrite_rows(faceset.path, change)


def _with_column(rows: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    field = SCHEMA.field(name)
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, field, pa.array(values, field.type))
