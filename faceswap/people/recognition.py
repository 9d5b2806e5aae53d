"""Recognition of people in finished facesets."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from faceswap.core.locks import hold_folder
from faceswap.facesets.edit import rewrite_rows, with_column
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import ROWS
from faceswap.facesets.rows import each_embedding
from faceswap.people.face_table import FaceTable
from faceswap.people.tracks import identify_tracks, sample_tracks
from faceswap.recognizers import Recognizer


def has_embeddings(faceset: Path) -> bool:
    """Whether the people of a faceset have been recognised.

    Args:
        faceset: Directory of the faceset.

    Raises:
        FacesetError: The faceset is damaged.
    """
    return any(embedding is not None for embedding in each_embedding(faceset / ROWS))


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
        rows = with_column(rows, "embedding", embeddings)
        if not video:
            return rows
        kept = [o if new is None else new for o, new in zip(old, tracks, strict=True)]
        return with_column(rows, "track", kept)

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
