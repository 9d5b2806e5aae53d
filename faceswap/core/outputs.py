"""A look at every name that a command will write, before it starts to work."""

import os
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from faceswap.core.errors import OutputError, OutputExistsError
from faceswap.core.locks import hold_file, hold_folder

_SHOWN = 3  # names in a message
_LONGEST_NAME = 255  # bytes, or UTF-16 units on Windows; where the file system does not say


def check_outputs(
    files: Iterable[Path],
    folders: Iterable[Path] = (),
    *,
    overwrite: bool = False,
    hint: str = "Choose another --output, or add --overwrite to replace what is there.",
) -> None:
    """Checks that everything a command will write can have its name, and replaces nothing.

    Call it while the output is held (``core.locks``), so that nobody adds a file in between.

    Args:
        files: Files that will be written.
        folders: Folders that will be written as a whole, such as an exported model.
        overwrite: Whether existing ones may be replaced. A folder is never replaced by a file, nor
            a file by a folder.
        hint: Remedy for existing ones.

    Raises:
        OutputExistsError: Something has one of these names already; the first ones are named.
        OutputError: A name is longer than the file system allows, lies in a file, or is used twice.
    """
    wanted = [*((path, False) for path in files), *((path, True) for path in folders)]
    _check_distinct([path for path, _ in wanted])
    for parent in dict.fromkeys(path.parent for path, _ in wanted):
        _check_parent(parent)
    for path, _ in wanted:
        _check_length(path)
    there = [(path, folder) for path, folder in wanted if is_taken(path)]
    if not overwrite and there:
        verb = "exists" if len(there) == 1 else "exist"
        raise OutputExistsError(f"{_listing([p for p, _ in there])} {verb} already.", hint)
    for path, folder in there:
        if path.is_dir() and not path.is_symlink() and not folder:
            raise OutputExistsError(
                f"Expected a file or nothing, found a folder: {path}.", "Choose another --output."
            )
        if not path.is_dir() and folder:
            raise OutputExistsError(
                f"Expected a folder or nothing, found a file: {path}.", "Choose another --output."
            )


def is_taken(path: Path) -> bool:
    """Whether something has this name; a broken link is something."""
    try:
        return path.is_symlink() or path.exists()
    except OSError:  # the name is too long for a file
        return False


@contextmanager
def claim_folder(
    folder: Path | None,
    names: Iterable[str],
    purpose: str,
    *,
    overwrite: bool = False,
    is_own: Callable[[Path], bool] = lambda _: False,
) -> Iterator[None]:
    """Holds an output folder, in which nothing that is there will be replaced.

    Args:
        folder: Output folder; None if nothing is written.
        names: Files that will be written, relative to the folder.
        purpose: Work of this process in a noun phrase ("the evaluation"), shown to others.
        overwrite: Whether existing files may be replaced.
        is_own: Tells by its content whether an existing file may be replaced in any case.

    Raises:
        OutputExistsError: See ``check_outputs``.
        OutputError: See ``check_outputs``.
        OutputBusyError: Another process writes this folder.
    """
    if folder is None:
        yield
        return
    files = [folder / name for name in names]

    def check() -> None:
        check_outputs(files, overwrite=True)
        check_outputs([path for path in files if not is_own(path)], overwrite=overwrite)

    check()  # a folder that cannot exist is no folder to hold
    with hold_folder(folder, purpose):
        check()
        yield


@contextmanager
def claim_files(files: Iterable[Path], purpose: str, *, overwrite: bool = False) -> Iterator[None]:
    """Holds output files, none of which will be replaced.

    Args:
        files: Files that will be written, in any folders.
        purpose: Work of this process in a noun phrase ("the export"), shown to others.
        overwrite: Whether existing files may be replaced.

    Raises:
        OutputExistsError: See ``check_outputs``.
        OutputError: See ``check_outputs``.
        OutputBusyError: Another process writes one of them.
    """
    wanted = list(files)
    check_outputs(wanted, overwrite=overwrite)
    with ExitStack() as held:
        for file in wanted:
            held.enter_context(hold_file(file, purpose))
        check_outputs(wanted, overwrite=overwrite)
        yield


def _check_distinct(paths: Collection[Path]) -> None:
    counts = Counter(map(_as_compared, paths))
    twice = [path for path in dict.fromkeys(paths) if counts[_as_compared(path)] > 1]
    if twice:
        raise OutputError(
            f"Two results would be written to {_listing(twice)}.",
            "Rename one of the inputs, or give each its own --output.",
        )


def _as_compared(path: Path) -> str:
    """A path as the usual file system of this system compares it: without regard to case or not."""
    return str(path).casefold() if sys.platform in ("darwin", "win32") else str(path)


def _check_parent(parent: Path) -> None:
    for folder in (parent, *parent.parents):
        _check_length(folder)
        if folder.is_dir():
            return
        if is_taken(folder):
            raise OutputError(
                f"Expected a folder, found a file: {folder}.", "Choose another --output."
            )


def _check_length(path: Path) -> None:
    units = path.name.encode("utf-16-le")[::2] if os.name == "nt" else os.fsencode(path.name)
    length = len(units)
    longest = _longest_name(path.parent)
    if length > longest:
        raise OutputError(
            f"A name of {length} bytes is longer than the {longest} that this file system allows: "
            f"{path.name}.",
            "Choose a shorter --output, or rename the input.",
        )


def _longest_name(folder: Path) -> int:
    for place in (folder, *folder.parents):
        try:
            return os.pathconf(place, "PC_NAME_MAX")
        except (AttributeError, ValueError):  # Windows, or unknown to this file system
            return _LONGEST_NAME
        except OSError:  # not there yet, or itself too long
            continue
    return _LONGEST_NAME


def _listing(paths: Collection[Path]) -> str:
    shown = ", ".join(str(path) for path in list(paths)[:_SHOWN])
    return shown if len(paths) <= _SHOWN else f"{shown} and {len(paths) - _SHOWN} more"
