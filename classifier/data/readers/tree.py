"""The images below a folder, read once, and what lies there that is not an image."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from classifier.data.images import SUFFIXES
from classifier.data.readers.class_file import CLASS_FILES
from faceswap.core.folders import Skipped, is_tool_folder, result_kind, walk
from faceswap.core.text import counted

# Written by file managers.
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "icon\r"})


@dataclass
class Folder:
    """A folder of a data set.

    Attributes:
        path: The folder.
        images: Image files directly in it.
        others: Other files directly in it.
        folders: Folders in it that hold files at any depth, by name.
    """

    path: Path
    images: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    folders: dict[str, "Folder"] = field(default_factory=dict)

    def below(self) -> Iterator["Folder"]:
        """The folder and all folders below it."""
        waiting: list[Folder] = [self]  # a loop, since paths can be deeper than Python recurses
        while waiting:
            folder = waiting.pop()
            yield folder
            waiting.extend(reversed(folder.folders.values()))

    def all_images(self) -> list[Path]:
        """All images in and below the folder, sorted by path."""
        return sorted(image for folder in self.below() for image in folder.images)

    def holds_images(self) -> bool:
        """Whether there is an image in or below the folder."""
        return any(folder.images for folder in self.below())

    def with_images(self) -> dict[str, "Folder"]:
        """Folders in this one that hold images at any depth, by name."""
        return {name: inner for name, inner in self.folders.items() if inner.holds_images()}

    def empty_folders(self) -> list[str]:
        """Names of the folders in this one that hold no image at any depth."""
        names = sorted(
            inner.name
            for inner in self.path.iterdir()
            if inner.is_dir() and not is_tool_folder(inner.name) and result_kind(inner) is None
        )
        full = self.with_images()
        return [name for name in names if name not in full]


@dataclass(frozen=True)
class FolderTree:
    """All files of a data set.

    Attributes:
        root: Folder passed by the user.
        skipped: Files and folders that were not read.
    """

    root: Folder
    skipped: tuple[Skipped, ...]

    def notes(self) -> list[str]:
        """What was left out or taken in, one sentence for each reason."""
        return [*self._other_suffixes(), *self._skipped(), *self._followed_links()]

    def short(self, path: Path) -> str:
        """Path relative to the data set."""
        return path.relative_to(self.root.path).as_posix()

    def _other_suffixes(self) -> Iterator[str]:
        found: dict[str, list[Path]] = defaultdict(list)
        for folder in self.root.below():
            for file in folder.others:
                known = folder is self.root and file.name in CLASS_FILES
                if not known and file.name.lower() not in _SYSTEM_FILES:
                    found[file.suffix.lower() or "no suffix"].append(file)
        if found:
            listed = ", ".join(
                f"{suffix} ({len(files)}, such as {self.short(files[0])})"
                for suffix, files in sorted(found.items())
            )
            total = sum(map(len, found.values()))
            yield f"Skipped {counted(total, 'file')} without the suffix of an image: {listed}."

    def _skipped(self) -> Iterator[str]:
        reasons: dict[str, list[Path]] = defaultdict(list)
        for entry in self.skipped:
            # Hidden files of other kinds, such as .DS_Store, are nobody's data.
            if entry.reason != "hidden file" or entry.path.suffix.lower() in SUFFIXES:
                reasons[entry.reason].append(entry.path)
        for reason, paths in reasons.items():
            yield f"Skipped {len(paths)} ({reason}), such as {self.short(paths[0])}."

    def _followed_links(self) -> Iterator[str]:
        links: Counter[Path] = Counter()
        for folder in self.root.below():
            for place in (folder.path, *folder.path.parents):
                if place == self.root.path:
                    break
                if place.is_symlink():
                    links[place] += len(folder.images)
        for link, count in links.items():
            images = counted(count, "image")
            yield f"Followed the link {self.short(link)} to a folder with {images}."


def read_tree(root: Path, exclude: Path | None = None) -> FolderTree:
    """Read the names of all files below a folder; links to folders are followed once.

    Args:
        root: The folder.
        exclude: Folder below it that is not read, or None.
    """
    found = walk(root, () if exclude is None else (exclude,))
    top = Folder(root)
    folders: dict[Path, Folder] = {root: top}
    for file in found.files:
        folder = _folder_of(file.parent, folders)
        (folder.images if file.suffix.lower() in SUFFIXES else folder.others).append(file)
    for folder in folders.values():
        folder.folders = {name: folder.folders[name] for name in sorted(folder.folders)}
    return FolderTree(top, found.skipped)


def _folder_of(path: Path, folders: dict[Path, Folder]) -> Folder:
    missing: list[Path] = []
    above = path
    while above not in folders:
        missing.append(above)
        above = above.parent
    for inner in reversed(missing):
        folders[inner] = folders[inner.parent].folders[inner.name] = Folder(inner)
    return folders[path]


def list_names(names: Sequence[str], most: int = 5) -> str:
    """Names separated by commas, the first few of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
