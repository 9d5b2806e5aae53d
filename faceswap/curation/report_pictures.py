"""Pictures of a report: strips of faces, and a map of faces by yaw and pitch."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.media.captions import titled
from faceswap.media.frame import Image

Pairs = Sequence[tuple[Faceset, Face]]

_TILE = 108  # pixels
_GAP = 2
_SHOWN = 0.72  # of the side of a crop: the head without most of what is around it
_CELLS = (5, 10, 15)  # degrees
_REACH = 4.4  # cells from the middle, unless the largest cells do not suffice
_CELL_TILE = 76  # pixels
_GREY, _WHITE = 128, (255, 255, 255)


def tile(pair: tuple[Faceset, Face], side: int = _TILE) -> Image:
    """Picture of a face, ``(side, side, 3) uint8`` RGB.

    Args:
        pair: Face with its faceset.
        side: Side in pixels.

    Raises:
        MediaError: The crop is missing or damaged.
    """
    crop = pair[0].load_crop(pair[1])
    height, width = crop.shape[:2]
    top, left = round(height * (1 - _SHOWN) / 2), round(width * (1 - _SHOWN) / 2)
    inner = crop[top : height - top, left : width - left]
    return np.asarray(cv2.resize(inner, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def strip(pairs: Pairs) -> Image:
    """Faces side by side.

    Args:
        pairs: Faces with their facesets, at least one.
    """
    tiles = [tile(pair) for pair in pairs]
    return np.concatenate([_framed(each) for each in tiles], 1)


def pose_map(pairs: Pairs, poses: NDArray[np.floating]) -> tuple[Image, int]:
    """The sharpest face of each pose, with the number of faces of that pose.

    The cell that looks into the camera has a white frame.

    Args:
        pairs: Faces with their facesets, at least one.
        poses: Their yaw and pitch, ``(N, 2)`` in degrees.

    Returns:
        The map, and the side of its cells in degrees.
    """
    size = next((size for size in _CELLS if np.abs(poses).max() <= _REACH * size), _CELLS[-1])
    cells = np.round(poses * [1, -1] / size).astype(np.int64)
    first, last = np.minimum(cells.min(0), 0), np.maximum(cells.max(0), 0)
    side = _CELL_TILE + _GAP
    columns, rows = (last - first + 1).tolist()
    picture = np.full((rows * side, columns * side, 3), _GREY, np.uint8)
    for cell in np.unique(cells, axis=0):
        inside = np.flatnonzero((cells == cell).all(1)).tolist()
        best = max(inside, key=lambda place: pairs[place][1].sharpness)
        left, top = ((cell - first) * side).tolist()
        shown = titled(tile(pairs[best], _CELL_TILE), f"{len(inside):,}")
        picture[top : top + _CELL_TILE, left : left + _CELL_TILE] = shown
    left, top = (-first * side).tolist()
    last_pixel = _CELL_TILE - 1
    cv2.rectangle(picture, (left, top), (left + last_pixel, top + last_pixel), _WHITE, _GAP)
    return picture, size


def _framed(image: Image) -> Image:
    return np.pad(image, ((0, 0), (0, _GAP), (0, 0)), constant_values=_GREY)
