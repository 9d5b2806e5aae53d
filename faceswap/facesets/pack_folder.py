"""The folder of a pack: on a disk of this machine, or at a URL."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from faceswap.core.folders import folders_with
from faceswap.core.remote import RemoteFolder
from faceswap.core.urls import is_url
from faceswap.facesets.pack_format import INDEX

PackPlace = Path | str
"""A local folder, or the URL of one."""


class PackFolder(Protocol):
    """Files of a pack."""

    def read(self, name: str) -> bytes | None:
        """Content of a small file as it is now; None if there is none."""
        ...

    def sizes(self) -> dict[str, int]:
        """Size in bytes of each file."""
        ...

    def opened(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Opens a file for reading parts of it."""
        ...

    def fetch(self, name: str, target: Path, /) -> Path:
        """The file itself where it is on this machine, else a copy at ``target``."""
        ...


class _LocalFolder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        file = self._path / name
        return file.read_bytes() if file.is_file() else None

    def sizes(self) -> dict[str, int]:
        files = self._path.iterdir() if self._path.is_dir() else ()
        return {file.name: file.stat().st_size for file in files if file.is_file()}

    def opened(self, name: str) -> BinaryIO:
        return (self._path / name).open("rb")

    def fetch(self, name: str, _target: Path, /) -> Path:
        return self._path / name


class _DistantFolder:
    def __init__(self, url: str) -> None:
        self._remote = RemoteFolder.open(url)
        self.read, self.sizes = self._remote.read, self._remote.sizes
        self.opened = self._remote.opened

    def fetch(self, name: str, target: Path, /) -> Path:
        self._remote.download(name, target)
        return target


def open_folder(place: PackPlace) -> PackFolder:
    """The folder of a pack; nothing is read yet.

    Raises:
        ConfigError: The URL contains a password or a token.
        RemoteError: The protocol of the URL is unknown, or its library is not installed.
    """
    return _DistantFolder(place) if isinstance(place, str) else _LocalFolder(place)


def find_packs(place: PackPlace) -> list[PackPlace]:
    """Packs at a place: the place itself, or all folders directly in it that are packs.

    Raises:
        ConfigError: A URL contains a password or a token.
        RemoteError: A URL cannot be listed.
    """
    if isinstance(place, Path):
        return [place] if (place / INDEX).is_file() else [*folders_with(INDEX, place)]
    remote = RemoteFolder.open(place)
    names = remote.sizes()
    if INDEX in names:
        return [remote.url]
    found = [name.removesuffix(f"/{INDEX}") for name in names if name.endswith(f"/{INDEX}")]
    return [f"{remote.url}/{name}" for name in sorted(found) if "/" not in name]


def is_pack(place: PackPlace) -> bool:
    """Whether a place holds a pack, complete or not; a URL is taken for one."""
    return isinstance(place, str) or (place / INDEX).is_file()


def stored_place(text: str) -> PackPlace:
    """The place that a document names."""
    return text if is_url(text) else Path(text)
