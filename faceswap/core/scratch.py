"""Temporary folders that do not outlive a killed process for long."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from faceswap.core.locks import hold_folder, is_used

_PREFIX = "faceswap-scratch-"
_YOUNG_S = 60.0  # a folder may be there before its lock is


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder of this process for the duration of the block.

    Those that killed processes left on this machine are removed.
    """
    _remove_abandoned(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name:
        folder = Path(name)
        with hold_folder(folder, "temporary files"):
            yield folder


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # gone, or another user's
            old = time.time() - folder.stat().st_mtime > _YOUNG_S
            if old and not folder.is_symlink() and not is_used(folder):
                shutil.rmtree(folder)
