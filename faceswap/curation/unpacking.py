"""Restores facesets from the tar files of ``curation.packing``."""

import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faceswap.core.documents import parse_json
from faceswap.core.errors import FacesetError
from faceswap.curation.copying import new_faceset
from faceswap.curation.likeness import OnFaces
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES, MASKS, REMOVED
from faceswap.facesets.pack_format import MEMBER, PACK, PACK_FORMAT, RECORD_MEMBER, ROWS_MEMBER
from faceswap.facesets.pack_members import COPY_AGAIN, opened_tar
from faceswap.facesets.rows import FURTHER_MASK

_LARGEST_DESCRIPTION = 1 << 16  # bytes


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
        with opened_tar(ordered[0], str(ordered[0])) as tar:
            for member in tar:
                if member.name in (RECORD_MEMBER, ROWS_MEMBER):
                    _write(tar, member, new / member.name.strip("_"))
                elif member.name != PACK:
                    break
        faces = Faceset.open(new).faces()
        for file in ordered:
            with opened_tar(file, str(file)) as tar:
                _unpack(tar, file, faces, new, on_files)
    return Faceset.open(path)


def _unpack(
    tar: tarfile.TarFile, file: Path, faces: Sequence[Face], new: Path, on_files: OnFaces
) -> None:
    expected, count = 0, 0
    for member in tar:
        if member.name == PACK:
            expected = _description(tar, member, file)["members"]
            continue
        if member.name in (RECORD_MEMBER, ROWS_MEMBER):
            continue
        count += 1
        target = _target(member, faces, file)
        if target is not None:
            (new / target).parent.mkdir(exist_ok=True)
            _write(tar, member, new / target)
            on_files(1)
    if count != expected:
        raise FacesetError(f"Expected {expected} members in {file}, found {count}.", COPY_AGAIN)


def _target(member: tarfile.TarInfo, faces: Sequence[Face], file: Path) -> str | None:
    """Relative path of the file that a member holds; None for the columns of a face."""
    match = MEMBER.fullmatch(member.name)
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
        with opened_tar(file, str(file)) as tar:
            member = next(iter(tar), None)
            if member is None or member.name != PACK:
                raise FacesetError(f"{file} was not written by `faceswap faces pack`.", COPY_AGAIN)
            described = _description(tar, member, file)
        descriptions.append(described)
        found[described["shard"]] = file
    packs = {(each["source"], each["shards"]) for each in descriptions}
    shards = descriptions[0]["shards"] if descriptions else 0
    if len(packs) != 1 or len(files) != shards or set(found) != set(range(shards)):
        raise FacesetError(
            f"Expected all files of one pack, found {len(found)} different ones of {shards}.",
            COPY_AGAIN,
        )
    return [found[shard] for shard in range(shards)]


def _description(tar: tarfile.TarFile, member: tarfile.TarInfo, file: Path) -> dict[str, Any]:
    stream = tar.extractfile(member) if member.isreg() else None
    content = stream.read(_LARGEST_DESCRIPTION) if stream is not None else b""
    return PACK_FORMAT.migrate(parse_json(content, file, error=FacesetError, hint=COPY_AGAIN), file)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    stream = tar.extractfile(member) if member.isreg() and not member.issparse() else None
    if stream is None:
        raise FacesetError(
            f"Expected a file, found {member.name[:100]!r} of another kind.", COPY_AGAIN
        )
    with target.open("wb") as file:
        shutil.copyfileobj(stream, file)
