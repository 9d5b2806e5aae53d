"""Changes of files as Python reports them: ``open`` for writing, ``rename``, ``mkdir``, and others.

What native code does to a file is not seen, but the rename that gives the file its name is; nor is
``fsync``, which changes nothing that a killed process would leave.
"""

import os
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), 1),  # place of the path that appears
    **dict.fromkeys(("os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod"), 0),
}


def changed_path(event: str, arguments: tuple[Any, ...]) -> str | None:
    """Absolute path that an event of Python's audit changes; None if it changes none."""
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, int) or not isinstance(flags, int) or not flags & _WRITES:
            return None
    elif event in _CHANGES:
        path = arguments[_CHANGES[event]]
    else:
        return None
    if isinstance(path, int):
        return _described(path)
    place = Path(os.fsdecode(path))
    if place.is_absolute():
        return str(place)
    descriptor = arguments[-1]  # of the folder, where there is one
    given = event != "open" and isinstance(descriptor, int) and descriptor >= 0
    return str(Path(_described(descriptor) if given else Path.cwd(), place))


def inner_path(path: str, folder: str) -> str | None:
    """Path relative to a folder, "" for the folder itself; None if it is elsewhere."""
    if path != folder and not path.startswith(f"{folder}/"):
        return None
    return path[len(folder) + 1 :]


def _described(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())
