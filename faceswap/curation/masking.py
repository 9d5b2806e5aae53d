"""Adds masks to complete facesets, made from the stored crops: the video is not needed.

Masks are first written beside those that they replace, in chunks, each recorded when it is safe on
the disk. An interrupted run resumes after the last chunk; the faceset is as it was until all masks
are made.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from faceswap.core.documents import DocumentModel
from faceswap.core.errors import FacesetError
from faceswap.core.files import remove, sha256_file, storage_errors, sync_files
from faceswap.core.formats import Format
from faceswap.core.locks import hold_folder
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES, MASKS, RECORD, REMOVED, ROWS, mask_folder, stored_file
from faceswap.facesets.record import FORMAT, first_masker, read_record
from faceswap.facesets.rows import FURTHER_MASK
from faceswap.geometry.alignment import place_face
from faceswap.maskers import Masker
from faceswap.media.images import encode_image, read_image

_BATCH, _CHUNK = 8, 200  # crops that a network takes at once, and masks between two records
_PROGRESS = "progress.json"


class _ProgressDocument(DocumentModel):
    """Progress of a run.

    Attributes:
        faces: Hash of the rows of the faceset and of the names of the masks.
        facts: Values that the masks depend on.
        done: Number of masks that are safe on the disk.
    """

    faces: str
    facts: dict[str, str]
    done: Annotated[int, Field(ge=0, lt=1 << 53)]


_FORMAT = Format("faceswap-masking", 1, FacesetError, schema=_ProgressDocument)


@dataclass(frozen=True)
class _Masked:
    """A face and the mask to make of it.

    Attributes:
        face: The face.
        folder: Folder of its crop, ``IMAGES`` or ``REMOVED``.
        mesh: Face mesh, ``(478, 3)`` in frame pixels; None if the masker needs none.
        file: File name of its mask.
    """

    face: Face
    folder: str
    mesh: NDArray[Any] | None
    file: str


def has_masks(faceset: Faceset, name: str, masker: Masker) -> bool:
    """Whether all faces that have a crop have a mask, made by this masker and this network."""
    if _staging(faceset.path, name).exists():  # an interrupted run has to be finished
        return False
    if name not in faceset.maskers or _facts(faceset.record, name) != dict(masker.facts):
        return False
    places = (faceset.mask_file(face, name) for face, _ in _with_crops(faceset))
    return all(
        file is not None and (faceset.path / folder / file).is_file() for folder, file in places
    )


def make_masks(
    path: Path,
    name: str,
    masker: Masker,
    on_faces: Callable[[int], object] = lambda _: None,
) -> int:
    """Adds the masks of a masker to a faceset, or replaces them; resumes an interrupted run.

    If the faceset had no masks, these become its default.

    Args:
        path: Directory of a complete faceset.
        name: Name of the masker.
        masker: The masker.
        on_faces: Callback with the number of faces finished since its last call.

    Returns:
        Number of masks.

    Raises:
        FacesetError: The faceset is damaged, or has no meshes although the masker needs them.
        MediaError: A crop is damaged.
        OutputBusyError: Another process writes the faceset.
        StorageFullError: The disk is full; the faceset is as it was.
    """
    with hold_folder(path, "the masks"):
        faceset = Faceset.open(path)
        faces = _faces_to_mask(faceset, name, meshes=masker.needs_mesh)
        staging = _staging(path, name)
        _stage(faceset, faces, masker, staging, on_faces)
        folder = path / (MASKS if name == first_masker(faceset.record) else mask_folder(name))
        folder.mkdir(exist_ok=True)
        for each in faces:
            with suppress(FileNotFoundError):  # moved before this run was interrupted
                (staging / each.file).replace(folder / each.file)
        _record(faceset, name, faces, masker.facts)
        remove(staging)
    return len(faces)


def set_default(path: Path, name: str) -> None:
    """Makes masks that a faceset has those that are used unless another masker is named.

    Raises:
        FacesetError: It has no such masks, or is damaged.
        OutputBusyError: Another process writes the faceset.
    """
    with hold_folder(path, "the masks"):
        record = Faceset.open(path).with_masker(name).record
        FORMAT.write(path / RECORD, record | {"default_mask": name})


def _staging(path: Path, name: str) -> Path:
    """Folder of the masks that are being made."""
    return path / f"{mask_folder(name)}.new"


def _facts(record: Mapping[str, Any], name: str) -> dict[str, str]:
    """Values that the masks of a masker depend on."""
    added = record.get("masks", {})
    if name in added:
        return added[name]
    model = record["extractor"].get("mask_model") if name == "segmentation" else None
    return {} if model is None else {"mask_model": model}


def _with_crops(faceset: Faceset) -> Iterator[tuple[Face, str]]:
    """Faces that have a crop, and its folder."""
    folders = {}
    for folder in (REMOVED, IMAGES):
        with suppress(FileNotFoundError):
            names = (file.name for file in (faceset.path / folder).iterdir())
            folders |= dict.fromkeys(names, folder)
    for face in faceset.faces():
        if face.image in folders:
            yield face, folders[face.image]


def _faces_to_mask(faceset: Faceset, name: str, *, meshes: bool) -> list[_Masked]:
    faces = faceset.faces()
    mesh_of = (
        dict(zip((id(face) for face in faces), faceset.meshes(), strict=True)) if meshes else {}
    )
    files = {id(face): f"{Path(face.image).stem}.png" for face in faces}
    if len(set(files.values())) < len(files):  # of pictures that were imported
        files = {id(face): f"{face.image}.png" for face in faces}
    return [
        _Masked(
            face, folder, mesh_of.get(id(face)), faceset.mask_file(face, name)[1] or files[id(face)]
        )
        for face, folder in _with_crops(faceset)
    ]


def _stage(
    faceset: Faceset,
    faces: Sequence[_Masked],
    masker: Masker,
    staging: Path,
    on_faces: Callable[[int], object],
) -> None:
    """Makes the masks that an interrupted run has not made, in the folder ``staging``."""
    rows = faceset.record.get("rows_sha256") or sha256_file(faceset.path / ROWS)
    known = hashlib.sha256("/".join([rows, *(each.file for each in faces)]).encode()).hexdigest()
    progress: dict[str, Any] = {"faces": known, "facts": dict(masker.facts), "done": 0}
    file = staging / _PROGRESS
    with suppress(FileNotFoundError, FacesetError):  # absent, or damaged
        earlier = _FORMAT.read(file)
        if (earlier["faces"], earlier["facts"]) == (known, progress["facts"]):
            progress["done"] = min(earlier["done"], len(faces))
    if not progress["done"]:
        remove(staging)  # of a run with other faces or another network
    staging.mkdir(parents=True, exist_ok=True)
    on_faces(progress["done"])
    for start in range(progress["done"], len(faces), _CHUNK):
        chunk = faces[start : start + _CHUNK]
        for at in range(0, len(chunk), _BATCH):
            _mask_batch(faceset, chunk[at : at + _BATCH], masker, staging)
            on_faces(len(chunk[at : at + _BATCH]))
        sync_files([staging / each.file for each in chunk])
        _FORMAT.write(file, progress | {"done": start + len(chunk)})
    if not faces:
        _FORMAT.write(file, progress)


def _mask_batch(faceset: Faceset, faces: Sequence[_Masked], masker: Masker, staging: Path) -> None:
    crops = [read_image(stored_file(faceset.path, each.folder, each.face.image)) for each in faces]
    placed = [place_face(each.face.matrix, each.face.landmarks, each.mesh) for each in faces]
    masks = masker(crops, [points for points, _ in placed], [mesh for _, mesh in placed])
    for each, mask in zip(faces, masks, strict=True):
        with storage_errors(staging / each.file):
            (staging / each.file).write_bytes(encode_image(mask, ".png"))


def _record(
    faceset: Faceset,
    name: str,
    faces: Sequence[_Masked],
    facts: Mapping[str, str],
) -> None:
    """Names the masks in the rows and in the record of their faceset."""
    files = {face.image: faceset.mask_file(face, name)[1] for face in faceset.faces()}
    files |= {each.face.image: each.file for each in faces}
    column = "mask" if name == first_masker(faceset.record) else FURTHER_MASK + name
    rewrite_rows(faceset.path, partial(_with_files, column=column, files=files))
    record = read_record(faceset.path)
    masks = record.get("masks", {}) | {name: dict(facts)}
    had_some = any(face.mask or face.masks for face in faceset.faces())
    record |= {"masks": masks} | ({} if had_some else {"default_mask": name})
    FORMAT.write(faceset.path / RECORD, record)


def _with_files(rows: pa.Table, column: str, files: Mapping[str, str | None]) -> pa.Table:
    values = pa.array([files.get(image) for image in rows["image"].to_pylist()], pa.string())
    field = pa.field(column, pa.string())
    if column in rows.column_names:
        return rows.set_column(rows.schema.get_field_index(column), field, values)
    return rows.append_column(field, values)
