"""Replaces an existing faceset once, by an extraction in which several processes may take part."""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from faceswap.core.documents import DocumentModel
from faceswap.core.errors import FacesetError
from faceswap.core.formats import Format
from faceswap.core.locks import hold_file
from faceswap.facesets.files import ASIDE, OLD_SEGMENTS, REPLACES, SEGMENTS, remove_tables
from faceswap.facesets.segments import segment_files


class _Document(DocumentModel):
    run: str
    begun: bool


_UNKNOWN = ""
_FORMAT = Format("faceswap-replacement", 1, FacesetError, schema=_Document)


class Replacement:
    """The replacement of an existing faceset by a new one.

    The segments of the new one are written beside the old faceset, which stays what it is until
    ``begin``; those of an unfinished old one are set aside.

    Args:
        path: Directory of the faceset.
        run: Text that the processes of one extraction have in common; "" for an extraction by this
            process alone.
        joins: Whether another process of the run has begun the replacement already.

    Attributes:
        begun: Whether a process of this run has begun the new faceset, as far as this one knows.

    Raises:
        FacesetError: The replacement that this process joins has ended meanwhile.
    """

    def __init__(self, path: Path, run: str, *, joins: bool = False) -> None:
        self._path = path
        self._note = path / SEGMENTS / REPLACES
        self._run = run or uuid.uuid4().hex
        with _alone(path):
            self.begun = self._is_noted(begun=True)
            if not self.begun and not self._is_noted(begun=False):
                if joins:
                    raise self._ended()
                _undo(path)
                _set_aside(path)
                self._write(begun=False)

    def look(self) -> bool:
        """Whether a process of this run has begun the new faceset by now."""
        self.begun = self.begun or self._is_noted(begun=True)
        return self.begun

    def begin(self, begin: Callable[[], None]) -> None:
        """Begins the new faceset, unless another process of this run has.

        Args:
            begin: Callback that removes the old faceset and writes the record of the new one.

        Raises:
            FacesetError: The replacement has ended meanwhile.
        """
        with _alone(self._path):
            if not self._is_noted(begun=True):
                if not self._is_noted(begun=False):
                    raise self._ended()
                for name in (ASIDE, *OLD_SEGMENTS):  # they do not belong to the new record
                    remove_tables(self._path / name)
                begin()
                self._write(begun=True)
        self.begun = True

    def _ended(self) -> FacesetError:
        return FacesetError(f"Another process has ended the replacement of {self._path}.")

    def _is_noted(self, *, begun: bool) -> bool:
        noted = _read(self._path)
        return noted is not None and noted.run == self._run and noted.begun == begun

    def _write(self, *, begun: bool) -> None:
        self._note.parent.mkdir(exist_ok=True)
        _FORMAT.write(self._note, {"run": self._run, "begun": begun})


def is_being_replaced(path: Path) -> bool:
    """Whether a faceset is replaced by a new one that is not finished: its rows are the old ones.

    Args:
        path: Directory of the faceset.
    """
    noted = _read(path)
    return noted is not None and noted.run != _UNKNOWN


def undo_replacement(path: Path) -> None:
    """Makes a faceset what it was before a replacement that did not begin the new one.

    Nothing happens if there was none, or if the new one was begun.
    """
    if not (path / SEGMENTS).is_dir():
        return
    with _alone(path):  # which removes the lock of a killed process as well
        undone = _undo(path)
    if undone:
        with suppress(OSError):  # it is in use
            (path / SEGMENTS).rmdir()


def _alone(path: Path) -> AbstractContextManager[None]:
    return hold_file(path / SEGMENTS / REPLACES, "the replacement of a faceset", wait=True)


def _undo(path: Path) -> bool:
    """Undoes a replacement that is not begun; returns whether there was one."""
    noted = _read(path)
    if noted is not None and noted.begun:
        return False
    if noted is not None:
        remove_tables(path / SEGMENTS)
    for file in sorted((path / ASIDE).glob("*.parquet")):
        file.replace(path / SEGMENTS / file.name)
    remove_tables(path / ASIDE)
    return noted is not None


def _set_aside(path: Path) -> None:
    """Sets the segments of an unfinished faceset aside."""
    for file in segment_files(path):
        (path / ASIDE).mkdir(exist_ok=True)
        file.replace(path / ASIDE / file.name)


def _read(path: Path) -> _Document | None:
    """What the note of a replacement says; None if there is none."""
    try:
        return _Document(**_FORMAT.read(path / SEGMENTS / REPLACES))
    except FileNotFoundError:
        return None
    except FacesetError:  # damaged: nobody knows whose segments these are
        return _Document(run=_UNKNOWN, begun=False)
