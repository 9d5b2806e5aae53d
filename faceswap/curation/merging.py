"""Merges facesets of one source."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from faceswap.core.errors import FacesetError
from faceswap.curation.copying import (
    RowReader,
    check_rows,
    check_same_squares,
    copy_file,
    face_files,
    new_faceset,
    write_record,
    write_rows,
)
from faceswap.curation.likeness import OnFaces
from faceswap.curation.merged_settings import merge_extractors
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES, ROWS, stored_file
from faceswap.facesets.record import chooses_people, first_masker
from faceswap.facesets.rows import further_maskers, is_further_mask, with_masks
from faceswap.provenance.subject import Subject

_GROUP = 1024  # rows of a row group

_Chosen = tuple[Faceset, Face, int]
"""A face with its faceset and its row in it."""


def check_mergeable(facesets: Sequence[Faceset]) -> None:
    """Checks that facesets can become one.

    Raises:
        FacesetError: They are of different sources, of crops of different sizes, of different
            distances of frames, or of different first maskers.
    """
    first = facesets[0]
    for other in facesets[1:]:
        if other.source_sha256 != first.source_sha256:
            raise FacesetError(
                f"Expected facesets of one source, found {first.path} of {first.name} and "
                f"{other.path} of {other.name}: frame numbers and time stamps belong to a source.",
                "Keep them in one folder: all commands take it for the facesets in it.",
            )
        check_same_squares(first.record, other.record, f"{first.path} and {other.path}")
        every = [faceset.record["extractor"]["every"] for faceset in (first, other)]
        if every[0] != every[1]:
            raise FacesetError(
                f"Expected facesets of equally distant frames, found --every {every[0]} of "
                f"{first.path} and --every {every[1]} of {other.path}: conversion searches the "
                "frames between.",
                "Extract the source again with the same --every, or keep them in one folder: all "
                "commands take it for the facesets in it.",
            )
        if first_masker(other.record) != first_masker(first.record):
            raise FacesetError(
                f"Expected facesets with default masks of one masker, found "
                f"{first_masker(first.record)!r} and {first_masker(other.record)!r}.",
                "Extract the source again with the same --masker.",
            )


def merge_facesets(
    facesets: Sequence[Faceset], target: Path, on_faces: OnFaces = lambda _count: None
) -> int:
    """Writes one faceset with all faces of several of one source.

    A face that several of them have (the same landmarks in the same frame) is taken once, from the
    first that still has its crop in ``images/``. Faces of one frame are numbered anew. Facesets of
    different settings keep their tracks apart; orders and groups are cleared. The default masks are
    those of the extraction, which all have, unless all facesets use the same other ones. The record
    has the widest conditions of all; see ``merge_extractors``.

    Args:
        facesets: Facesets of one source.
        target: Directory of the new faceset.
        on_faces: Callback with the number of faces copied since its last call.

    Returns:
        Number of faces.

    Raises:
        FacesetError: They cannot be merged; see ``check_mergeable``.
        OutputExistsError: The target exists.
        StorageFullError: The disk is full; nothing is left.
    """
    check_mergeable(facesets)
    chosen = _distinct(facesets)
    stems = _stems(chosen)
    with new_faceset(target, "the merging") as new:
        for (faceset, face, _), stem in zip(chosen, stems, strict=True):
            for folder, name in face_files(faceset, face):
                source = stored_file(faceset.path, folder, name)
                copy_file(source, new / folder / f"{stem}{source.suffix}")
            on_faces(1)
        write_rows(new / ROWS, _merged_rows(facesets, chosen, stems))
        record = facesets[0].record | {"subject": common_subject(facesets)}
        extractors = [faceset.record["extractor"] for faceset in facesets]
        record |= {"extractor": merge_extractors(extractors)}
        record |= {"default_mask": _common_default(facesets), "masks": _common_masks(facesets)}
        write_record(new, record, [face for _, face, _ in chosen], chosen=_are_chosen(facesets))
    return len(chosen)


def common_subject(facesets: Sequence[Faceset]) -> dict[str, Any]:
    """Subject record of facesets together: theirs if it is the same, unstated otherwise."""
    first = facesets[0].subject
    same = all(faceset.subject == first for faceset in facesets)
    return first if same else Subject().to_json()


def _are_chosen(facesets: Sequence[Faceset]) -> bool:
    """Whether one of the facesets lacks faces, which the others need not have."""
    return any(chooses_people(faceset.record) for faceset in facesets)


def _common_default(facesets: Sequence[Faceset]) -> str:
    first = facesets[0].masker
    return first if all(faceset.masker == first for faceset in facesets) else ""


def _common_masks(facesets: Sequence[Faceset]) -> dict[str, dict[str, str]]:
    """Values that added masks depend on, where all that have masks of the masker agree on them."""
    known = [(faceset.maskers, faceset.record.get("masks", {})) for faceset in facesets]
    found: dict[str, list[dict[str, str] | None]] = {}
    for maskers, masks in known:
        for name in maskers:
            found.setdefault(name, []).append(masks.get(name))
    return {
        name: values[0]
        for name, values in found.items()
        if values[0] is not None and all(value == values[0] for value in values)
    }


def _distinct(facesets: Sequence[Faceset]) -> list[_Chosen]:
    """Each face once, in the order of frames and facesets."""
    found: dict[tuple[int, bytes], _Chosen] = {}
    for faceset in facesets:
        kept = {face.image for face in faceset.with_crops()}
        for row, face in enumerate(faceset.faces()):
            key = face.frame, face.landmarks.tobytes()
            if key not in found or (face.image in kept and not _has_crop(found[key])):
                found[key] = faceset, face, row
    places = {faceset.path: place for place, faceset in enumerate(facesets)}

    def order(chosen: _Chosen) -> tuple[int, int, int]:
        faceset, face, row = chosen
        return face.frame, places[faceset.path], row

    return sorted(found.values(), key=order)


def _has_crop(chosen: _Chosen) -> bool:
    faceset, face, _ = chosen
    return (faceset.path / IMAGES / face.image).is_file()


def _stems(chosen: Sequence[_Chosen]) -> list[str]:
    """Names of the files of the faces, without their suffixes."""
    return [f"{face.frame:06d}-{number}" for (_, face, _), number in _numbered(chosen)]


def _numbered(chosen: Sequence[_Chosen]) -> Iterator[tuple[_Chosen, int]]:
    """Faces with their numbers within their frame."""
    for _, some in groupby(chosen, key=lambda each: each[1].frame):
        yield from ((each, number) for number, each in enumerate(some))


def _merged_rows(
    facesets: Sequence[Faceset], chosen: Sequence[_Chosen], stems: Sequence[str]
) -> Iterator[pa.Table]:
    """Rows of the faces, some thousands at a time."""
    readers = [RowReader(faceset) for faceset in facesets]
    # A masker that only some have: the others have no such masks.
    schema = with_masks(sorted({name for faceset in facesets for name in _further(faceset)}))
    starts = _first_tracks(facesets)
    numbers = [number for _, number in _numbered(chosen)]
    for begin in range(0, len(chosen), _GROUP):
        part = slice(begin, begin + _GROUP)
        rows = _taken(readers, chosen[part], schema)
        columns: dict[str, list[Any]] = {
            "face": numbers[part],
            "track": [face.track + starts[faceset.path] for faceset, face, _ in chosen[part]],
            "order": [None] * len(rows),
            "group": [None] * len(rows),
        }
        for name in ("image", "mask", *filter(is_further_mask, rows.column_names)):
            values = zip(rows[name].to_pylist(), stems[part], strict=True)
            columns[name] = [old and f"{stem}{Path(old).suffix}" for old, stem in values]
        for name, values in columns.items():
            field = schema.field(name)
            place = schema.get_field_index(name)
            rows = rows.set_column(place, field, pa.array(values, field.type))
        yield rows


def _further(faceset: Faceset) -> list[str]:
    return further_maskers(faceset.rows.schema)


def _taken(readers: Sequence[RowReader], chosen: Sequence[_Chosen], schema: pa.Schema) -> pa.Table:
    """Rows of faces, in their order."""
    tables, places = [schema.empty_table()], dict[tuple[Path, int], int]()
    for reader in readers:
        path = reader.faceset.path
        faces = {row: face for faceset, face, row in chosen if faceset.path == path}
        if faces:
            rows = sorted(faces)
            places |= {(path, row): len(places) + n for n, row in enumerate(rows)}
            tables.append(reader.take(rows))
            check_rows(tables[-1], [faces[row] for row in rows], reader.faceset)
    joined = pa.concat_tables(tables, promote_options="default")
    order = [places[faceset.path, row] for faceset, _, row in chosen]
    return joined.take(pa.array(order, pa.int64()))


def _first_tracks(facesets: Sequence[Faceset]) -> dict[Path, int]:
    """Number that is added to the tracks of each faceset; the same for those of equal settings."""
    starts: dict[Path, int] = {}
    known: list[tuple[dict[str, Any], int]] = []
    free = 0
    for faceset in facesets:
        extractor = faceset.record["extractor"]
        start = next((start for other, start in known if other == extractor), free)
        known.append((extractor, start))
        starts[faceset.path] = start
        free = max(free, start + 1 + max((face.track for face in faceset.faces()), default=0))
    return starts
