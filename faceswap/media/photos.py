"""Photographs as frames: read from files, and written beside what they lost."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import MediaError
from faceswap.core.held_file import Signer
from faceswap.core.text import counted, readable_name
from faceswap.media.deep_photos import read_picture
from faceswap.media.frame import Frame, Image
from faceswap.media.images import DEEP, WITH_ALPHA, read_photo, write_image
from faceswap.media.photo_extras import read_extras
from faceswap.media.picture import Picture, RgbPicture


class ImageReader:
    """Iterates over photographs as frames; unreadable ones are skipped and listed.

    The index of a frame is the position of its file in ``files``.

    Args:
        files: Image files.
        start: Index of the first file to read.
        full_depth: Whether frames keep 16 bits per channel.

    Attributes:
        total: Number of files.
        skipped: Unreadable files of the last iteration, with the error.
        notes: Nothing; what is special about a photograph is said when it is written.
        deep: Number of photographs of the last iteration whose frames have less bits per channel.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, files: Sequence[Path], start: int = 0, *, full_depth: bool = False) -> None:
        self.total = len(files)
        self.skipped: dict[Path, MediaError] = {}
        self.deep = 0
        self._files = tuple(files)
        self._start = start
        self._full_depth = full_depth

    @property
    def losses(self) -> list[str]:
        """What the frames lack of the photographs, one line each."""
        if not self.deep:
            return []
        return [f"{counted(self.deep, 'photo')} of more than 8 bits per channel: rounded to 8"]

    @property
    def damage(self) -> str | None:
        """Description of the unreadable files, or None."""
        return unreadable_text(self.unreadable(0, None), self.total) or None

    def unreadable(self, first: int, end: int | None) -> dict[str, str]:
        """Reasons why files cannot be read, by name, of those that the last iteration reached.

        Args:
            first: Index of the first file.
            end: Index of the first file after the last one; None for all that follow.
        """
        return {
            readable_name(path.name): readable_name(self.skipped[path].message)
            for path in self._files[first:end]
            if path in self.skipped
        }

    def __iter__(self) -> Iterator[Frame]:
        """Yields the readable photographs.

        Raises:
            MediaError: None of the files can be read; the reason is that of the first.
        """
        self.skipped, self.deep = {}, 0
        for index in range(self._start, self.total):
            path = self._files[index]
            try:
                pixels, bits = (read_picture if self._full_depth else read_photo)(path)
            except MediaError as error:
                self.skipped[path] = error
                continue
            frame = Frame(index, index, float(index), pixels, path.name)
            self.deep += bits > frame.picture.bits
            yield frame
        if self.total and len(self.skipped) == self.total:
            first = next(iter(self.skipped.values()))
            message = first.message
            if self.total > 1:
                message = f"None of {self.total} images can be read. {message}"
            raise MediaError(message, first.hint) from first


def unreadable_text(unreadable: Mapping[str, str], total: int) -> str:
    """Description of the photographs that cannot be read; "" if there are none.

    Args:
        unreadable: Reasons for which they cannot be read, by their names, in order.
        total: Number of all photographs, readable or not.
    """
    if not unreadable:
        return ""
    names = ", ".join([*unreadable][:5])
    more = ", ..." if len(unreadable) > 5 else ""
    reason = next(iter(unreadable.values())).removesuffix(".")
    return f"{len(unreadable)} of {total} images cannot be read: {names}{more} ({reason})"


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
        picture: Picture | Image,
        original: Path,
        sign: Signer | None = None,
    ) -> None:
        """Writes one image, with 16 bits per channel if the picture and the format have them.

        Args:
            path: Destination; its suffix, one of ``WRITABLE``, determines the format.
            picture: Picture, or ``(H, W, 3) uint8`` RGB.
            original: Photograph that it was made from.
            sign: Callback that signs the complete temporary file before it is renamed.

        Raises:
            StorageFullError: The disk is full.
        """
        if isinstance(picture, np.ndarray):
            picture = RgbPicture(picture)
        pixels = picture.pixels if isinstance(picture, RgbPicture) else picture.rgb8()
        deep = pixels.dtype == np.uint16 and path.suffix.lower() in DEEP
        alpha = self._note(path, original, 16 if deep else 8)
        if deep:
            write_image(path, pixels, xmp=self._xmp, sign=sign)
        else:
            image = picture.rgb8()
            write_image(path, image, self._quality, alpha=alpha, xmp=self._xmp, sign=sign)

    def note(self, path: Path, original: Path) -> None:
        """Notes what a photograph that an earlier run wrote lacks of its original.

        Args:
            path: Written photograph.
            original: Photograph that it was made from.
        """
        self._note(path, original, read_extras(path).bits)

    def _note(self, path: Path, original: Path, bits: int) -> NDArray[np.uint8] | None:
        """Notes the losses; returns the opacity that is kept, None if it is opaque."""
        extras = read_extras(original)
        losses = list(extras.losses)
        if extras.bits > bits:
            losses.append("colours are reduced to 8 bits")
        alpha = extras.alpha
        if alpha is not None and path.suffix.lower() not in WITH_ALPHA:
            losses.append(f"transparency is dropped: {path.suffix} cannot store it")
            alpha = None
        self._written += 1
        self._losses.update(losses)
        return alpha
