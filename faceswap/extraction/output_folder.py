"""The folder that an extraction writes facesets to: a local one, or a copy of one at a URL.

A faceset at a URL is written in a local folder first, so that its extraction resumes as any other.
Once it is complete, it is copied there, its record last: what has a record is complete. Its images
are then removed here; its record and rows stay, since later sources are compared with them.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faceswap.core.errors import ConfigError
from faceswap.core.files import atomic_write, sha256_file
from faceswap.core.locks import hold_file
from faceswap.core.remote import RemoteFolder
from faceswap.core.remote_claim import ClaimTiming, RemoteClaim, hold_remote
from faceswap.core.urls import is_url
from faceswap.core.user_cache import user_cache
from faceswap.facesets.files import IMAGES, MASKS, RECORD, ROWS

_CLAIMS = ".claims"  # folder at the URL
_COPIED = ".copied"  # hash of the record and the rows that are at the URL


class OutputFolder:
    """Folder for the facesets of an extraction.

    Args:
        place: Path of a local folder, or URL.
        timing: Times of the claims of facesets at a URL.

    Attributes:
        path: Local folder in which facesets are written.

    Raises:
        ConfigError: The URL contains a password, a token or a query.
        RemoteError: The protocol is unknown, or its library is not installed.
    """

    def __init__(self, place: str, timing: ClaimTiming | None = None) -> None:
        self._timing = timing or ClaimTiming()
        self._remote = RemoteFolder.open(place) if is_url(place) else None
        self.path = Path(place)
        if self._remote is not None:
            if self._remote.query:
                raise ConfigError(
                    f"Expected a URL without a query, found one after {self._remote.url}.",
                    "Leave secrets to the configuration of the protocol.",
                )
            key = hashlib.sha256(self._remote.url.encode()).hexdigest()[:16]
            self.path = user_cache() / "facesets" / key

    def shown(self, name: str) -> str:
        """Path or URL of a faceset."""
        return f"{self._remote.url}/{name}" if self._remote else str(self.path / name)

    @contextmanager
    def faceset(self, name: str) -> Iterator[Path]:
        """The local folder in which a block completes a faceset, which is then at the URL.

        What is complete at the URL is in the folder before, without its images. Nobody else writes
        the faceset to the URL meanwhile, on this machine or another one.

        Raises:
            OutputBusyError: Another process does, or took it over while this one seemed dead.
            OutputError: It cannot be written; the same command copies it again.
            RemoteError: It cannot be read.
        """
        folder = self.path / name
        if self._remote is None:
            yield folder
            return
        # Beside the lock of the folder, which is the extraction's and may be deleted with it.
        claim = f"{_CLAIMS}/{name}.json"
        with (
            hold_file(folder, "the extraction"),
            hold_remote(
                self._remote, claim, self.shown(name), "the extraction", self._timing
            ) as held,
        ):
            self._prepare(self._remote, name)
            yield folder
            self._store(self._remote, name, held)

    def _prepare(self, remote: RemoteFolder, name: str) -> None:
        """Gets record and rows of a faceset that is complete at the URL, if there is one."""
        folder = self.path / name
        if _is_copy(folder):  # of what may have been replaced or deleted since
            shutil.rmtree(folder)
        if folder.exists() or f"{name}/{RECORD}" not in remote.files(name):
            return
        for file in (ROWS, RECORD):
            remote.download(f"{name}/{file}", folder / file)
        atomic_write(folder / _COPIED, _digest(folder))

    def _store(self, remote: RemoteFolder, name: str, held: RemoteClaim) -> None:
        """Copies a complete faceset to the URL, and removes its images here."""
        folder = self.path / name
        digest = _digest(folder)
        with_images = (folder / IMAGES).is_dir()
        if not with_images and _is_copy(folder):
            return
        files = _files(folder)
        held.delete(f"{name}/{RECORD}")
        for file in files:
            held.upload(folder / file, f"{name}/{file}")
        if with_images:
            # Whoever takes the claim over writes a record, which is not a leftover.
            kept = {f"{name}/{file}" for file in (*files, RECORD)}
            for stale in sorted(set(remote.files(name)) - kept):
                held.delete(stale)
        held.upload(folder / RECORD, f"{name}/{RECORD}")
        held.require()  # before the images that may be needed again are removed
        atomic_write(folder / _COPIED, digest)
        for images in (IMAGES, MASKS):
            shutil.rmtree(folder / images, ignore_errors=True)


def _digest(folder: Path) -> bytes:
    """Hashes of the record and the rows of a faceset, as far as they are there."""
    files = [folder / name for name in (RECORD, ROWS)]
    return "\n".join(sha256_file(file) for file in files if file.is_file()).encode()


def _is_copy(folder: Path) -> bool:
    """Whether a folder holds what is at the URL: no extraction has changed it since."""
    marker = folder / _COPIED
    return marker.is_file() and marker.read_bytes() == _digest(folder)


def _files(folder: Path) -> list[str]:
    """Files of a faceset but its record, relative to it."""
    found = (file for file in folder.rglob("*") if file.is_file() and not file.name.startswith("."))
    names = (file.relative_to(folder).as_posix() for file in found)
    return sorted(name for name in names if name not in (RECORD, _COPIED))
