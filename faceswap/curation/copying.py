"""New facesets with faces of existing ones."""

import shutil
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from faceswap.core.errors import FacesetError
from faceswap.core.files import atomic_directory
from faceswap.core.locks import hold_file
from faceswap.core.outputs import check_outputs
from faceswap.curation.likeness import OnFaces
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES, MASKS, RECORD, REMOVED, ROWS, stored_file
from faceswap.facesets.record import FORMAT, with_faces
from faceswap.facesets.rows import SCHEMA, read_row_groups, with_sizes


@contextmanager
def new_faceset(path: Path, purpose: str) -> Iterator[Path]:
    """Yields a folder that becomes a faceset when the block succeeds, and nothing otherwise.

    Args:
        path: Directory of the new faceset.
        purpose: Work of this process in a noun phrase, shown to others.

    Raises:
        OutputBusyError: Another process writes it.
        OutputExistsError: It exists.
        StorageFullError: The disk is full; nothing is left.
    """
    with hold_file(path, purpose):
        check_outputs([], [path], hint="Choose another --output, or delete it.")
        with atomic_directory(path) as new:
            for folder in (IMAGES, MASKS):
                (new / folder).mkdir()
            yield new


def copy_faces(
    faceset: Faceset,
    faces: Collection[Face],
    target: Path,
    on_faces: OnFaces = lambda _count: None,
) -> None:
    """Writes a faceset with some faces of another one, complete or not at all.

    Args:
        faceset: Faceset with the faces.
        faces: Faces to copy, with their crops and masks wherever they are.
        target: Directory of the new faceset.
        on_faces: Callback with the number of faces copied since its last call.

    Raises:
        FacesetError: The faceset is damaged.
        OutputExistsError: The target exists.
        StorageFullError: The disk is full; nothing is left.
    """
    with new_faceset(target, "the copy") as new:
        for face in faces:
            for folder, name in face_files(faceset, face):
                copy_file(stored_file(faceset.path, folder, name), new / folder / name)
            on_faces(1)
        names = pa.array([face.image for face in faces], pa.string())
        options = pc.SetLookupOptions(names)
        found: list[str] = []

        def chosen() -> Iterator[pa.Table]:
            for rows in read_all_rows(faceset):
                some = rows.filter(pc.call_function("is_in", [rows["image"]], options))
                found.extend(some["image"].to_pylist())
                yield some

        write_rows(new / ROWS, chosen())
        if len(found) < len(faces):
            raise changed_meanwhile(faceset)
        write_record(new, faceset.record, faces, chosen=len(faces) < len(faceset.faces()))


def face_files(faceset: Faceset, face: Face) -> list[tuple[str, str]]:
    """Folder and name of the files of a face that exist: its crop and its masks."""
    wanted = [(IMAGES, face.image), (REMOVED, face.image)]
    if face.mask:
        wanted.append((MASKS, face.mask))
    wanted += [(f"{MASKS}/{masker}", name) for masker, name in face.masks.items()]
    return [(folder, name) for folder, name in wanted if (faceset.path / folder / name).is_file()]


def copy_file(source: Path, target: Path) -> None:
    """Copies a file with its times, by which browsers sort, into a folder that may be new."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def read_all_rows(faceset: Faceset) -> Iterator[pa.Table]:
    """All columns of a faceset in the current version of the format, one row group at a time.

    Raises:
        FacesetError: The faceset is damaged.
    """
    square = faceset.crop_size / faceset.crop_coverage
    return (with_sizes(rows, square) for rows in read_row_groups(faceset.path / ROWS))


def check_rows(rows: pa.Table, faces: Sequence[Face], faceset: Faceset) -> None:
    """Checks that rows that were read by their numbers are those of faces.

    Args:
        rows: Rows of the table of a faceset.
        faces: Faces, as they were when the faceset was opened.
        faceset: Faceset, which another process may have changed since.

    Raises:
        FacesetError: They are not.
    """
    if rows["image"].to_pylist() != [face.image for face in faces]:
        raise changed_meanwhile(faceset)


def changed_meanwhile(faceset: Faceset) -> FacesetError:
    """The error of a faceset whose rows are not those of its faces any more."""
    return FacesetError(
        f"Expected the faces of {faceset.path} as they were at the start, found others: another "
        "process changed the faceset meanwhile.",
        "Run the command again.",
    )


class RowReader:
    """Takes rows of a faceset by their numbers, with one row group in memory.

    Args:
        faceset: Faceset.
    """

    def __init__(self, faceset: Faceset) -> None:
        self.faceset = faceset
        self._rewind()

    def _rewind(self) -> None:
        self._groups = read_all_rows(self.faceset)
        self._rows, self._first = SCHEMA.empty_table(), 0

    def take(self, numbers: Sequence[int]) -> pa.Table:
        """Rows with all columns; the file is read once if numbers never decrease.

        Args:
            numbers: Numbers of the rows, ascending, at least one.

        Raises:
            FacesetError: The faceset is damaged.
        """
        if numbers[0] < self._first:  # a table that is not in the order of the source
            self._rewind()
        found: list[pa.Table] = []
        done = 0
        while done < len(numbers):
            end = self._first + self._rows.num_rows
            last = bisect_left(numbers, end, done)
            if done < last:
                here = [number - self._first for number in numbers[done:last]]
                found.append(self._rows.take(pa.array(here, pa.int64())))
            done = last
            if done < len(numbers):
                rows = next(self._groups, None)
                if rows is None:
                    raise changed_meanwhile(self.faceset)
                self._rows, self._first = rows, end
        return pa.concat_tables(found)


def check_same_squares(mine: Mapping[str, Any], theirs: Mapping[str, Any], where: str) -> None:
    """Checks that the crops of two records are of one geometry.

    Args:
        mine: Record of a faceset.
        theirs: Record of another one of the same source.
        where: Description of both, for the message.

    Raises:
        FacesetError: They are not.
    """
    for key in ("crop_size", "crop_coverage", "pixel_aspect"):
        one, other = (record["extractor"].get(key, 1.0) for record in (mine, theirs))
        if one != other:
            raise FacesetError(
                f"Expected the same {key} in {where}, found {one} and {other}.",
                "Extract the source again with the same settings.",
            )


def write_rows(file: Path, groups: Iterable[pa.Table]) -> None:
    """Writes a new ``faces.parquet``.

    Args:
        file: File to write, which is not yet that of a faceset.
        groups: Row groups of one schema; none for a faceset without faces.
    """
    waiting = iter(groups)
    first = next(waiting, SCHEMA.empty_table())
    # Opened here: the library cannot encode a path that is not UTF-8.
    with (
        file.open("wb") as opened,
        pq.ParquetWriter(opened, first.schema, compression="zstd") as writer,
    ):
        writer.write_table(first)
        for rows in waiting:
            writer.write_table(rows)


def write_record(
    new: Path, record: Mapping[str, Any], faces: Collection[Face], *, chosen: bool
) -> None:
    """Writes ``faceset.json`` of a new faceset with other faces than those of a record.

    Args:
        new: Directory that is becoming a faceset.
        record: Record of the same source.
        faces: Faces of the new faceset.
        chosen: Whether faces were left out that the record stands for.
    """
    # Known by its own rows from now on.
    body = {key: value for key, value in record.items() if key != "rows_sha256"}
    FORMAT.write(new / RECORD, with_faces(body, [face.frame for face in faces], chosen=chosen))
