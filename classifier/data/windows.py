"""Cuts windows out of many images at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.data.dataset import IGNORE_INDEX


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
    """The middle square of images that are stored larger: ``(..., H, W)`` -> ``(..., S, S)``."""
    top, left = ((side - size) // 2 for side in images.shape[-2:])
    return images[..., top : top + size, left : left + size]
