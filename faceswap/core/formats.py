"""Versioned JSON documents: each names its format, and older versions are migrated when read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faceswap.core.errors import FaceswapError
from faceswap.core.files import read_json, write_json

Document = dict[str, Any]


@dataclass(frozen=True)
class Format:
    """A format on disk.

    Attributes:
        name: Name stored in every document, such as ``faceswap-faceset``.
        version: Version that is written; raised whenever a key changes its meaning.
        error: Error type raised for a document that cannot be used.
        migrations: Function of each older version, from its document to that of the next version.
    """

    name: str
    version: int
    error: type[FaceswapError]
    migrations: Mapping[int, Callable[[Document], Document]] = field(default_factory=dict)

    def write(self, path: Path, body: Mapping[str, Any]) -> None:
        """Writes a document with its format and version, complete or not at all."""
        write_json(path, {"format": self.name, "version": self.version, **body})

    def read(self, path: Path) -> Document:
        """Reads a document and migrates it to the current version.

        Raises:
            FaceswapError: The file is not valid JSON, or is of another format, of a newer version
                or of an older one without migration; the type is ``error``.
            FileNotFoundError: There is no such file.
        """
        try:
            document = read_json(path)
        except (ValueError, RecursionError) as error:
            raise self.error(f"{path} is not valid JSON: {error}.", self._restore(path)) from error
        return self.migrate(document, path)

    def migrate(self, document: Any, path: Path) -> Document:
        """Migrates a document that was read from ``path``; see ``read``."""
        found = document.get("format") if isinstance(document, dict) else None
        if found != self.name:
            raise self.error(
                f"Expected the format {self.name!r} in {path}, found {found!r}.",
                self._restore(path),
            )
        version = document.get("version")
        if not isinstance(version, int) or isinstance(version, bool):
            raise self.error(f"{path} has no version number.", self._restore(path))
        if version > self.version:
            raise self.error(
                f"{path} has version {version} of its format; this program reads versions up to "
                f"{self.version}.",
                "Upgrade this program.",
            )
        while version < self.version:
            if version not in self.migrations:
                raise self.error(
                    f"{path} has version {version} of its format, which is no longer supported.",
                    "Create it again with this program.",
                )
            document = self.migrations[version](document)
            version += 1
            document["version"] = version
        return document

    def _restore(self, path: Path) -> str:
        return f"Restore {path.name} from a backup, or choose another folder."
