"""Vectorised cropping of windows from batches of images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.data.dataset import IGNORE_INDEX


@dataclass(frozen=True)
class Windows:
    """One window in each of B images; pixels outside the image repeat its edge.

    Attributes:
        corners: ``(B, 2) int64`` first row and column; may be outside the image.
        size: Height and width of all windows in pixels.
        flips: ``(B,) bool`` whether a window is flipped horizontally.
    """

    corners: NDArray[np.int64]
    size: tuple[int, int]
    flips: NDArray[np.bool_]

    def every(self, first: int, step: int) -> "Windows":
        """The windows ``first``, ``first + step``, ... of one process."""
        return Windows(self.corners[first::step], self.size, self.flips[first::step])

    def cut(
        self, images: NDArray[np.uint8], masks: NDArray[np.uint8] | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Crop images and masks.

        Args:
            images: ``(B, C, H, W) uint8``.
            masks: ``(B, H, W) uint8`` or None; ``IGNORE_INDEX`` outside the image.

        Returns:
            ``(B, C, *size)`` and ``(B, *size)``.
        """
        stored = images.shape[2:]
        if self.size == stored and not self.corners.any() and not self.flips.any():
            return images, masks
        before = np.maximum(-self.corners.min(0), 0)
        after = np.maximum((self.corners + self.size).max(0) - stored, 0)
        around = ((before[0], after[0]), (before[1], after[1]))
        cut = self._squares(np.pad(images, ((0, 0), (0, 0), *around), "edge"), before)
        if masks is None:
            return cut, None
        wide = np.pad(masks, ((0, 0), *around), constant_values=IGNORE_INDEX)
        return cut, self._squares(wide[:, None], before)[:, 0]

    def _squares(self, images: NDArray[np.uint8], origin: NDArray[np.int64]) -> NDArray[np.uint8]:
        """``(B, C, H, W)`` that hold every window -> ``(B, C, *size)``."""
        every = np.lib.stride_tricks.sliding_window_view(images, self.size, (2, 3))
        tops, lefts = (self.corners + origin).T
        cut = every[np.arange(len(images)), :, tops, lefts]  # a copy, block by block
        cut[self.flips] = cut[self.flips, ..., ::-1]
        return cut


def middle(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Centre crop: ``(..., H, W)`` -> ``(..., size, size)``."""
    top, left = ((side - size) // 2 for side in images.shape[-2:])
    return images[..., top : top + size, left : left + size]
