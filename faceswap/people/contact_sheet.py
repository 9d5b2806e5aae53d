"""Contact sheets: a picture of each person, to see who is who."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.core.files import atomic_write
from faceswap.media.captions import titled
from faceswap.media.images import encode_image, read_image

_SIDE = 128  # px
_COLUMNS, _ROWS = 8, 4
MOST_CROPS = _COLUMNS * _ROWS
"""Maximum number of crops on a sheet."""

_BACKGROUND = 40
_START = b"\xff\xd8"  # of a JPEG
_COMMENT = b"faceswap contact sheet"
_MARK = _START + b"\xff\xfe" + (len(_COMMENT) + 2).to_bytes(2, "big") + _COMMENT
"""Start of the file of a contact sheet, by which it is told from a photo of the user."""


def contact_sheet(title: str, crops: Sequence[Path]) -> NDArray[np.uint8] | None:
    """Crops of one person, with a title.

    Args:
        title: Text below them.
        crops: Files of the crops, ``MOST_CROPS`` at most.

    Returns:
        ``(H, W, 3) uint8 RGB``; None without a crop.

    Raises:
        MediaError: A crop is missing or damaged.
    """
    if not crops:
        return None
    tiles = [
        cv2.resize(read_image(crop), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA) for crop in crops
    ]
    columns = min(_COLUMNS, max(4, len(tiles)))
    blank = np.full((_SIDE, _SIDE, 3), _BACKGROUND, np.uint8)
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    strip = np.full((columns * _SIDE // 18 + 1, columns * _SIDE, 3), _BACKGROUND, np.uint8)
    return titled(np.vstack([*rows, strip]).astype(np.uint8), title)


def write_sheet(path: Path, sheet: NDArray[np.uint8]) -> None:
    """Writes a contact sheet as a JPEG that ``is_sheet`` recognises.

    Args:
        path: File.
        sheet: Picture, ``(H, W, 3) uint8 RGB``.

    Raises:
        StorageFullError: The disk is full.
    """
    atomic_write(path, _MARK + encode_image(sheet, ".jpg").removeprefix(_START))


def is_sheet(path: Path) -> bool:
    """Whether a file is a contact sheet of an earlier run, which a new one replaces."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MARK)) == _MARK
