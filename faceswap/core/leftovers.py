"""What killed writers leave in an output: temporary files, and directories put aside."""

import os
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from faceswap.core.files import REPLACED, TEMPORARY, name_key, remove

_PUT_ASIDE = re.compile(re.escape(REPLACED) + "([0-9a-f]{8})")


def clear_leftovers(
    folder: Path,
    names: Collection[str] | None = None,
    is_used: Callable[[], bool] = lambda: False,
) -> None:
    """Removes temporary files and folders of killed writers; call it while holding the output.

    A directory that a killed writer had put aside, but not yet replaced, gets its name back. What
    this user may not read or remove is skipped.

    Args:
        folder: Folder in which they were written; those inside it are not looked into.
        names: File names whose leftovers are removed; None for all.
        is_used: Whether a running process may own them; they are left alone then. It is asked after
            they were found: whoever begins to write later cannot own them.
    """
    keys = None if names is None else {name_key(name) for name in names}
    try:
        entries = list(os.scandir(folder))
    except OSError:  # such as lost+found, which only the administrator may read
        return
    found = [
        (entry, match)
        for entry in entries
        if (match := TEMPORARY.fullmatch(entry.name) or _PUT_ASIDE.fullmatch(entry.name))
        and (keys is None or match[1] in keys)
    ]
    if not found or is_used():
        return
    for entry, match in found:
        with suppress(OSError):  # of another user
            if match.re is _PUT_ASIDE:
                _restore(Path(entry.path))
            remove(Path(entry.path))


def _restore(aside: Path) -> None:
    """Gives a directory that was put aside its name back, unless its replacement has it."""
    for directory in aside.iterdir():
        path = aside.with_name(directory.name)
        if not path.exists():
            directory.rename(path)
