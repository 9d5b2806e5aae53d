"""Contact sheets of converted frames, to choose settings by."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.core.captions import text_mask
from faceswap.geometry.alignment import crop_matrix, matrix_scale
from faceswap.media.frame import Image

_SIDE = 320  # px
_SPAN = 2.2  # of a face square, around all faces of a frame
_TITLE, _GAP = 24, 4  # px
_PAPER = 255


def around_faces(
    shape: tuple[int, ...], landmarks: Sequence[NDArray[np.floating]]
) -> tuple[int, int, int, int]:
    """Square part of a frame that shows all its faces, ``(x0, y0, x1, y1)``.

    It is moved into the frame, and cut off where the frame is smaller. Without a face, it is the
    largest square in the middle.

    Args:
        shape: Shape of the frame, ``(H, W, ...)``.
        landmarks: Landmarks of each face, ``(68, 2)`` in pixels of the frame.
    """
    height, width = shape[:2]
    if landmarks:
        low = np.min([each.min(0) for each in landmarks], 0)
        high = np.max([each.max(0) for each in landmarks], 0)
        largest = max(1 / matrix_scale(crop_matrix(each, 1, 1)) for each in landmarks)
        side = float(max(high - low)) + (_SPAN - 1) * largest
        centre = (low + high) / 2
    else:
        side, centre = float(min(height, width)), np.array([width, height]) / 2
    x0, x1 = _within(centre[0], side, width)
    y0, y1 = _within(centre[1], side, height)
    return x0, y0, x1, y1


def _within(centre: float, side: float, most: int) -> tuple[int, int]:
    side = min(round(side), most)
    start = min(max(round(centre - side / 2), 0), most - side)
    return start, start + side


def tile(image: Image, region: tuple[int, int, int, int]) -> Image:
    """Part of a frame as a tile of a sheet, ``(320, 320, 3) uint8 RGB``, in its proportions."""
    x0, y0, x1, y1 = region
    part = image[y0:y1, x0:x1]
    scale = _SIDE / max(part.shape[:2])
    size = [max(1, round(scale * side)) for side in part.shape[1::-1]]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    filled = np.full((_SIDE, _SIDE, 3), _PAPER, np.uint8)
    left, top = ((_SIDE - side) // 2 for side in size)
    filled[top : top + size[1], left : left + size[0]] = cv2.resize(
        part, size, interpolation=method
    )
    return filled


def sheet(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[Image]]]) -> Image:
    """A grid of tiles with a title over each column and each row.

    Args:
        columns: Titles of the columns.
        rows: Title and tiles of each row.

    Returns:
        ``(H, W, 3) uint8 RGB``.
    """
    width = len(columns) * (_SIDE + _GAP) - _GAP
    heads = [_caption(title, _SIDE) for title in columns]
    bands = [_beside(heads)]
    for title, tiles in rows:
        bands += [_caption(title, width), _beside(tiles)]
    return np.concatenate(bands)


def _beside(tiles: Sequence[Image]) -> Image:
    gap = np.full((tiles[0].shape[0], _GAP, 3), _PAPER, np.uint8)
    parts = [part for each in tiles for part in (each, gap)]
    return np.concatenate(parts[:-1], axis=1)


def _caption(title: str, width: int) -> Image:
    letters = np.zeros((_TITLE, width), np.uint8)
    letters[:, _GAP:] = text_mask(title, _TITLE, width - _GAP)
    return np.repeat(_PAPER - letters[..., None], 3, axis=2)
