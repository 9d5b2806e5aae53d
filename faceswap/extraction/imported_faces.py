"""Faces that another program found: boxes or landmarks per frame, in JSON or Parquet."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from faceswap.core.documents import DocumentModel, Finite, Items, check_schema, read_json
from faceswap.core.errors import DocumentError
from faceswap.core.table_documents import read_schema, read_table
from faceswap.media.sources import Source

_HINT = "docs/extract.md describes the file."
_COLUMNS = ("frame", "box", "score", "track", "landmarks")
_SHAPES = {"box": (4,), "landmarks": (68, 2)}  # of columns of lists, stored flat in C order
_INTEGERS = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
_REALS = (pa.float32(), pa.float64())

_FARTHEST = 1e6  # pixels from the corner of the frame

Pixels = Annotated[Finite, Field(gt=-_FARTHEST, lt=_FARTHEST)]
Point = Annotated[list[Pixels], Field(min_length=2, max_length=2)]


class _Face(DocumentModel):
    """A face in a file.

    Attributes:
        frame: Index of the frame from 0; for photos, also the name of the file.
        box: Box, x0, y0, x1, y1 in frame pixels.
        score: Confidence, in [0, 1].
        track: Number of the track.
        landmarks: Landmarks68 in frame pixels.
    """

    frame: Annotated[int, Field(ge=0, lt=1 << 31)] | str
    box: Annotated[list[Pixels], Field(min_length=4, max_length=4)] | None = None
    score: Annotated[Finite, Field(ge=0, le=1)] | None = None
    track: Annotated[int, Field(ge=0, lt=1 << 30)] | None = None  # higher ones are for new tracks
    landmarks: Annotated[list[Point], Field(min_length=68, max_length=68)] | None = None


class _Faces(DocumentModel):
    faces: Items[_Face]


@dataclass(frozen=True, eq=False, slots=True)
class ImportedFace:
    """A face that another program found.

    Attributes:
        box: Box, ``(4,) float32`` x0, y0, x1, y1 in frame pixels.
        landmarks: Landmarks68, ``(68, 2) float32`` in frame pixels; None if only the box is known.
        score: Confidence, in [0, 1].
        track: Number of the track; None if unknown.
    """

    box: NDArray[np.float32]
    landmarks: NDArray[np.float32] | None = None
    score: float = 1.0
    track: int | None = None


@dataclass(frozen=True, eq=False)
class ImportedFaces:
    """The faces of one source that another program found.

    Attributes:
        by_frame: Faces by index of the frame; other frames have none.
    """

    by_frame: Mapping[int, Sequence[ImportedFace]]

    @property
    def need_landmarker(self) -> bool:
        """Whether the landmarks of a face are unknown."""
        return any(face.landmarks is None for faces in self.by_frame.values() for face in faces)

    @property
    def have_landmarks(self) -> bool:
        """Whether the landmarks of a face are known; they are stored as they are."""
        return any(face.landmarks is not None for faces in self.by_frame.values() for face in faces)

    def sha256(self) -> str:
        """SHA-256 of the faces, whatever file they come from."""
        digest = hashlib.sha256()
        for frame, faces in sorted(self.by_frame.items()):
            for face in faces:
                digest.update(f"{frame} {face.score} {face.track} ".encode() + face.box.tobytes())
                digest.update(b"" if face.landmarks is None else face.landmarks.tobytes())
        return digest.hexdigest()


def read_imported_faces(path: Path, source: Source) -> ImportedFaces:
    """Reads the faces of a source from a file.

    Args:
        path: File ``.json`` or ``.parquet``.
        source: Source that they were found in.

    Raises:
        DocumentError: It is damaged, has other columns or entries, or a face has neither box nor
            landmarks, or names a photo that the source does not have.
    """
    if path.suffix.lower() == ".parquet":
        return _by_frame(_read_rows(path), path, source)
    document = read_json(path, _Faces, hint=_HINT)
    return _by_frame(document["faces"], path, source)


def _by_frame(entries: Iterable[dict[str, Any]], path: Path, source: Source) -> ImportedFaces:
    names: dict[str, int] = {}
    if source.kind == "images":
        names = {file.name: index for index, file in enumerate(source.files)}
    by_frame: dict[int, list[ImportedFace]] = {}
    for entry in entries:
        frame = entry["frame"]
        index = names.get(frame) if isinstance(frame, str) else frame
        if index is None:
            raise DocumentError(f"{source.name} has no photo {frame!r:.60} of {path}.", _HINT)
        by_frame.setdefault(index, []).append(_face_of(entry, path))
    return ImportedFaces(by_frame)


def _face_of(entry: Mapping[str, Any], path: Path) -> ImportedFace:
    landmarks, box = entry.get("landmarks"), entry.get("box")
    points = None if landmarks is None else np.asarray(landmarks, np.float32)
    if box is not None:
        corners = np.asarray(box, np.float32)
    elif points is not None:
        corners = np.concatenate([points.min(0), points.max(0)])
    else:
        raise DocumentError(
            f"Expected a box or landmarks of the face in frame {entry['frame']!r:.60} of {path}.",
            _HINT,
        )
    if not (corners[2:] > corners[:2]).all():
        raise DocumentError(
            f"Expected x0 < x1 and y0 < y1, found {corners.tolist()} in {path}.", _HINT
        )
    score = entry.get("score")
    return ImportedFace(corners, points, 1.0 if score is None else score, entry.get("track"))


def _read_rows(path: Path) -> list[dict[str, Any]]:
    found = read_schema(path, hint=_HINT)
    fields = [found.field(name) for name in _COLUMNS if name in found.names]
    for field in fields:
        if not _is_expected(field):
            raise DocumentError(
                f"Expected numbers in the column {field.name!r} of {path}, found {field.type}.",
                _HINT,
            )
    optional = tuple(name for name in _COLUMNS if name != "frame")
    table = read_table(path, pa.schema(fields), nullable=optional, hint=_HINT)
    shapes = {name: shape for name, shape in _SHAPES.items() if name in table.column_names}
    # As Python numbers, the landmarks of an hour would take gigabytes.
    arrays = {name: _arrays(table, name, shape, path) for name, shape in shapes.items()}
    rows = table.drop_columns([*shapes]).to_pylist()
    check_schema({"faces": rows}, _Faces, path, DocumentError, _HINT)
    for name, values in arrays.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    return rows


def _arrays(
    table: pa.Table, name: str, shape: tuple[int, ...], path: Path
) -> list[NDArray[np.float32] | None]:
    """A column of lists as an array of a shape for each row, None where it has no value."""
    column, length = table[name].combine_chunks(), math.prod(shape)
    known = column.drop_null()
    lengths = pc.call_function("list_value_length", [known])
    values = known.flatten().to_numpy(zero_copy_only=False)  # NaN where a number is missing
    if set(lengths.unique().to_pylist()) - {length} or not (np.abs(values) < _FARTHEST).all():
        raise DocumentError(
            f"Expected {length} numbers between -{_FARTHEST:g} and {_FARTHEST:g} in each {name!r} "
            f"of {path}.",
            _HINT,
        )
    found = iter(values.astype(np.float32).reshape(-1, *shape))
    return [next(found) if valid else None for valid in column.is_valid().to_pylist()]


def _is_expected(field: pa.Field) -> bool:
    kind = field.type
    if field.name in _SHAPES:
        listed = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)
        return listed and kind.value_type in _REALS
    if field.name == "score":
        return kind in _REALS
    return kind in _INTEGERS or (field.name == "frame" and kind == pa.string())
