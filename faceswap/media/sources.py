"""Finds the videos and photographs in files and folders."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from faceswap.core.errors import MediaError
from faceswap.core.files import regular_file
from faceswap.core.folders import Skipped, Tree, enclosing_result, result_kind, walk
from faceswap.core.text import counted
from faceswap.media.converted import find_converted
from faceswap.media.decoding import Decoding
from faceswap.media.frame import Frame
from faceswap.media.images import READABLE, read_image
from faceswap.media.nvdec_video import NvdecReader
from faceswap.media.photos import ImageReader
from faceswap.media.video import VideoReader, probe

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"}
    | {".flv", ".wmv", ".3gp", ".ogv", ".mxf", ".vob", ".gif", ".y4m", ".asf", ".divx", ".xvid"}
    | {".3g2", ".mod", ".tod", ".dv", ".m1v", ".m2v", ".mpe", ".mpv", ".ogm", ".f4v", ".qt", ".rm"}
    | {".rmvb", ".trp", ".tp", ".m2t", ".ivf", ".nut", ".wtv", ".mjpeg", ".mjpg", ".evo", ".obu"}
    | {".h264", ".264", ".h265", ".265", ".hevc"}
)
IMAGE_SUFFIXES = READABLE

_TO_JPEG = {
    ".heic",
    ".heif",
    ".hif",
    ".jxl",
    ".jxr",
    ".psd",
    ".tga",
    ".exr",
    ".hdr",
    ".svg",
    ".ico",
}
_RAW = {".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw"}
_TO_MP4 = {".braw", ".r3d", ".crm", ".ari", ".swf"}
_SAVE_AS = dict.fromkeys(_TO_JPEG | _RAW, "JPEG") | dict.fromkeys(_TO_MP4, "MP4")
"""Suffixes of footage that cannot be read, with the format to convert it to."""


@dataclass(frozen=True)
class Source:
    """A video, or the photographs of one folder.

    Attributes:
        path: Video file, folder of the photographs, or single photograph.
        kind: ``video`` or ``images``.
        name: Name that is unique among the sources found together, usable as a folder name.
        files: Video file, or photographs in natural order (2 before 10).
        origin: URL of the video file or of the folder of the photographs that ``path`` is a copy
            of; "" for local footage.
        query: Query of that URL with its sign, which may hold a secret and is not recorded.
    """

    path: Path
    kind: Literal["video", "images"]
    name: str
    files: tuple[Path, ...]
    origin: str = ""
    query: str = field(default="", repr=False)


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

    @property
    def notes(self) -> Sequence[str]:
        """Lines about how the source was read, after the iteration."""
        ...

    @property
    def losses(self) -> Sequence[str]:
        """Lines about what the frames lack of the source, after the iteration."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...


def open_source(source: Source, start: int = 0, decoding: Decoding | None = None) -> FrameReader:
    """Opens a source for reading.

    Args:
        source: Video or photographs.
        start: Index of the first frame to read.
        decoding: Decoder of a video; None for PyAV.

    Raises:
        MediaError: The video cannot be read.
    """
    if decoding is not None and decoding.video is not None:
        return NvdecReader(decoding.video, start)
    if source.kind == "video":
        return VideoReader(source.path, start)
    return ImageReader(source.files, start)


def find_sources(
    paths: Sequence[Path],
    output: Path | None = None,
    on_note: Callable[[str], None] = lambda _: None,
    *,
    with_results: bool = False,
) -> list[Source]:
    """Finds all videos and photographs in files and folders, recursively.

    A video is one source; the photographs directly in one folder are one source together; a
    photograph given by its path is one source. Links to folders are followed. Hidden files and
    folders, tool folders, results of this program and duplicates are skipped; a converted file is
    returned if given by its path. The type of a file with an unknown suffix, if given by its path,
    is detected from its content.

    Args:
        paths: Files and folders.
        output: Folder that is written to and therefore not searched, unless a path lies in it.
        on_note: Callback with one line per kind of file or folder that was skipped.
        with_results: Whether converted files, and those in parts of facesets and runs, are returned
            as well.

    Raises:
        MediaError: A path does not exist, a folder contains no video and no image, a path is a
            faceset, run or model or a part of one, or a file is neither video nor image.
    """
    found: list[tuple[str, Source]] = []
    seen: set[Path] = set()
    for path in paths:
        if not with_results:
            _check_no_part(path)
        if path.is_dir():
            tree = walk(path, [] if output is None else [output])
            notes = []
            if not with_results:
                tree, notes = _without_results(tree)
            notes = [*_skipped(path, tree), *notes]
            entries = list(_in_folder(path, tree))
            for note in notes:
                on_note(note)
            if not entries:
                raise _nothing_in(path, notes)
        else:
            entries = list(_single(path))
        for stem, source in entries:
            if source.path.resolve() not in seen:
                seen.add(source.path.resolve())
                found.append((stem, source))
    return with_unique_names(found)


def _check_no_part(path: Path) -> None:
    part = enclosing_result(path)
    if part is not None:
        folder, kind = part
        raise MediaError(
            f"{path} is a part of the {kind} {folder}, not footage.",
            "Give the videos or photos that it is made from.",
        )


def _without_results(tree: Tree) -> tuple[Tree, list[str]]:
    """Leaves out converted files, with a line about them, and links to parts of results."""
    parts: dict[Path, str] = {}
    for folder in dict.fromkeys(file.parent for file in tree.files):
        if (part := enclosing_result(folder)) is not None:
            parts[folder] = f"part of a {part[1]}"
    files = [file for file in tree.files if file.parent not in parts]
    converted = find_converted(file for file in files if _is_footage(file))
    kept = replace(
        tree,
        files=tuple(file for file in files if file not in converted),
        skipped=(*tree.skipped, *(Skipped(*part) for part in parts.items())),
    )
    if not converted:
        return kept, []
    them = "it" if len(converted) == 1 else "them"
    count = counted(len(converted), "converted file")
    return kept, [f"Skipped: {count} (name {them} to use {them})."]


def _is_footage(file: Path) -> bool:
    return file.suffix.lower() in VIDEO_SUFFIXES | IMAGE_SUFFIXES


def _nothing_in(folder: Path, notes: Iterable[str]) -> MediaError:
    kind = result_kind(folder)
    if kind is not None:
        return MediaError(
            f"{folder} is a {kind}, not footage.", "Give the videos or photos that it is made from."
        )
    return MediaError(
        " ".join([f"The folder {folder} contains no video and no image.", *notes]),
        "Give a folder, searched recursively, with files that end in "
        f"{_listing(VIDEO_SUFFIXES)} or {_listing(IMAGE_SUFFIXES)}.",
    )


def _skipped(root: Path, tree: Tree) -> Iterator[str]:
    """One line per kind of file or folder of the user's that is not searched or read."""
    by_reason: dict[str, list[str]] = {}
    for item in tree.skipped:
        if item.reason != "hidden file":
            name = item.path.relative_to(root).as_posix()
            by_reason.setdefault(item.reason, []).append(name)
    for reason, names in by_reason.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        yield f"Skipped ({reason}): {', '.join(names[:3])}{more}."
    suffixes = Counter(file.suffix.lower() for file in tree.files)
    for suffix in sorted(suffixes.keys() & _SAVE_AS.keys()):
        kind = _SAVE_AS[suffix]
        yield f"Skipped: {suffixes[suffix]} {suffix} (cannot be read; save as {kind})."


def _listing(suffixes: Iterable[str]) -> str:
    return " ".join(sorted(suffixes))


def _single(path: Path) -> Iterator[tuple[str, Source]]:
    if not path.exists():
        raise MediaError(f"There is no file or folder {path}.", "Check the path.")
    regular_file(path)
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


def _in_folder(root: Path, tree: Tree) -> Iterator[tuple[str, Source]]:
    if result_kind(root) is not None:
        return
    photographs: dict[Path, list[Path]] = {}
    for path in tree.files:
        relative = path.relative_to(root)
        if path.suffix.lower() in VIDEO_SUFFIXES:
            name = "-".join(relative.with_suffix("").parts)
            yield name, Source(path, "video", name, (path,))
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            photographs.setdefault(path.parent, []).append(path)
    for folder, files in photographs.items():
        name = "-".join(folder.relative_to(root).parts) or root.resolve().name or "images"
        yield name, Source(folder, "images", name, tuple(files))


def with_unique_names(found: Sequence[tuple[str, Source]]) -> list[Source]:
    """Appends the suffix to names that occur twice, and a number if that is not enough.

    Args:
        found: Sources, each with the name that it should have.
    """
    stems = [stem.casefold() for stem, _ in found]
    taken: set[str] = set()
    sources = []
    for stem, source in found:
        name = stem
        suffix = source.path.suffix[1:]
        if stems.count(stem.casefold()) > 1 and suffix and source.path in source.files:
            name = f"{stem}-{suffix}"
        base, number = name, 2
        while name.casefold() in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(name.casefold())
        sources.append(replace(source, name=name))
    return sources
