"""A pack: a faceset in tar files, whose faces are read from there.

Opening it reads ``pack.json`` and the record of the faceset, whatever the number of faces.
"""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from faceswap.core.documents import parse_json
from faceswap.core.errors import FacesetError, UnsafeNameError
from faceswap.core.files import sha256_file
from faceswap.core.locks import hold_file
from faceswap.core.names import check_name
from faceswap.core.user_cache import user_cache
from faceswap.facesets.files import RECORD
from faceswap.facesets.pack_folder import PackFolder, PackPlace, open_folder
from faceswap.facesets.pack_format import INDEX, INDEX_FORMAT, PACK, RECORD_MEMBER
from faceswap.facesets.pack_members import COPY_AGAIN, find_faces, opened_tar
from faceswap.facesets.record import FORMAT, first_masker
from faceswap.facesets.recorded import RecordedFaces
from faceswap.facesets.rows import FURTHER_MASK

_PACK_AGAIN = "Run the same `faceswap faces pack` again."


@dataclass(frozen=True)
class TarShard:
    """A tar file of a pack.

    Attributes:
        name: Name of the file.
        faces: Number of faces to train on: with a crop, and not filled.
        size: Size in bytes.
        sha256: Hash of its content.
    """

    name: str
    faces: int
    size: int
    sha256: str


@dataclass(frozen=True)
class Pack(RecordedFaces):
    """A complete pack of a faceset.

    Attributes:
        place: Folder or URL.
        record: Content of ``faceset.json``, without the names of photos.
        shards: Tar files, in order.
        content: ``Faceset.content_hash`` of the faceset; "" in packs of earlier versions.
        masker: Masker of the masks that are read; "" if the record names none.
    """

    place: PackPlace
    record: dict[str, Any]
    shards: tuple[TarShard, ...]
    content: str
    masker: str

    @classmethod
    def open(cls, place: PackPlace) -> "Pack":
        """Opens a pack; of one of an earlier version all files are read, once.

        Raises:
            FacesetError: There is no pack, or it is incomplete or damaged.
            RemoteError: A URL cannot be read.
        """
        folder = open_folder(place)
        where = f"{place}/{INDEX}"
        content = folder.read(INDEX)
        if content is None:
            raise FacesetError(
                f"There is no pack in {place}: it has no {INDEX}.",
                "Give a folder that `faceswap faces pack` wrote, with all files in it.",
            )
        index = parse_json(content, where, error=FacesetError, hint=COPY_AGAIN)
        index = INDEX_FORMAT.migrate(index, Path(where))
        if len(index["written"]) < index["shards"]:
            raise FacesetError(f"The pack {place} is unfinished.", _PACK_AGAIN)
        sizes = folder.sizes()
        if not all(each.get("sha256") for each in index["written"]):
            index = _with_files(place, folder, index, sizes)
        shards = tuple(_shard(place, each, sizes) for each in index["written"])
        record = _read_record(folder, shards[0], f"{place}/{shards[0].name}")
        masker = record.get("default_mask") or first_masker(record)
        return cls(place, record, shards, index.get("content", ""), masker)

    def with_masker(self, masker: str) -> "Pack":
        """This pack with the masks of another masker, as ``Faceset.with_masker``.

        Raises:
            FacesetError: It has no masks of this masker.
        """
        known = [*self.record["extractor"].get("maskers", []), *self.record.get("masks", {})]
        if masker and masker not in known:
            raise FacesetError(
                f"Expected masks of the masker {masker!r} in {self.place}, found "
                f"{', '.join(known) or 'none'}.",
                f"Add them to the faceset with `faceswap faces masks --masker {masker}`, and pack "
                "it again.",
            )
        return replace(self, masker=masker) if masker else self

    @property
    def where(self) -> str:
        """Folder or URL, as it is recorded."""
        return self.place if isinstance(self.place, str) else str(self.place.resolve())

    @property
    def masks(self) -> str:
        """Kind of the members with the masks of ``masker``."""
        first = self.masker == first_masker(self.record)
        return "mask" if first else f"{FURTHER_MASK}{self.masker}"

    @property
    def faces(self) -> int:
        """Number of faces to train on."""
        return sum(shard.faces for shard in self.shards)

    @cached_property
    def sha256(self) -> str:
        """Hash of the content of all files."""
        digests = "".join(shard.sha256 for shard in self.shards)
        return hashlib.sha256(digests.encode()).hexdigest()


def _shard(place: PackPlace, entry: Mapping[str, Any], sizes: Mapping[str, int]) -> TarShard:
    try:
        name = check_name(entry.get("name", ""), "name of a tar file")
    except UnsafeNameError as error:
        raise FacesetError(f"{place}/{INDEX} is damaged: {error.message}", COPY_AGAIN) from error
    if name not in sizes:
        raise FacesetError(f"{place}/{name} is missing.", COPY_AGAIN)
    size = entry.get("size", 0)
    if sizes[name] != size:
        raise FacesetError(
            f"Expected {size} bytes in {place}/{name}, found {sizes[name]}.", COPY_AGAIN
        )
    return TarShard(name, entry.get("faces", 0), size, entry["sha256"])


def _read_record(folder: PackFolder, shard: TarShard, where: str) -> dict[str, Any]:
    with folder.opened(shard.name) as file, opened_tar(file, where) as tar:
        for member in tar:
            if member.name == RECORD_MEMBER and member.isreg():
                stream = tar.extractfile(member)
                assert stream is not None
                content = parse_json(stream.read(), where, error=FacesetError, hint=COPY_AGAIN)
                record = FORMAT.migrate(content, Path(where))
                return record | {"source": {**record["source"], "files": []}}
            if member.name != PACK:
                break
    raise FacesetError(f"Expected {RECORD} at the beginning of {where}.", COPY_AGAIN)


def _with_files(
    place: PackPlace, folder: PackFolder, index: Mapping[str, Any], sizes: Mapping[str, int]
) -> dict[str, Any]:
    """An index of version 1 with what it lacks; remembered for this user."""
    names = sorted(name for name in sizes if name.endswith(".tar"))
    if len(names) != index["shards"]:
        raise FacesetError(
            f"Expected {index['shards']} tar files in {place}, found {len(names)}.", COPY_AGAIN
        )
    states = [each["state"] for each in index["written"]]
    key = json.dumps([str(place), states, [(name, sizes[name]) for name in names]])
    remembered = user_cache() / "packs" / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
    with hold_file(remembered, "the index of a pack", wait=True):
        if remembered.is_file():
            return INDEX_FORMAT.read(remembered)
        written = []
        with tempfile.TemporaryDirectory(dir=remembered.parent) as temporary:
            for name, state in zip(names, states, strict=True):
                file = folder.fetch(name, Path(temporary) / "shard.tar")
                found = find_faces(file, "mask", f"{place}/{name}")
                described = {"name": name, "faces": len(found), "size": sizes[name]}
                written.append(described | {"state": state, "sha256": sha256_file(file)})
        completed = {**index, "written": written}
        INDEX_FORMAT.write(remembered, completed)
        return completed
