"""Folders of the user's files: what lies in them, and what is not theirs."""

import re
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

_TOOL_FOLDERS = frozenset(
    # NAS: thumbnails, recycle bins, snapshots.
    {"@eadir", "@tmp", "@transcode", "@recycle", "@recently-snapshot", "@sharesnap", "@__thumb"}
    | {"@synoresource", "@syno", "#recycle", "#snapshot", "~snapshot"}
    # Operating systems.
    | {"__macosx", "$recycle.bin", "recycler", "recycled", "system volume information"}
    | {"lost+found", "found.000", "network trash folder", "temporary items"}
    # Programs; others hide theirs.
    | {"__pycache__", "node_modules"}
)
_TOOL_SUFFIXES = (".lrdata", ".dtrash")  # previews of Lightroom, digiKam's recycle bin

_REPORTS = (
    ("report.html", "filters.png"),
    ("report.html", "weights.png"),
    ("features.parquet", "map.png"),
)
"""Files by which the results of ``classifier explain`` and ``features`` are recognised."""

_PARTS_OF = {
    "faceset": frozenset({"images", "masks", "removed", "shards"}),
    "run": frozenset({"cache", "checkpoints", "logs", "model", "previews"}),
}
"""Folders that results consist of."""


@dataclass(frozen=True)
class Skipped:
    """A file or folder that a walk does not return or enter.

    Attributes:
        path: File or folder.
        reason: Reason in a few words: ``tool folder``, ``faceset``, ``broken link``.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class Tree:
    """Files of a folder and of the folders in it.

    Attributes:
        files: Regular files, in natural order of their paths.
        skipped: Files and folders that were left out, in the order of the walk.
    """

    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...]


def is_tool_folder(name: str) -> bool:
    """Whether a folder of this name holds files of a program: hidden, thumbnails, recycle bins."""
    folded = name.casefold()
    return name.startswith(".") or folded in _TOOL_FOLDERS or folded.endswith(_TOOL_SUFFIXES)


def result_kind(folder: Path) -> str | None:
    """The kind of result of this program that a folder is, such as faceset or run; None if none."""
    if (folder / "faceset.json").is_file():
        return "faceset"
    if _is_run(folder):
        return "run"
    if (folder / "model.json").is_file() and (folder / "model.safetensors").is_file():
        return "model"
    if any(all((folder / name).is_file() for name in names) for names in _REPORTS):
        return "report"
    return None


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run, also one whose manifest is lost."""
    config, checkpoints = (folder / "config.yaml").is_file(), folder / "checkpoints"
    if (folder / "manifest.json").is_file() and (config or checkpoints.is_dir()):
        return True
    if config and (folder / "previews").is_dir():
        return True
    return any(step.is_dir() for step in checkpoints.glob("step-*"))


def enclosing_result(path: Path) -> tuple[Path, str] | None:
    """The result of this program that a file or folder is a part of, and its kind; None if none.

    Only folders that this program makes in its results are parts of them: others are the user's.
    """
    inner = path.resolve()
    for folder in inner.parents:
        kinds = [kind for kind, parts in _PARTS_OF.items() if inner.name in parts]
        if kinds and (kind := result_kind(folder)) in kinds:
            return folder, kind
        inner = folder
    return None


def natural_key(path: Path) -> list[str | tuple[int, str]]:
    """Sort key that orders numbers in names by value: frame2 before frame10."""
    # Only decimal digits match, so int() reads them; text and numbers alternate, text first.
    pieces = re.split(r"(\d+)", path.as_posix().casefold())
    return [(int(p), p) if place % 2 else p for place, p in enumerate(pieces)]


def folders_with(name: str, folder: Path) -> list[Path]:
    """Folders directly in a folder that hold a file of a name, in natural order.

    Hidden ones are left out: an unfinished result has such a name until it is complete.

    Args:
        name: Name of the file.
        folder: Folder, which need not exist.
    """
    found = (file.parent for file in folder.glob(f"*/{name}"))
    return sorted((path for path in found if not path.name.startswith(".")), key=natural_key)


def walk(root: Path, exclude: Collection[Path] = ()) -> Tree:
    """Lists the files of a folder, recursively.

    Links to folders are followed, each folder once however many ways lead to it; a folder in the
    tree counts as reached without a link. Tool folders, hidden files, and results of this program
    are left out; the root itself is entered whatever it is.

    Args:
        root: Folder.
        exclude: Folders that are left out, such as the output. One that holds ``root`` is ignored.
    """
    top = root.resolve()
    outside = {folder.resolve() for folder in exclude}
    outside = {folder for folder in outside if not top.is_relative_to(folder)}
    files: list[Path] = []
    skipped: list[Skipped] = []
    entered = {top}
    waiting, links = deque([root]), deque[Path]()
    while waiting or links:
        folder = waiting.popleft() if waiting else links.popleft()
        if folder.is_symlink() and folder != root:
            target = folder.resolve()
            if target in entered:
                skipped.append(Skipped(folder, "link to a folder that is read already"))
                continue
            entered.add(target)
        for path in _entries(folder, skipped):
            reason = _reason(path, outside)
            if reason is not None:
                skipped.append(Skipped(path, reason))
            elif not path.is_dir():
                files.append(path)
            elif path.is_symlink():
                links.append(path)
            elif (target := path.resolve()) not in entered:
                entered.add(target)
                waiting.append(path)
    return Tree(tuple(sorted(files, key=natural_key)), tuple(skipped))


def _entries(folder: Path, skipped: list[Skipped]) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        why = error.strerror or str(error)
        skipped.append(Skipped(folder, f"folder that cannot be opened ({why})"))
        return []


def _reason(path: Path, outside: Collection[Path]) -> str | None:
    """Why a file or folder is left out; None if it is not."""
    if path.is_dir():
        if is_tool_folder(path.name):
            return "tool folder"
        if outside and any(path.resolve().is_relative_to(folder) for folder in outside):
            return "output folder"
        return result_kind(path)
    if path.name.startswith("."):
        return "hidden file"
    if path.is_symlink() and not path.exists():
        return "broken link"
    return None if path.is_file() else "device, pipe or socket"
