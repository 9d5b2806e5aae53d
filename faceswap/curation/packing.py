"""Packs facesets into tar files, as WebDataset reads them; ``curation.unpacking`` restores them.

A face is a sample: ``00000012.jpg``, ``00000012.mask.png``, ``00000012.mask_<masker>.png`` and
``00000012.json`` with its columns; ``00000012.removed.jpg`` is a crop of ``removed/``. The first
member of each file describes the pack, those of the first file also hold ``faceset.json`` and
``faces.parquet``; their names begin and end with ``__``, by which WebDataset skips them.

``pack.json`` beside the files says which of them are written, so that an interrupted packing
resumes with the first one that is not. It also has the size, the hash and the number of faces of
each, by which a training reads the pack without opening them all.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from faceswap.core.errors import OutputExistsError
from faceswap.core.files import atomic_path, sha256_file
from faceswap.core.locks import hold_folder
from faceswap.core.outputs import check_outputs, is_taken
from faceswap.curation.copying import changed_meanwhile, check_rows, face_files, read_all_rows
from faceswap.curation.json_table import json_rows
from faceswap.curation.likeness import OnFaces
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES, MASKS, RECORD, REMOVED, ROWS, stored_file
from faceswap.facesets.pack_format import (
    INDEX,
    INDEX_FORMAT,
    PACK,
    PACK_FORMAT,
    RECORD_MEMBER,
    ROWS_MEMBER,
)
from faceswap.facesets.rows import FURTHER_MASK, SCHEMA

_OMITTED = ("mesh", "raw_landmarks")
_HINT = "Choose another --output, or delete it."


@dataclass(frozen=True)
class Packing:
    """The packing of one faceset into one folder.

    Attributes:
        faceset: Faceset.
        folder: Folder of the tar files, new or with some of them.
        per_shard: Number of faces in a file.
    """

    faceset: Faceset
    folder: Path
    per_shard: int

    @property
    def names(self) -> list[str]:
        """Names of the tar files."""
        count = max(1, -(-len(self.faceset.faces()) // self.per_shard))
        return [f"{self.folder.name}-{shard:06d}.tar" for shard in range(count)]

    def check(self) -> int:
        """Looks at what is in the folder, and changes nothing.

        Returns:
            Number of tar files that are written, from the first one on, and hold what the faceset
            holds now.

        Raises:
            FacesetError: The index is damaged.
            OutputExistsError: The folder holds something else: another pack, a whole pack of crops
                that have changed since, or other files.
            OutputError: It cannot have its name.
        """
        check_outputs([], [self.folder], overwrite=True)
        if not is_taken(self.folder) or not _visible(self.folder):
            return 0
        index = self._index()
        mine = self._plan, len(self.names)
        if index is None or (index["plan"], index["shards"]) != mine:
            raise OutputExistsError(
                f"Expected no folder, or a pack of {self.faceset.path} as it is now and with "
                f"{self.per_shard} faces in a file, found something else in {self.folder}.",
                _HINT,
            )
        current = self._current([each["state"] for each in index["written"]])
        if current < len(index["written"]) == index["shards"]:
            raise OutputExistsError(
                f"{self.folder} is a whole pack, and since it was written crops of "
                f"{self.faceset.path} have changed, or tar files were removed.",
                _HINT,
            )
        return current

    def run(self, on_faces: OnFaces = lambda _count: None) -> bool:
        """Writes the tar files that are missing, each complete or not at all.

        Equal facesets give equal files, also after an interruption.

        Args:
            on_faces: Callback with the number of faces packed since its last call, those of an
                earlier run included.

        Returns:
            Whether any file was missing.

        Raises:
            FacesetError: The faceset or the index is damaged.
            OutputBusyError: Another process writes the folder.
            OutputExistsError: The folder holds something else; see ``check``.
            StorageFullError: The disk is full; finished files are kept.
        """
        self.check()  # a folder that cannot exist is no folder to hold
        with hold_folder(self.folder, "the packing"):
            done = self.check()
            if done == len(self.names):
                on_faces(len(self.faceset.faces()))
                return False
            index = self._index()
            written = index["written"][:done] if index else []
            self._write_index(written)  # before the first file, by which it is known as a pack
            for shard, (faces, rows) in enumerate(self._shards()):
                if shard >= done:
                    state = self._state(faces)
                    self._write(shard, faces, rows)
                    written.append(self._described(shard, faces) | {"state": state})
                    self._write_index(written)
                on_faces(len(faces))
            return True

    def _write_index(self, written: Sequence[dict[str, Any]]) -> None:
        body = {"plan": self._plan, "shards": len(self.names), "content": self._content}
        body |= {"written": written}
        INDEX_FORMAT.write(self.folder / INDEX, body)

    def _index(self) -> dict[str, Any] | None:
        file = self.folder / INDEX
        return INDEX_FORMAT.read(file) if file.is_file() else None

    def _described(self, shard: int, faces: Sequence[Face]) -> dict[str, Any]:
        """What the index says of a file, but for the state."""
        file = self.folder / self.names[shard]
        return {
            "name": file.name,
            "faces": sum(face.image in self._trainable for face in faces),
            "size": file.stat().st_size,
            "sha256": sha256_file(file),
        }

    @cached_property
    def _trainable(self) -> frozenset[str]:
        return frozenset(face.image for face in self.faceset.trainable())

    @cached_property
    def _content(self) -> str:
        return self.faceset.content_hash()

    @cached_property
    def _plan(self) -> str:
        """Hash of what decides about all files."""
        hashes = [sha256_file(self.faceset.path / name) for name in (RECORD, ROWS)]
        return _digest([PACK_FORMAT.version, self.per_shard, self.folder.name, *hashes])

    def _current(self, written: Sequence[str]) -> int:
        """Number of the first files that are there and hold what the faceset holds now."""
        faces = self.faceset.faces()
        for shard, (name, state) in enumerate(zip(self.names, written, strict=False)):
            some = faces[shard * self.per_shard : (shard + 1) * self.per_shard]
            if not (self.folder / name).is_file() or self._state(some) != state:
                return shard
        return len(written)

    def _state(self, faces: Sequence[Face]) -> str:
        """Hash of the names, sizes and times of the files of faces."""
        found = []
        for face in faces:
            for folder, name in face_files(self.faceset, face):
                state = stored_file(self.faceset.path, folder, name).stat()
                found.append((folder, name, state.st_size, state.st_mtime_ns))
        return _digest(found)

    def _shards(self) -> Iterator[tuple[list[Face], pa.Table]]:
        """Faces and rows of each file."""
        faces, groups = self.faceset.faces(), read_all_rows(self.faceset)
        waiting: list[pa.Table] = []
        for start in range(0, max(1, len(faces)), self.per_shard):
            some = faces[start : start + self.per_shard]
            while sum(table.num_rows for table in waiting) < len(some):
                group = next(groups, None)
                if group is None:
                    raise changed_meanwhile(self.faceset)
                waiting.append(group)
            rows = pa.concat_tables(waiting) if waiting else SCHEMA.empty_table()
            check_rows(rows.slice(0, len(some)), some, self.faceset)
            yield some, rows.slice(0, len(some))
            waiting = [rows.slice(len(some))]

    def _write(self, shard: int, faces: Sequence[Face], rows: pa.Table) -> None:
        first = shard * self.per_shard
        columns = json_rows(rows, omitted=_OMITTED)
        with (
            atomic_path(self.folder / self.names[shard]) as temporary,
            tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as tar,
        ):
            self._add_descriptions(tar, faces, shard)
            for row, (face, values) in enumerate(zip(faces, columns, strict=True), first):
                _add_face(tar, self.faceset, row, face, values)

    def _add_descriptions(self, tar: tarfile.TarFile, faces: Sequence[Face], shard: int) -> None:
        members = sum(1 + len(face_files(self.faceset, face)) for face in faces)
        described = {"format": PACK_FORMAT.name, "version": PACK_FORMAT.version}
        described |= {"source": self.faceset.source_sha256, "shard": shard}
        described |= {"shards": len(self.names), "members": members}
        _add(tar, PACK, json.dumps(described).encode())
        if shard == 0:
            for name, file in ((RECORD_MEMBER, RECORD), (ROWS_MEMBER, ROWS)):
                _add(tar, name, (self.faceset.path / file).read_bytes())


def _visible(folder: Path) -> list[str]:
    """Names in a folder but those of locks and temporary files."""
    if not folder.is_dir():
        return [folder.name]
    return [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]


def _digest(values: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


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
