"""Versioned JSON documents: each names its format, and older versions are migrated when read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faceswap.core.config_errors import shown
from faceswap.core.documents import check_schema, read_json
from faceswap.core.errors import FaceswapError
from faceswap.core.files import write_json

Document = dict[str, Any]


@dataclass(frozen=True)
class Format:
    """A format on disk.

    Attributes:
        name: Name stored in every document, such as ``faceswap-faceset``.
        version: Version that is written; raised whenever a key changes its meaning.
        error: Error type raised for a document that cannot be used.
        migrations: Function of each older version, from its document to that of the next version.
        schema: Type of the documents of this version, mostly a ``DocumentModel``; None for any.
    """

    name: str
    version: int
    error: type[FaceswapError]
    migrations: Mapping[int, Callable[[Document], Document]] = field(default_factory=dict)
    schema: Any = None

    def write(self, path: Path, body: Mapping[str, Any]) -> None:
        """Writes a document with its format and version, complete or not at all."""
        write_json(path, {"format": self.name, "version": self.version, **body})

    def read(self, path: Path) -> Document:
        """Reads a document, migrates it to the current version and checks it.

        Raises:
            FaceswapError: The file is not valid JSON, is of another format, of a newer version or
                of an older one without migration, or differs from the schema; the type is
                ``error``.
            FileNotFoundError: There is no such file.
        """
        document = read_json(path, error=self.error, hint=self._restore(path))
        return self.migrate(document, path)

    def is_newer(self, path: Path) -> bool:
        """Whether a document is of this format, and of a version that is not known yet.

        Raises:
            OSError: It cannot be read.
        """
        try:
            document = read_json(path, error=self.error)
        except FaceswapError:
            return False
        own = isinstance(document, dict) and document.get("format") == self.name
        return own and isinstance(v := document.get("version"), int) and v > self.version

    def migrate(self, document: Any, path: Path) -> Document:
        """Migrates and checks a document that was read from ``path``; see ``read``."""
        found = document.get("format") if isinstance(document, dict) else None
        if found != self.name:
            raise self.error(
                f"Expected the format {self.name!r} in {path}, found {shown(found)}.",
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
            try:
                document = self.migrations[version](document)
            except KeyError as error:
                raise self.error(
                    f"{path} is damaged: it has no {error}.", self._restore(path)
                ) from error
            version += 1
            document["version"] = version
        if self.schema is not None:
            check_schema(document, self.schema, path, self.error, self._restore(path))
        return document

    def _restore(self, path: Path) -> str:
        return f"Restore {path.name} from a backup, or choose another folder."
