"""Takes what else lies in a directory into its replacement, though others may be writing it."""

import os
import shutil
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_OF_WRITERS = (".tmp-", ".lock")  # a copy of what a process holds open is of no use to it


class KeptEntries:
    """Entries of a directory that its replacement shares.

    They are hard links: nothing is copied, and a process that is writing such a file still writes
    it after the directory was replaced. Where the file system has no hard links, complete files are
    copied, and those that are being written are moved.
    """

    def __init__(self, old: Path, new: Path, replaced: Collection[str]) -> None:
        """Finds nothing yet.

        Args:
            old: Directory that will be replaced; it may be absent.
            new: Replacement of it, complete but for the entries that are kept.
            replaced: Names in ``old`` that are not kept.
        """
        self._old, self._new, self._replaced = old, new, replaced
        self._taken: dict[Path, int] = {}  # file number by relative path
        self.copies: list[Path] = []
        """Files in ``new`` that had to be copied."""

    def link(self) -> None:
        """Gives the entries of ``old`` a second name in ``new``; call it before the replacement."""
        if self._old.is_dir():
            self._link(Path())

    def _link(self, folder: Path) -> None:
        for entry in list(os.scandir(self._old / folder)):
            path, relative = Path(entry.path), folder / entry.name
            if str(relative) in self._replaced:
                continue
            with suppress(FileNotFoundError):  # renamed by its writer: found by ``move_later``
                if entry.is_dir(follow_symlinks=False):
                    (self._new / relative).mkdir()
                    shutil.copystat(path, self._new / relative)
                    self._link(relative)
                elif self._share(path, self._new / relative):
                    self._taken[relative] = path.lstat().st_ino

    def _share(self, path: Path, target: Path) -> bool:
        try:
            os.link(path, target, follow_symlinks=False)
        except FileNotFoundError:
            raise
        except (OSError, NotImplementedError):
            if path.name.startswith(_OF_WRITERS):
                return False
            shutil.copy2(path, target, follow_symlinks=False)
            if not target.is_symlink():
                self.copies.append(target)
        return True

    def move_later(self, aside: Path, path: Path) -> None:
        """Moves what appeared in the old directory after ``link``.

        Args:
            aside: The old directory, where it is now.
            path: Replacement of it, in its final place.
        """
        for entry in list(os.scandir(aside)):
            if entry.name not in self._replaced:
                self._move(Path(entry.path), path / entry.name, Path(entry.name))

    def _move(self, source: Path, target: Path, relative: Path) -> None:
        if source.is_dir() and not source.is_symlink() and target.is_dir():
            for entry in list(os.scandir(source)):
                self._move(Path(entry.path), target / entry.name, relative / entry.name)
        elif self._taken.get(relative) != source.lstat().st_ino:
            source.replace(target)
