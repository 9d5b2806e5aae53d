"""A face as the other programs store it, and the checks of what their files say about it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import DocumentError

HINT = "The file is damaged, or of a version that is not known; convert it with its own program."
LARGEST_FILE = 64 << 20
"""Bytes of the largest image of a face."""
_FARTHEST = 1e6  # pixels
_LONGEST_NAME = 255


@dataclass(frozen=True, eq=False)
class PeerFace:
    """A face of another program.

    Attributes:
        image: File name of the crop; empty if there is none.
        frame: Name of the frame that it was found in.
        box: Box in frame pixels, ``(4,) float32`` x0, y0, x1, y1; None if unknown.
        frame_points: Landmarks68 in frame pixels, ``(68, 2) float32``; None if unknown.
        crop_points: Landmarks68 in pixels of the crop, ``(68, 2) float32``; None without a crop.
    """

    image: str
    frame: str
    box: NDArray[np.float32] | None = None
    frame_points: NDArray[np.float32] | None = None
    crop_points: NDArray[np.float32] | None = None


def entry(values: Any, key: str, where: object) -> Any:
    """Entry of a dictionary.

    Raises:
        DocumentError: It is no dictionary, or lacks the entry.
    """
    if not isinstance(values, dict):
        raise DocumentError(
            f"Expected a dictionary in {where}, found {type(values).__name__}.", HINT
        )
    if key not in values:
        raise DocumentError(f"Expected the entry {key!r} in {where}.", HINT)
    return values[key]


def text(value: Any, what: str, where: object) -> str:
    """Checked text.

    Raises:
        DocumentError: It is no text, or too long.
    """
    if not isinstance(value, str) or len(value) > _LONGEST_NAME:
        raise DocumentError(f"Expected text as {what} in {where}, found {value!r:.60}.", HINT)
    return value


def numbers(
    value: Any, shape: tuple[int, ...], what: str, where: object, dtype: Any = np.float32
) -> NDArray[Any]:
    """Checked numbers of nested lists, tuples or an array.

    Raises:
        DocumentError: They are not numbers of this shape, or larger than any frame.
    """
    expected = f"Expected {' x '.join(map(str, shape))} numbers as {what} in {where}"
    if isinstance(value, list | tuple) and len(value) != shape[0]:
        raise DocumentError(f"{expected}, found {len(value)}.", HINT)
    try:
        array = np.asarray(value)
    except ValueError as problem:
        raise DocumentError(f"{expected}.", HINT) from problem
    if array.shape != shape or array.dtype.kind not in "iuf":
        raise DocumentError(f"{expected}, found {array.dtype} of shape {array.shape}.", HINT)
    if not (np.abs(array) < _FARTHEST).all():  # NaN, too
        raise DocumentError(f"{expected} up to {_FARTHEST:.0f}, found larger ones.", HINT)
    return array.astype(dtype)
