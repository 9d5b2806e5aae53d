"""Packs facesets into tar files, as WebDataset reads them, and unpacks them again.

A face is a sample: ``00000012.jpg``, ``00000012.mask.png``, ``00000012.mask_<masker>.png`` and
``00000012.json`` with its columns; ``00000012.removed.jpg`` is a crop of ``removed/``. The first
member of each file describes the pack, those of the first file also hold ``faceset.json`` and
``faces.parquet``; their names begin and end with ``__``, by which WebDataset skips them.
"""

import io
import json
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from faceswap.core.documents import DocumentModel, parse_json
from faceswap.core.errors import FacesetError
from faceswap.core.files import atomic_directory
from faceswap.core.formats import Format
from faceswap.core.locks import hold_file
from faceswap.core.names import Sha256Hex
from faceswap.core.outputs import check_outputs
from faceswap.curation.copying import face_files, new_faceset
from faceswap.curation.json_table import json_faces
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES, MASKS, RECORD, REMOVED, ROWS, stored_file
from faceswap.facesets.rows import FURTHER_MASK

OnFaces = Callable[[int], object]

_PACK, _RECORD, _ROWS = "__pack.json__", f"__{RECORD}__", f"__{ROWS}__"
_MEMBER = re.compile(r"(\d{8,10})\.(?:(removed|mask|mask_\w+)\.)?(\w{1,8})", re.ASCII)
_LARGEST_DESCRIPTION = 1 << 16  # bytes
_HINT = "Copy the files again, or pack the faceset again with `faceswap faces pack`."


class PackDocument(DocumentModel):
    """Description of a tar file of a pack.

    Attributes:
        source: Hash of the source of the faceset.
        shard: Number of this file, from 0.
        shards: Number of files.
        members: Number of members after the descriptions.
    """

    source: Sha256Hex
    shard: Annotated[int, Field(ge=0)]
    shards: Annotated[int, Field(ge=1)]
    members: Annotated[int, Field(ge=0)]


PACK_FORMAT = Format("faceswap-pack", 1, FacesetError, schema=PackDocument)
"""Format of the description of each tar file."""


def pack_faceset(
    faceset: Faceset, folder: Path, per_shard: int, on_faces: OnFaces = lambda _count: None
) -> list[str]:
    """Writes a faceset as tar files into a new folder, complete or not at all.

    Equal facesets give equal files.

    Args:
        faceset: Faceset.
        folder: New folder.
        per_shard: Number of faces in a file.
        on_faces: Callback with the number of faces packed since its last call.

    Returns:
        Names of the files.

    Raises:
        FacesetError: The faceset is damaged.
        OutputExistsError: The folder exists.
        StorageFullError: The disk is full; nothing is left.
    """
    faces = list(enumerate(faceset.faces()))
    columns = json_faces(faceset, omitted=("mesh", "raw_landmarks"))
    shards = [faces[at : at + per_shard] for at in range(0, max(1, len(faces)), per_shard)]
    names = [f"{folder.name}-{shard:06d}.tar" for shard in range(len(shards))]
    with hold_file(folder, "the packing"):
        check_outputs([], [folder], hint="Choose another --output, or delete it.")
        with atomic_directory(folder) as new:
            for shard, some in enumerate(shards):
                with tarfile.open(new / names[shard], "w", format=tarfile.PAX_FORMAT) as tar:
                    _add_descriptions(tar, faceset, some, shard, len(shards))
                    for row, face in some:
                        _add_face(tar, faceset, row, face, next(columns))
                        on_faces(1)
    return names


def _add_descriptions(
    tar: tarfile.TarFile,
    faceset: Faceset,
    faces: Sequence[tuple[int, Face]],
    shard: int,
    shards: int,
) -> None:
    members = sum(1 + len(face_files(faceset, face)) for _, face in faces)
    described = {"format": PACK_FORMAT.name, "version": PACK_FORMAT.version}
    described |= {"source": faceset.source_sha256, "shard": shard, "shards": shards}
    _add(tar, _PACK, json.dumps(described | {"members": members}).encode())
    if shard == 0:
        for name, file in ((_RECORD, RECORD), (_ROWS, ROWS)):
            _add(tar, name, (faceset.path / file).read_bytes())


def _add_face(
    tar: tarfile.TarFile, faceset: Faceset, row: int, face: Face, columns: dict[str, Any]
) -> None:
    for folder, name in face_files(faceset, face):
        path = stored_file(faceset.path, folder, name)
        _add(tar, f"{row:08d}.{_kind(folder)}{path.suffix.removeprefix('.')}", path.read_bytes())
    _add(tar, f"{row:08d}.json", json.dumps(columns, ensure_ascii=False).encode())


def _kind(folder: str) -> str:
    """Part of the name of a member that tells its folder."""
    kinds = {IMAGES: "", REMOVED: "removed.", MASKS: "mask."}
    masker = folder.removeprefix(f"{MASKS}/")
    return kinds.get(folder, f"{FURTHER_MASK}{masker}.")


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    # Neither time nor owner: equal facesets give equal files.
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def unpack_faceset(
    files: Sequence[Path], path: Path, on_files: OnFaces = lambda _count: None
) -> Faceset:
    """Restores a faceset from its tar files, complete or not at all: the same files, bit by bit.

    What a member is called only tells which row it belongs to; where it is written is decided by
    the checked table.

    Args:
        files: All files of a pack, in any order.
        path: Directory of the new faceset.
        on_files: Callback with the number of files written since its last call.

    Raises:
        FacesetError: A file is missing, damaged, of another pack, or has members of other kinds.
        OutputExistsError: The directory exists.
        StorageFullError: The disk is full; nothing is left.
    """
    ordered = _in_order(files)
    with new_faceset(path, "the unpacking") as new:
        with _opened(ordered[0]) as tar:
            for member in tar:
                if member.name in (_RECORD, _ROWS):
                    _write(tar, member, new / member.name.strip("_"))
                elif member.name != _PACK:
                    break
        faces = Faceset.open(new).faces()
        for file in ordered:
            with _opened(file) as tar:
                _unpack(tar, file, faces, new, on_files)
    return Faceset.open(path)


def _unpack(
    tar: tarfile.TarFile, file: Path, faces: Sequence[Face], new: Path, on_files: OnFaces
) -> None:
    expected, count = 0, 0
    for member in tar:
        if member.name == _PACK:
            expected = _description(tar, member, file)["members"]
            continue
        if member.name in (_RECORD, _ROWS):
            continue
        count += 1
        target = _target(member, faces, file)
        if target is not None:
            (new / target).parent.mkdir(exist_ok=True)
            _write(tar, member, new / target)
            on_files(1)
    if count != expected:
        raise FacesetError(f"Expected {expected} members in {file}, found {count}.", _HINT)


def _target(member: tarfile.TarInfo, faces: Sequence[Face], file: Path) -> str | None:
    """Relative path of the file that a member holds; None for the columns of a face."""
    match = _MEMBER.fullmatch(member.name)
    names: dict[str, str | None] = {}
    if match and int(match[1]) < len(faces):
        face = faces[int(match[1])]
        names = {"": f"{IMAGES}/{face.image}", "removed": f"{REMOVED}/{face.image}"}
        names["mask"] = face.mask and f"{MASKS}/{face.mask}"
        further = face.masks.items()
        names |= {f"{FURTHER_MASK}{m}": f"{MASKS}/{m}/{name}" for m, name in further}
    if match and names and (match[2], match[3]) == (None, "json"):
        return None
    target = names.get(match[2] or "") if match else None
    if target is None or not member.isreg() or member.issparse():
        raise FacesetError(
            f"Expected crops and masks of the faces of the table in {file}, found the member "
            f"{member.name[:100]!r}.",
            "Do not use the file: it was damaged, or made to write outside the faceset.",
        )
    return target


def _in_order(files: Sequence[Path]) -> list[Path]:
    """The files of one whole pack by their numbers."""
    found: dict[int, Path] = {}
    descriptions = []
    for file in files:
        with _opened(file) as tar:
            member = next(iter(tar), None)
            if member is None or member.name != _PACK:
                raise FacesetError(f"{file} was not written by `faceswap faces pack`.", _HINT)
            described = _description(tar, member, file)
        descriptions.append(described)
        found[described["shard"]] = file
    packs = {(each["source"], each["shards"]) for each in descriptions}
    shards = descriptions[0]["shards"] if descriptions else 0
    if len(packs) != 1 or len(files) != shards or set(found) != set(range(shards)):
        raise FacesetError(
            f"Expected all files of one pack, found {len(found)} different ones of {shards}.", _HINT
        )
    return [found[shard] for shard in range(shards)]


def _description(tar: tarfile.TarFile, member: tarfile.TarInfo, file: Path) -> dict[str, Any]:
    stream = tar.extractfile(member) if member.isreg() else None
    content = stream.read(_LARGEST_DESCRIPTION) if stream is not None else b""
    return PACK_FORMAT.migrate(parse_json(content, file, error=FacesetError, hint=_HINT), file)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    stream = tar.extractfile(member) if member.isreg() and not member.issparse() else None
    if stream is None:
        raise FacesetError(f"Expected a file, found {member.name[:100]!r} of another kind.", _HINT)
    with target.open("wb") as file:
        shutil.copyfileobj(stream, file)


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(file, "r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise FacesetError(f"{file} is not a whole tar file: {error}.", _HINT) from error
