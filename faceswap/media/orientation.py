"""Rotation and mirroring of stored pictures."""

import struct
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from av import VideoFrame
from numpy.typing import NDArray

Pixels = TypeVar("Pixels", NDArray[np.uint8], NDArray[np.uint16], NDArray[np.float32])

_FLIP_CODES = {(True, False): 1, (False, True): 0, (True, True): -1}
_DEGREES = {(False, True, True): 180, (True, True, False): 90, (True, False, True): 270}
# Value of the EXIF tag -> transpose, flip_x, flip_y.
_EXIF = {
    2: (False, True, False),
    3: (False, True, True),
    4: (False, False, True),
    5: (True, False, False),
    6: (True, True, False),
    7: (True, True, True),
    8: (True, False, True),
}


@dataclass(frozen=True)
class Orientation:
    """Transformation of a stored picture into the upright one: transposed first, then mirrored.

    Attributes:
        transpose: Whether rows become columns.
        flip_x: Whether the picture is mirrored left to right after transposing.
        flip_y: Whether the picture is mirrored top to bottom after transposing.
    """

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of_frame(cls, frame: VideoFrame) -> "Orientation":
        """Reads the display matrix of a decoded frame; upright if it has none."""
        data = frame.side_data.get("DISPLAYMATRIX")
        return cls.of_matrix(bytes(data)) if data is not None else cls()

    @classmethod
    def of_matrix(cls, matrix: bytes) -> "Orientation":
        """Reads the nine 32-bit numbers of a display matrix, rounded to quarter turns.

        The matrix maps a stored point to a displayed one: ``x' = a x + c y``, ``y' = b x + d y``.
        """
        a, b, _, c, d, *_ = struct.unpack("=9i", matrix)
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transpose=True, flip_x=c < 0, flip_y=b < 0)
        return cls(transpose=False, flip_x=a < 0, flip_y=d < 0)

    @classmethod
    def of_exif(cls, value: int) -> "Orientation":
        """Reads the value, 1 to 8, of the orientation tag of EXIF and TIFF; upright if another."""
        transpose, flip_x, flip_y = _EXIF.get(value, (False, False, False))
        return cls(transpose, flip_x, flip_y)

    @property
    def rotation(self) -> int:
        """Clockwise rotation in degrees: 0, 90, 180 or 270; 0 for a mirrored picture."""
        return _DEGREES.get((self.transpose, self.flip_x, self.flip_y), 0)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Upright width and height in pixels of a picture stored at this width and height."""
        return (height, width) if self.transpose else (width, height)

    def apply(self, image: Pixels) -> Pixels:
        """Rotates a stored ``(H, W, 3)`` picture upright; returned as it is if it already is."""
        if self.transpose:
            image = cv2.transpose(image)  # pyright: ignore[reportAssignmentType]
        flip = _FLIP_CODES.get((self.flip_x, self.flip_y))
        if flip is not None:
            image = cv2.flip(image, flip)  # pyright: ignore[reportAssignmentType]
        return image
