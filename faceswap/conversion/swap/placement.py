"""Where a swapped face is placed: larger, smaller or shifted relative to the frame's own face."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.alignment import compose


@dataclass(frozen=True)
class Placement:
    """Change of the place of swapped faces, with their masks.

    Attributes:
        scale: Change of the size in percent.
        offset_x: Shift to the right of an upright face, in percent of the face square.
        offset_y: Shift downwards, in percent of the face square.
    """

    scale: float = 0.0
    offset_x: float = 0.0
    offset_y: float = 0.0

    def move(self, matrix: NDArray[np.floating], coverage: float) -> NDArray[np.floating]:
        """The matrix with which a face is pasted.

        Args:
            matrix: Matrix from pixels of the frame to normalised coordinates of the crop,
                ``(2, 3)``: -1 to 1 from edge to edge.
            coverage: Side of the crop in face squares.

        Returns:
            The same kind of matrix; the face grows about the centre of its crop.
        """
        if self == Placement():
            return matrix
        zoom = 1 / (1 + self.scale / 100)
        unit = zoom * 2 / coverage / 100  # a percent of the face square in the changed crop
        return compose([[zoom, 0, -self.offset_x * unit], [0, zoom, -self.offset_y * unit]], matrix)
