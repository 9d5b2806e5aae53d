"""Where the faces of a tar file of a pack lie in it, and what they are."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceswap.core.documents import DocumentModel, Finite, Items, parse_json
from faceswap.core.errors import FacesetError
from faceswap.facesets.pack_format import MEMBER, PACK, RECORD_MEMBER, ROWS_MEMBER

PLACES = np.dtype([(name, np.int64, (2,)) for name in ("image", "mask", "row")])
"""Offset and size in bytes of the crop, the mask and the columns of a face; size 0 for none."""
COPY_AGAIN = "Copy the file again, or pack the faceset again with `faceswap faces pack`."
"""Hint to errors of damaged tar files."""

Places = NDArray[np.void]
"""``(N,)`` of ``PLACES``."""


class FaceColumns(NamedTuple):
    """The columns of a face that a training needs.

    Attributes:
        landmarks: ``Face.landmarks``, ``(68, 2) float32``.
        matrix: ``Face.matrix``, ``(2, 3) float64``.
        filled: ``Face.filled``.
    """

    landmarks: NDArray[np.float32]
    matrix: NDArray[np.float64]
    filled: bool


class _ColumnsDocument(DocumentModel):
    landmarks: Items[Finite]
    matrix: Items[Finite]
    filled: bool | None = None


def find_faces(path: Path, masks: str, where: str) -> Places:
    """Finds the faces to train on: with a crop, and not filled.

    Args:
        path: Tar file.
        masks: Kind of the masks: ``mask``, or ``mask_`` and the name of a masker.
        where: Name of the file in messages.

    Raises:
        FacesetError: The file is missing or damaged.
    """
    faces: dict[str, dict[str, tuple[int, int]]] = {}
    with opened_tar(path, where) as tar:
        for member in tar:
            match = MEMBER.fullmatch(member.name)
            if match is None and member.name in (PACK, RECORD_MEMBER, ROWS_MEMBER):
                continue
            if match is None or not member.isreg() or member.issparse():
                raise FacesetError(
                    f"Expected crops and masks of faces in {where}, found the member "
                    f"{member.name[:100]!r}.",
                    COPY_AGAIN,
                )
            if kind := _kind(match[2], match[3], masks):
                faces.setdefault(match[1], {})[kind] = (member.offset_data, member.size)
        known = [face for face in faces.values() if "image" in face and "row" in face]
        kept = [face for face in known if not _is_filled(tar, *face["row"], where)]
    places = np.zeros(len(kept), PLACES)
    for number, face in enumerate(kept):
        for kind, place in face.items():
            places[kind][number] = place
    return places


def _kind(folder: str | None, suffix: str, masks: str) -> str:
    if folder is None:
        return "row" if suffix == "json" else "image"
    return "mask" if folder == masks else ""


def _is_filled(tar: tarfile.TarFile, offset: int, size: int, where: str) -> bool:
    assert tar.fileobj is not None
    tar.fileobj.seek(offset)
    return parse_columns(tar.fileobj.read(size), where).filled


@contextmanager
def opened_tar(file: Path | BinaryIO, where: str) -> Iterator[tarfile.TarFile]:
    """Opens a tar file without compression.

    Args:
        file: The file, or an open one, which is left open.
        where: Name of the file in messages.

    Raises:
        FacesetError: It is missing or damaged.
    """
    try:
        path, stream = (file, None) if isinstance(file, Path) else (None, file)
        with tarfile.open(path, "r:", fileobj=stream) as tar:
            yield tar
    except FileNotFoundError as error:
        raise FacesetError(f"{where} is missing.", COPY_AGAIN) from error
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise FacesetError(f"{where} is not a whole tar file: {error}.", COPY_AGAIN) from error


def parse_columns(content: bytes, where: str) -> FaceColumns:
    """Parses the columns of a face.

    Raises:
        FacesetError: They are damaged.
    """
    columns = parse_json(content, where, _ColumnsDocument, error=FacesetError, hint=COPY_AGAIN)
    try:
        return FaceColumns(
            np.array(columns["landmarks"], np.float32).reshape(68, 2),
            np.array(columns["matrix"], np.float64).reshape(2, 3),
            bool(columns.get("filled")),
        )
    except ValueError as error:
        raise FacesetError(f"The columns of a face in {where} are damaged.", COPY_AGAIN) from error
