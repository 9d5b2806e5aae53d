"""Replaces an existing faceset once, by an extraction in which several processes may take part."""

import uuid
from collections.abc import Callable
from pathlib import Path

from faceswap.core.documents import DocumentModel
from faceswap.core.errors import FacesetError
from faceswap.core.formats import Format
from faceswap.core.locks import hold_file
from faceswap.facesets.files import REPLACES, SEGMENTS, remove_segments


class _Document(DocumentModel):
    run: str
    begun: bool


_FORMAT = Format("faceswap-replacement", 1, FacesetError, schema=_Document)


class Replacement:
    """The replacement of an existing faceset by a new one.

    The segments of the new one are written beside the old faceset, which stays what it is until
    ``begin``.

    Args:
        path: Directory of the faceset.
        run: Text that the processes of one extraction have in common; "" for an extraction by this
            process alone.

    Attributes:
        begun: Whether a process of this run has begun the new faceset.
    """

    def __init__(self, path: Path, run: str) -> None:
        self._path = path
        self._note = path / SEGMENTS / REPLACES
        self._run = run or uuid.uuid4().hex
        with hold_file(self._note, "the replacement of a faceset", wait=True):
            self.begun = self._is_noted(begun=True)
            if not self.begun and not self._is_noted(begun=False):
                remove_segments(path)
                self._write(begun=False)

    def begin(self, begin: Callable[[], None]) -> None:
        """Begins the new faceset, unless another process of this run has.

        Args:
            begin: Callback that removes the old faceset and writes the record of the new one.
        """
        with hold_file(self._note, "the replacement of a faceset", wait=True):
            if not self._is_noted(begun=True):
                begin()
                self._write(begun=True)
        self.begun = True

    def _is_noted(self, *, begun: bool) -> bool:
        try:
            noted = _FORMAT.read(self._note)
        except (FileNotFoundError, FacesetError):
            return False  # of a run that was killed while it began
        return noted["run"] == self._run and noted["begun"] == begun

    def _write(self, *, begun: bool) -> None:
        self._note.parent.mkdir(exist_ok=True)
        _FORMAT.write(self._note, {"run": self._run, "begun": begun})
