"""Videos and photographs at URLs, copied here one source at a time."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from faceswap.core.errors import MediaError
from faceswap.core.folders import natural_key
from faceswap.core.remote import RemoteFolder
from faceswap.media.sources import IMAGE_SUFFIXES, VIDEO_SUFFIXES, Source


def find_remote_sources(
    url: str, folder: Path, on_note: Callable[[str], None] = lambda _: None
) -> list[Source]:
    """Finds all videos and photographs at a URL, as ``find_sources`` does in a folder.

    Files are recognised by their suffixes; hidden files and folders are skipped. Nothing is copied
    yet.

    Args:
        url: URL of a file, or of a folder, searched recursively.
        folder: Local folder that ``fetched`` copies the files to.
        on_note: Callback with one line per file that was skipped because of its name.

    Raises:
        ConfigError: The URL contains a password or a token.
        MediaError: It cannot be read, or holds no video and no photograph.
    """
    remote = RemoteFolder.open(url)
    own = folder / hashlib.sha256(remote.url.encode()).hexdigest()[:16]
    sources: list[Source] = []
    photographs: dict[PurePosixPath, list[PurePosixPath]] = {}
    for name in remote.files(on_note=on_note):
        path = PurePosixPath(name or remote.url.rpartition("/")[2])
        origin = f"{remote.url}/{name}" if name else remote.url
        if any(part.startswith(".") for part in path.parts):
            continue
        if path.suffix.lower() in VIDEO_SUFFIXES:
            stem = "-".join(path.with_suffix("").parts)
            sources.append(Source(own / path, "video", stem, (own / path,), origin, remote.query))
        elif path.suffix.lower() in IMAGE_SUFFIXES and not name:
            files = (own / path,)
            sources.append(Source(own / path, "images", path.stem, files, origin, remote.query))
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            photographs.setdefault(path.parent, []).append(path)
    for parent, files in photographs.items():
        stem = "-".join(parent.parts) or remote.url.rpartition("/")[2] or "images"
        ordered = tuple(own / file for file in sorted(files, key=lambda f: natural_key(Path(f))))
        origin = f"{remote.url}/{parent}" if parent.parts else remote.url
        sources.append(Source(own / parent, "images", stem, ordered, origin))
    if not sources:
        raise MediaError(f"{remote.url} contains no video and no image.", "Check the URL.")
    return sources


@contextmanager
def fetched(source: Source, folder: Path | None = None) -> Iterator[Source]:
    """Copies a source from its URL for the duration of the block; local sources are left alone.

    Args:
        source: Source.
        folder: Folder to copy to; None for the one that ``find_remote_sources`` was given.

    Raises:
        RemoteError: It cannot be read.
        StorageFullError: The disk is full.
    """
    if not source.origin:
        yield source
        return
    single = source.files == (source.path,)
    if folder is not None:
        files = tuple(folder / file.name for file in source.files)
        source = replace(source, path=files[0] if single else folder, files=files)
    remote = RemoteFolder.open(source.origin + source.query)
    try:
        for file in source.files:
            remote.download("" if single else file.name, file)
        yield source
    finally:
        for file in source.files:
            file.unlink(missing_ok=True)
