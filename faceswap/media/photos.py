"""Photographs as frames: read from files, and written beside what they lost."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import MediaError
from faceswap.core.held_file import Signer
from faceswap.core.text import counted
from faceswap.media.frame import Frame, Image
from faceswap.media.images import WITH_ALPHA, read_photo, write_image
from faceswap.media.photo_extras import read_extras


class ImageReader:
    """Iterates over photographs as frames; unreadable ones are skipped and listed.

    The index of a frame is the position of its file in ``files``.

    Args:
        files: Image files.
        start: Index of the first file to read.

    Attributes:
        total: Number of files.
        skipped: Unreadable files of the last iteration, with the error.
        notes: Nothing; what is special about a photograph is said when it is written.
        deep: Number of photographs of the last iteration with more than 8 bits per channel.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, files: Sequence[Path], start: int = 0) -> None:
        self.total = len(files)
        self.skipped: dict[Path, MediaError] = {}
        self.deep = 0
        self._files = tuple(files)
        self._start = start

    @property
    def losses(self) -> list[str]:
        """What the frames lack of the photographs, one line each."""
        if not self.deep:
            return []
        return [f"{counted(self.deep, 'photo')} of more than 8 bits per channel: rounded to 8"]

    @property
    def damage(self) -> str | None:
        """Description of the unreadable files, or None."""
        if not self.skipped:
            return None
        names = ", ".join(path.name for path in list(self.skipped)[:5])
        more = ", ..." if len(self.skipped) > 5 else ""
        reason = next(iter(self.skipped.values())).message.removesuffix(".")
        return (
            f"{len(self.skipped)} of {self.total} images cannot be read: {names}{more} ({reason})"
        )

    def __iter__(self) -> Iterator[Frame]:
        """Yields the readable photographs.

        Raises:
            MediaError: None of the files can be read; the reason is that of the first.
        """
        self.skipped, self.deep = {}, 0
        for index in range(self._start, self.total):
            path = self._files[index]
            try:
                image, bits = read_photo(path)
            except MediaError as error:
                self.skipped[path] = error
                continue
            self.deep += bits > 8
            yield Frame(index, index, float(index), image, path.name)
        if self.total and len(self.skipped) == self.total:
            first = next(iter(self.skipped.values()))
            message = first.message
            if self.total > 1:
                message = f"None of {self.total} images can be read. {message}"
            raise MediaError(message, first.hint) from first


class ImageWriter:
    """Writes converted photographs.

    Transparency is carried over where the format can store it.

    Args:
        quality: Quality from 1 to 100 for JPEG and WebP.
        xmp: XMP packet to embed into each image.
    """

    def __init__(self, quality: int = 95, xmp: bytes = b"") -> None:
        self._quality = quality
        self._xmp = xmp
        self._losses: Counter[str] = Counter()
        self._written = 0

    @property
    def notes(self) -> list[str]:
        """What the written photographs lack of their originals, one line each."""
        if self._written == 1:
            return list(self._losses)
        return [f"{loss} (in {n} of {self._written} photos)" for loss, n in self._losses.items()]

    def write(
        self,
        path: Path,
        image: Image,
        original: Path,
        sign: Signer | None = None,
    ) -> None:
        """Writes one image.

        Args:
            path: Destination; its suffix, one of ``WRITABLE``, determines the format.
            image: Image, ``(H, W, 3) uint8`` RGB.
            original: Photograph that it was made from.
            sign: Callback that signs the complete temporary file before it is renamed.

        Raises:
            StorageFullError: The disk is full.
        """
        alpha = self.note(path, original)
        write_image(path, image, self._quality, alpha=alpha, xmp=self._xmp, sign=sign)

    def note(self, path: Path, original: Path) -> NDArray[np.uint8] | None:
        """Notes what a written photograph lacks of its original.

        Args:
            path: Written photograph; may have been written by an earlier run.
            original: Photograph that it was made from.

        Returns:
            Opacity that it keeps, ``(H, W) uint8``; None if it is opaque.
        """
        extras = read_extras(original)
        losses = list(extras.losses)
        alpha = extras.alpha
        if alpha is not None and path.suffix.lower() not in WITH_ALPHA:
            losses.append(f"transparency is dropped: {path.suffix} cannot store it")
            alpha = None
        self._written += 1
        self._losses.update(losses)
        return alpha
