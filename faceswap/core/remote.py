"""Folders at URLs, such as ``s3://bucket/videos``: listed, copied here and copied there, by fsspec.

Credentials and endpoints come from where each protocol's library looks for them: environment
variables and configuration files, never from the URL, which is recorded and shown. Only the query
of a single file's URL, such as a signed link, may hold a secret; it is neither recorded nor shown.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from fsspec.core import url_to_fs

from faceswap.core.errors import ConfigError, OutputError, RemoteError, UnsafeNameError
from faceswap.core.files import atomic_path
from faceswap.core.names import check_name
from faceswap.core.text import one_line
from faceswap.core.urls import has_credentials, split_query, without_secrets

_CHUNK = 1 << 20  # bytes
_PART = 1 << 18  # bytes read at once of a file of which parts are read
_EXCLUSIVE = {"memory", "file"}  # protocols with a mode "x" in which only one creates a file


@dataclass(frozen=True)
class RemoteFolder:
    """A folder, or a single file, at a URL.

    Attributes:
        url: The URL without query and without a slash at its end.
        query: Query of the URL of a single file, with its sign; "" for none.
        filesystem: File system of its protocol.
        root: The path in that file system, with the query where that belongs to it.
    """

    url: str
    query: str = field(repr=False)
    filesystem: Any = field(repr=False)
    root: str = field(repr=False)

    @classmethod
    def open(cls, url: str) -> "RemoteFolder":
        """Opens the file system of a URL; nothing is read yet.

        Raises:
            ConfigError: The URL contains a password or a token.
            RemoteError: The protocol is unknown, or its library is not installed.
        """
        if has_credentials(url):
            scheme = url.partition("://")[0]
            raise ConfigError(
                f"Expected a URL without credentials, found some in one of {scheme}://.",
                "Leave them to the environment variables or the configuration of the protocol.",
            )
        shown, query = split_query(url)
        with _remote_errors(shown, query):
            filesystem, root = url_to_fs(url)
        return cls(shown.rstrip("/"), query, filesystem, root if query else root.rstrip("/"))

    def files(self, folder: str = "", on_note: Callable[[str], None] = lambda _: None) -> list[str]:
        """Paths of all files in the folder, relative to it, sorted; of a file, its empty path.

        Files whose names no local file could have are skipped.

        Args:
            folder: Folder in this one; "" for all of it.
            on_note: Callback with one line per file that was skipped.

        Raises:
            RemoteError: It cannot be listed, or is a folder at a URL with a query.
        """
        root = f"{self.root}/{folder}".rstrip("/") if folder else self.root
        with self._errors():
            self.filesystem.invalidate_cache()  # others write there as well
            if not self.filesystem.exists(root):
                return []
            found = self.filesystem.find(root)
        names = sorted(path.removeprefix(self.root).lstrip("/") for path in found)
        if self.query and names != [""]:
            raise RemoteError(
                f"Expected a single file at a URL with a query, found a folder: {self.url}.",
                "Give the URL of each file.",
            )
        return [name for name in names if self._is_plain(name, on_note)]

    def sizes(self) -> dict[str, int]:
        """Size in bytes of each file in the folder, by its path relative to it; of none, empty.

        Raises:
            RemoteError: It cannot be listed.
        """
        with self._errors():
            self.filesystem.invalidate_cache()  # others write there as well
            found = self.filesystem.find(self.root, detail=True)
        return {
            path.removeprefix(self.root).lstrip("/"): int(entry["size"])
            for path, entry in found.items()
        }

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """Opens a file of which some parts are read; each costs a request.

        Args:
            name: Path relative to the folder.

        Raises:
            RemoteError: It cannot be read.
        """
        path = f"{self.root}/{name}"
        with self._errors(name), self.filesystem.open(path, "rb", block_size=_PART) as file:
            yield file

    def download(self, name: str, target: Path) -> None:
        """Copies a file here, complete or not at all.

        Args:
            name: Path relative to the folder.
            target: Local file.

        Raises:
            RemoteError: It cannot be read.
            StorageFullError: The disk is full.
        """
        with atomic_path(target) as temporary, temporary.open("wb") as file:
            for chunk in self._chunks(name):
                file.write(chunk)

    def upload(self, source: Path, name: str) -> None:
        """Copies a local file there; object stores show it complete or not at all.

        Args:
            source: Local file.
            name: Path relative to the folder.

        Raises:
            OutputError: It cannot be written.
        """
        path = f"{self.root}/{name}"
        with self._errors(name, "write"):
            self.filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
            self.filesystem.put_file(str(source), path)

    def read(self, name: str) -> bytes | None:
        """Content of a small file as it is now; None if there is none.

        Args:
            name: Path relative to the folder.

        Raises:
            RemoteError: It cannot be read.
        """
        with self._errors(name):
            self.filesystem.invalidate_cache()
            try:
                return self.filesystem.cat_file(f"{self.root}/{name}")
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Writes a small file, or replaces it.

        Args:
            name: Path relative to the folder.
            content: Content.

        Raises:
            OutputError: It cannot be written.
        """
        path = f"{self.root}/{name}"
        with self._errors(name, "write"):
            self.filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
            self.filesystem.pipe_file(path, content)

    @property
    def creates_exclusively(self) -> bool:
        """Whether of several processes that ``create`` a file at once only one does."""
        known = self.filesystem.protocol
        return not _EXCLUSIVE.isdisjoint([known] if isinstance(known, str) else known)

    def create(self, name: str, content: bytes) -> bool:
        """Writes a small new file, as exclusively as the file system can.

        Args:
            name: Path relative to the folder.
            content: Content.

        Returns:
            False if the file exists.

        Raises:
            OutputError: It cannot be written.
        """
        path = f"{self.root}/{name}"
        with self._errors(name, "write"):
            self.filesystem.makedirs(path.rpartition("/")[0], exist_ok=True)
            try:
                if self.creates_exclusively:
                    with self.filesystem.open(path, "xb") as file:
                        file.write(content)
                else:
                    self._create(path, content)
            except FileExistsError:
                return False
        return True

    def _create(self, path: str, content: bytes) -> None:
        try:
            self.filesystem.pipe_file(path, content, mode="create")
        except FileExistsError:
            raise
        except Exception:  # of a store that does not know the condition, each of its own kind
            self.filesystem.pipe_file(path, content)

    def delete(self, name: str) -> None:
        """Deletes a file, if it is there.

        Raises:
            OutputError: It cannot be deleted.
        """
        path = f"{self.root}/{name}"
        with self._errors(name, "write"):
            if self.filesystem.exists(path):
                self.filesystem.rm_file(path)

    def _errors(self, name: str = "", what: str = "read") -> AbstractContextManager[None]:
        return _remote_errors(f"{self.url}/{name}".rstrip("/"), self.query, what)

    def _is_plain(self, name: str, on_note: Callable[[str], None]) -> bool:
        try:
            for part in PurePosixPath(name).parts:
                if not part.startswith("."):  # hidden
                    check_name(part, "name of a file")
        except UnsafeNameError as error:
            on_note(f"Skipped {one_line(f'{self.url}/{name}')}: {error.message}")
            return False
        return True

    def _chunks(self, name: str) -> Iterator[bytes]:
        path = f"{self.root}/{name}".rstrip("/") if name else self.root
        with (
            self._errors(name),
            self.filesystem.open(path, "rb") as file,
        ):
            while chunk := file.read(_CHUNK):
                yield chunk


@contextmanager
def _remote_errors(url: str, query: str, what: str = "read") -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise RemoteError(
            f"The library for {url.partition('://')[0]}:// is not installed.",
            f'{str(error).rstrip(".")}; for s3://, pip install "faceswap-toolkit[s3]".',
        ) from error
    except Exception as error:  # each protocol's library raises kinds of its own
        kind = RemoteError if what == "read" else OutputError
        line = str(error).partition("\n")[0].replace(query, "")
        reason = without_secrets(line).rstrip(".") or type(error).__name__
        raise kind(
            f"Expected to {what} {url}, found: {reason}.",
            "Check the URL, the credentials of its protocol and the connection.",
        ) from error
