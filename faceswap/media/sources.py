"""Finds the videos and photographs in files and folders."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from faceswap.core.errors import MediaError
from faceswap.core.files import sha256_file
from faceswap.media.frame import Frame
from faceswap.media.images import READABLE, ImageReader, read_image
from faceswap.media.video import VideoReader, probe

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"}
    | {".flv", ".wmv", ".3gp", ".ogv", ".mxf", ".vob", ".gif", ".y4m"}
)
IMAGE_SUFFIXES = READABLE


@dataclass(frozen=True)
class Source:
    """A video, or the photographs of one folder.

    Attributes:
        path: Video file, folder of the photographs, or single photograph.
        kind: ``video`` or ``images``.
        name: Name that is unique among the sources found together, usable as a folder name.
        files: Video file, or photographs in natural order (2 before 10).
    """

    path: Path
    kind: Literal["video", "images"]
    name: str
    files: tuple[Path, ...]

    def content_hash(self) -> str:
        """SHA-256 in hex of the video file, or of the photographs with their names."""
        if self.kind == "video":
            return sha256_file(self.path)
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file.name}\0{sha256_file(file)}\n".encode())
        return digest.hexdigest()


class FrameReader(Protocol):
    """Reader of a source: its frames in order, their number, and a description of damage."""

    @property
    def total(self) -> int:
        """Number of frames of the whole source; an estimate for some videos."""
        ...

    @property
    def damage(self) -> str | None:
        """Description of what could not be read, after the iteration; None if undamaged."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...


def open_source(source: Source, start: int = 0) -> FrameReader:
    """Opens a source for reading.

    Args:
        source: Video or photographs.
        start: Index of the first frame to read.

    Raises:
        MediaError: The video cannot be read.
    """
    if source.kind == "video":
        return VideoReader(source.path, start)
    return ImageReader(source.files, start)


def find_sources(paths: Sequence[Path]) -> list[Source]:
    """Finds all videos and photographs in files and folders, recursively.

    A video is one source; the photographs directly in one folder are one source together; a
    photograph given by its path is one source. Hidden files and folders and duplicates are skipped.
    The type of a file with an unknown suffix, if given by its path, is detected from its content.

    Raises:
        MediaError: A path does not exist, a folder contains no video and no image, or a file is
            neither.
    """
    found: list[tuple[str, Source]] = []
    seen: set[Path] = set()
    for path in paths:
        entries = list(_in_folder(path) if path.is_dir() else _single(path))
        if not entries:
            raise MediaError(
                f"The folder {path} contains no video and no image.",
                "Give a folder, searched recursively, with files that end in "
                f"{_listing(VIDEO_SUFFIXES)} or {_listing(IMAGE_SUFFIXES)}.",
            )
        for stem, source in entries:
            if source.path.resolve() not in seen:
                seen.add(source.path.resolve())
                found.append((stem, source))
    return _with_unique_names(found)


def _listing(suffixes: Iterable[str]) -> str:
    return " ".join(sorted(suffixes))


def _single(path: Path) -> Iterator[tuple[str, Source]]:
    if not path.exists():
        raise MediaError(f"There is no file or folder {path}.", "Check the path.")
    suffix = path.suffix.lower()
    kind: Literal["video", "images"]
    if suffix in VIDEO_SUFFIXES:
        kind = "video"
    elif suffix in IMAGE_SUFFIXES:
        kind = "images"
    else:
        kind = _kind_by_content(path)
    yield path.stem, Source(path, kind, path.stem, (path,))


def _kind_by_content(path: Path) -> Literal["video", "images"]:
    # Images first: FFmpeg opens them too, as videos of one frame.
    try:
        read_image(path)
    except MediaError:
        pass
    else:
        return "images"
    try:
        probe(path)
    except MediaError as error:
        raise MediaError(
            f"{path} is neither a video nor an image.",
            f"Known suffixes: {_listing(VIDEO_SUFFIXES)} and {_listing(IMAGE_SUFFIXES)}.",
        ) from error
    return "video"


def _in_folder(root: Path) -> Iterator[tuple[str, Source]]:
    photographs: dict[Path, list[Path]] = {}
    for path in sorted(root.rglob("*"), key=_natural):
        relative = path.relative_to(root)
        if any(part.startswith(".") for part in relative.parts) or not path.is_file():
            continue
        if path.suffix.lower() in VIDEO_SUFFIXES:
            name = "-".join(relative.with_suffix("").parts)
            yield name, Source(path, "video", name, (path,))
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            photographs.setdefault(path.parent, []).append(path)
    for folder, files in photographs.items():
        name = "-".join(folder.relative_to(root).parts) or root.resolve().name or "images"
        yield name, Source(folder, "images", name, tuple(files))


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key that orders numbers in names by value: frame2 before frame10."""
    pieces = re.split(r"(\d+)", path.as_posix().casefold())
    return [(0, int(p), p) if p.isdigit() else (1, 0, p) for p in pieces]


def _with_unique_names(found: list[tuple[str, Source]]) -> list[Source]:
    """Appends the suffix to names that occur twice, and a number if that is not enough."""
    stems = [stem.casefold() for stem, _ in found]
    taken: set[str] = set()
    sources = []
    for stem, source in found:
        name = stem
        suffix = source.path.suffix[1:]
        if stems.count(stem.casefold()) > 1 and suffix and source.path.is_file():
            name = f"{stem}-{suffix}"
        base, number = name, 2
        while name.casefold() in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name.casefold())
        sources.append(Source(source.path, source.kind, name, source.files))
    return sources
