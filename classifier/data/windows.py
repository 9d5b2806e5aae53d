"""Cuts windows out of many images at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.data.dataset import IGNORED


@dataclass(frozen=True)
class Windows:
    """A window in each of B images; where it leaves the image the edge is repeated.

    Attributes:
        corners: ``(B, 2) int64`` first row and first column; may lie outside.
        size: Height and width, the same for all.
        flips: ``(B,) bool``, whether the window is mirrored.
    """

    corners: NDArray[np.int64]
    size: tuple[int, int]
    flips: NDArray[np.bool_]

    def every(self, first: int, step: int) -> "Windows":
        """Those of one process."""
        return Windows(self.corners[first::step], self.size, self.flips[first::step])

    def cut(
        self, images: NDArray[np.uint8], masks: NDArray[np.uint8] | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Cuts images and masks alike.

        Args:
            images: ``(B, C, H, W)``.
            masks: ``(B, H, W)`` or None; outside it nothing counts.

        Returns:
            ``(B, C, *size)`` and ``(B, *size)``.
        """
        stored = images.shape[2:]
        if self.size == stored and not self.corners.any() and not self.flips.any():
            return images, masks
        rows = self.corners[:, :1] + np.arange(self.size[0])  # (B, H)
        along = np.arange(self.size[1])
        columns = self.corners[:, 1:] + np.where(self.flips[:, None], along[::-1], along)
        inside_rows = rows.clip(0, stored[0] - 1)
        inside_columns = columns.clip(0, stored[1] - 1)
        picked = np.arange(len(images))[:, None, None]
        # Indices apart from the channel slice come first in numpy: (B, H, W, C).
        cut = images[picked, :, inside_rows[:, :, None], inside_columns[:, None, :]]
        if masks is not None:
            masks = masks[picked, inside_rows[:, :, None], inside_columns[:, None, :]]
            outside = (rows != inside_rows)[:, :, None] | (columns != inside_columns)[:, None, :]
            masks[outside] = IGNORED
        return np.ascontiguousarray(cut.transpose(0, 3, 1, 2)), masks


def middle(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The middle square of images that are stored larger: ``(..., H, W)`` -> ``(..., S, S)``."""
    top, left = ((side - size) // 2 for side in images.shape[-2:])
    return images[..., top : top + size, left : left + size]
