"""Faces of an identity in the tar files of packs, read as training needs them.

Nothing is unpacked, and no crop is kept in memory: each face is read from its tar file and cut when
its turn comes, by the process that samples it. The faces of one identity are numbered through all
tar files in order.
"""

import hashlib
import json
import os
import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.core.errors import FacesetError, FaceswapError
from faceswap.core.files import atomic_path
from faceswap.core.locks import hold_file
from faceswap.core.mapped_arrays import create_mapped_array
from faceswap.data.cache import FaceCache
from faceswap.data.sampling import evenly_spaced
from faceswap.data.shard_store import ShardStore, StreamedShard
from faceswap.data.source import Sampling
from faceswap.data.training_crop import (
    CHANNELS,
    CropGeometry,
    check_crop_size,
    cut_training_crop,
)
from faceswap.data.window_order import Window, WindowOrder
from faceswap.facesets.pack import Pack
from faceswap.facesets.pack_members import COPY_AGAIN, Places, parse_columns
from faceswap.media.images import read_image_bytes

Array = NDArray[np.uint8]
_OPEN = 64  # tar files at once in a process
_FETCHED_AT_ONCE = 4


@dataclass(frozen=True, eq=False)
class FaceStream:
    """Faces of one identity in packs; see ``FaceSource``.

    Attributes:
        shards: The tar files, in order.
        geometry: Size of the crops.
        folder: Folder of a ``ShardStore``.
        window: Number of faces that are mixed at a time, about.
        kept: Indices of the faces in ``cache``, ascending.
        cache: Cached crops of the faces that are needed at each start; None before ``keep``.
    """

    shards: tuple[StreamedShard, ...]
    geometry: CropGeometry
    folder: Path
    window: int
    kept: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    cache: FaceCache | None = None

    @classmethod
    def of_packs(
        cls, packs: Sequence[Pack], geometry: CropGeometry, folder: Path, window: int
    ) -> "FaceStream":
        """The stream of all faces of some packs."""
        shards = [
            StreamedShard(pack.place, shard, pack.crop_size, pack.crop_coverage, pack.masks)
            for pack in packs
            for shard in pack.shards
        ]
        return cls(tuple(shards), geometry, folder, window)

    def __getstate__(self) -> dict[str, object]:
        # Other processes open the tar files themselves.
        names = ("shards", "geometry", "folder", "window", "kept", "cache")
        return {name: getattr(self, name) for name in names}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Index of the first face of each tar file, and at the end the number of all faces."""
        return np.cumsum([0, *(each.shard.faces for each in self.shards)])

    @cached_property
    def _reader(self) -> "StreamReader":
        return StreamReader(self)

    def open(self) -> "StreamReader":
        """The crops, for this process."""
        return self._reader

    def order(self, sampling: Sampling) -> WindowOrder:
        """Order of the training faces, see ``FaceSource``; their indices must ascend."""
        assert sampling.weights is None, "refused when the stream is prepared"
        starts = np.searchsorted(sampling.training, self.starts)
        return WindowOrder(
            sampling.seed,
            sampling.stream,
            sampling.batch,
            starts,
            self.window,
            self._reader.enter,
        )

    def representatives(self, indices: NDArray[np.int64], at_most: int) -> NDArray[np.int64]:
        """Some of the faces that ``keep`` has cached."""
        return evenly_spaced(np.intersect1d(indices, self.kept), at_most)

    def spread(self, indices: NDArray[np.int64], at_most: int, shards: int) -> NDArray[np.int64]:
        """Evenly spaced ones of some indices, from a few tar files.

        Args:
            indices: Indices, ascending.
            at_most: Largest number of faces.
            shards: Largest number of tar files.
        """
        of = self.shard_of(indices)
        chosen = evenly_spaced(np.unique(of), shards)
        return evenly_spaced(indices[np.isin(of, chosen)], at_most)

    def keep(
        self,
        indices: NDArray[np.int64],
        name: str,
        on_faces: Callable[[int], object] = lambda _: None,
    ) -> "FaceStream":
        """This stream with a cache of some faces, beside the folder of the tar files.

        Args:
            indices: Indices of the faces, ascending.
            name: Name of the identity, part of the file name.
            on_faces: Callback with the number of faces decoded since the last call.

        Raises:
            FacesetError: A tar file is missing or damaged.
            RemoteError: One cannot be read.
            StorageFullError: The disk is full.
        """
        hashes = [[each.shard.sha256, each.masks] for each in self.shards]
        described = json.dumps([hashes, indices.tolist(), asdict(self.geometry)])
        key = hashlib.sha256(described.encode()).hexdigest()[:16]
        cache = FaceCache(self.folder.parent / f"{name}-{key}.npy", self.geometry)
        with hold_file(cache.path, "the cache of some faces", wait=True):
            if not cache.is_whole(len(indices)):
                for older in cache.path.parent.glob(f"{name}-{'?' * 16}.npy"):
                    older.unlink(missing_ok=True)
                self._decode(indices, cache.path, on_faces)
        return replace(self, kept=indices, cache=cache)

    def _decode(
        self, indices: NDArray[np.int64], path: Path, on_faces: Callable[[int], object]
    ) -> None:
        store, side = ShardStore(self.folder), self.geometry.side
        of = self.shard_of(indices)
        with atomic_path(path) as temporary:
            crops = create_mapped_array(temporary, (len(indices), side, side, CHANNELS), np.uint8)
            for number in np.unique(of).tolist():
                store.keep_only([self.shards[number]])  # so that the disk holds only one
                reader = StreamReader(self)
                for place in np.flatnonzero(of == number).tolist():
                    crops[place] = reader[int(indices[place])]
                    on_faces(1)
            crops.flush()
            del crops

    def shard_of(self, indices: ArrayLike) -> NDArray[np.intp]:
        """Numbers of the tar files of faces."""
        return np.searchsorted(self.starts, indices, "right") - 1


class StreamReader:
    """Reads the faces of a stream. Not thread-safe.

    Args:
        stream: The stream.
    """

    def __init__(self, stream: FaceStream) -> None:
        self._stream = stream
        self._store = ShardStore(stream.folder)
        self._opened: OrderedDict[int, tuple[BinaryIO, Places]] = OrderedDict()
        self._ahead = threading.Event()  # set to end the fetching of tar files ahead

    def __getitem__(self, index: int) -> Array:
        """Crop of a face, ``(S, S, 6) uint8``, as ``training_crop`` cuts it from a faceset.

        Raises:
            FacesetError: The tar file is missing or damaged.
            MediaError: The crop cannot be decoded.
            RemoteError: The tar file cannot be fetched.
        """
        stream = self._stream
        place = int(np.searchsorted(stream.kept, index))
        if stream.cache is not None and stream.kept[place : place + 1] == index:
            return self._cached[place]
        number = int(stream.shard_of(index))
        file, places = self._open(number)
        return cut_face(
            file, places[index - stream.starts[number]], stream.shards[number], stream.geometry
        )

    def enter(self, window: Window, before: Window | None, after: Window) -> None:
        """Makes the tar files of a window ready, fetches those of the next, and drops all others.

        Those of the window before are kept: other processes may still be in it.
        """
        self._ahead.set()
        here, coming = self._shards(window), self._shards(after)
        earlier = [] if before is None else self._shards(before)
        self._store.keep_only([*earlier, *here, *coming])
        for number in self._opened.keys() - window.shards.tolist():
            self._opened.pop(number)[0].close()
        with ThreadPoolExecutor(_FETCHED_AT_ONCE) as pool:
            list(pool.map(self._store.prepare, here))
        self._ahead = threading.Event()
        arguments = (self._store, coming, self._ahead)
        threading.Thread(target=_fetch_ahead, args=arguments, daemon=True).start()

    def _shards(self, window: Window) -> list[StreamedShard]:
        shards = [self._stream.shards[number] for number in window.shards]
        # Each process begins with another one, so that together they fetch several at once.
        random.Random(os.getpid()).shuffle(shards)
        return shards

    def _open(self, number: int) -> tuple[BinaryIO, Places]:
        if number in self._opened:
            self._opened.move_to_end(number)
            return self._opened[number]
        while len(self._opened) >= _OPEN:
            self._opened.popitem(last=False)[1][0].close()
        self._opened[number] = self._store.ready(self._stream.shards[number])
        return self._opened[number]

    @cached_property
    def _cached(self) -> Array:
        assert self._stream.cache is not None
        return self._stream.cache.open()


def _fetch_ahead(
    store: ShardStore, shards: Sequence[StreamedShard], ended: threading.Event
) -> None:
    for shard in shards:
        if ended.is_set():
            return
        with suppress(FaceswapError, OSError):  # raised when the faces are needed
            store.prepare(shard)


def cut_face(
    file: BinaryIO, places: NDArray[np.void], shard: StreamedShard, geometry: CropGeometry
) -> Array:
    """Cuts a face in a tar file to training size, ``(S, S, 6) uint8``.

    Args:
        file: The tar file.
        places: Places of the face in it, one of ``Places``.
        shard: Description of the file.
        geometry: Size of the crop.

    Raises:
        FacesetError: The file is damaged, or crop or mask are not of the recorded size.
        MediaError: The crop cannot be decoded.
    """

    def content(kind: str) -> bytes:
        offset, size = places[kind].tolist()
        file.seek(offset)
        return file.read(size)

    where = Path(shard.where)
    crop = read_image_bytes(content("image"), where)
    check_crop_size(crop, shard.crop_size, where)
    mask = None
    if stored := content("mask"):
        found = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_GRAYSCALE)
        if found is None:
            raise FacesetError(f"A mask in {shard.where} is damaged.", COPY_AGAIN)
        mask = np.asarray(found, np.uint8)
        check_crop_size(mask, shard.crop_size, where)
    columns = parse_columns(content("row"), shard.where)
    return cut_training_crop(
        crop, mask, columns.landmarks, columns.matrix, shard.crop_coverage, geometry
    )
