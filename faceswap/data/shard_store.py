"""Tar files of packs that are read at the moment: fetched, verified, and where their faces lie.

Beside a run lie, for the tar files of a few windows, those that come from URLs and a file each with
the places of the faces. All processes of a machine share them; each tar file is fetched by one.
"""

import hashlib
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from faceswap.core.errors import FacesetError, RemoteError
from faceswap.core.files import atomic_path, sha256_file
from faceswap.core.locks import hold_file
from faceswap.facesets.pack import TarShard
from faceswap.facesets.pack_folder import PackPlace, open_folder
from faceswap.facesets.pack_members import COPY_AGAIN, Places, find_faces

_WAITS_S = (1.0, 4.0)  # before a URL is read again
_TRIES = 3  # another process may remove what this one has just fetched


@dataclass(frozen=True)
class StreamedShard:
    """A tar file of a stream, and what its faces are cut with.

    Attributes:
        place: Folder or URL of its pack.
        shard: The file.
        crop_size: Side of the stored crops in pixels.
        crop_coverage: Side of the stored crops in face squares.
        masks: Kind of the members with the masks.
    """

    place: PackPlace
    shard: TarShard
    crop_size: int
    crop_coverage: float
    masks: str

    @property
    def where(self) -> str:
        """Name of the file in messages."""
        return f"{self.place}/{self.shard.name}"

    @property
    def key(self) -> str:
        """Name of its files in a store."""
        return hashlib.sha256(f"{self.shard.sha256}/{self.masks}".encode()).hexdigest()[:16]


class ShardStore:
    """Makes tar files readable here.

    Args:
        folder: Folder for what is fetched and found; may be deleted between runs.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ready(self, shard: StreamedShard) -> tuple[BinaryIO, Places]:
        """A local copy of a tar file, or the file itself, opened, and where its faces lie.

        Raises:
            FacesetError: It is missing, damaged, or not the one of the pack.
            RemoteError: It cannot be read, tried three times.
            StorageFullError: The disk is full.
        """
        for _ in range(_TRIES):
            path = self.prepare(shard)
            places = self._places(shard)
            with suppress(FileNotFoundError):
                if places is not None:
                    return path.open("rb"), places
        raise FacesetError(
            f"{self._folder} is emptied while it is used.", "Do not delete it during a training."
        )

    def prepare(self, shard: StreamedShard) -> Path:
        """Fetches and verifies a tar file that is not yet ready; see ``ready``."""
        index = self._index(shard)
        name = shard.shard.name
        distant = isinstance(shard.place, str)
        path = self._folder / f"{shard.key}.tar" if distant else Path(shard.place) / name
        if not self._is_ready(shard, path):
            with hold_file(index, "fetching a tar file", wait=True):
                if not self._is_ready(shard, path):  # no other process did meanwhile
                    _fetch(shard, path)
                    places = find_faces(path, shard.masks, shard.where)
                    if len(places) != shard.shard.faces:
                        raise FacesetError(
                            f"Expected {shard.shard.faces} faces in {shard.where}, found "
                            f"{len(places)}.",
                            COPY_AGAIN,
                        )
                    with atomic_path(index) as temporary, temporary.open("wb") as file:
                        np.save(file, places, allow_pickle=False)
        return path

    def keep_only(self, shards: Iterable[StreamedShard]) -> None:
        """Removes what was fetched and found of all other tar files."""
        kept = {shard.key for shard in shards}
        for file in self._folder.glob("?" * 16 + ".*"):
            if file.stem not in kept:
                with suppress(OSError):  # open files cannot be removed on Windows
                    file.unlink(missing_ok=True)

    def _is_ready(self, shard: StreamedShard, path: Path) -> bool:
        return path.is_file() and self._places(shard) is not None

    def _places(self, shard: StreamedShard) -> Places | None:
        """Where the faces lie, as found before; None if that is absent or damaged."""
        try:
            places = np.load(self._index(shard), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        return places if places.shape == (shard.shard.faces,) else None

    def _index(self, shard: StreamedShard) -> Path:
        return self._folder / f"{shard.key}.npy"


def _fetch(shard: StreamedShard, path: Path) -> None:
    """Copies a tar file here if it is not, and verifies it."""
    folder = open_folder(shard.place)
    for wait in (*_WAITS_S, None):
        try:
            folder.fetch(shard.shard.name, path)
            _verify(shard, path)
        except (RemoteError, FacesetError):
            if isinstance(shard.place, Path) or wait is None:
                raise
            time.sleep(wait)
        else:
            return


def _verify(shard: StreamedShard, path: Path) -> None:
    try:
        found = sha256_file(path)
    except FileNotFoundError as error:
        raise FacesetError(f"{shard.where} is missing.", COPY_AGAIN) from error
    if found != shard.shard.sha256:
        raise FacesetError(
            f"Expected the tar file of the pack in {shard.where}, found other content: it was "
            "damaged or replaced.",
            COPY_AGAIN,
        )
