"""Edges of masks: erosion, overall and on single sides, and feathering."""

from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray


@dataclass(frozen=True)
class MaskEdge:
    """Edge of a mask, in per cent of the face square; negative erosion dilates.

    Attributes:
        erode: Erosion on all sides.
        top: Further erosion from above; the crop is upright as the head is.
        bottom: Further erosion from below.
        left: Further erosion from image left.
        right: Further erosion from image right.
        feather: Width of the soft edge.
    """

    erode: float = 0.0
    top: float = 0.0
    bottom: float = 0.0
    left: float = 0.0
    right: float = 0.0
    feather: float = 4.0

    def soften(self, mask: MatLike, face_square: float) -> NDArray[np.float32]:
        """Erodes a mask and makes its edge soft.

        Args:
            mask: Mask, ``(M, M) uint8``, 255 inside.
            face_square: Side of the face square in pixels of the mask.

        Returns:
            Soft mask, ``(M, M) float32`` in [0, 1], zero at the border.
        """
        pixel = face_square / 100
        feather = self.feather * pixel
        # Zero at the border, so that the edge of the decoded image is never visible.
        border = max(1, round(feather / 2))
        inner = _clear_border(mask, border)
        # The blur extends half the feather outwards, so the mask is eroded by that much first.
        inner = _erode(inner, self.erode * pixel + feather / 2)
        for amount, axis, at_end in (
            *((self.top, 0, False), (self.bottom, 0, True)),
            *((self.left, 1, False), (self.right, 1, True)),
        ):
            inner = _erode_side(inner, round(amount * pixel), axis, at_end=at_end)
        # Dilation reaches no farther there than a mask that is neither eroded nor dilated.
        inner = _clear_border(inner, border + round(feather / 2))
        soft = cv2.GaussianBlur(inner.astype(np.float32) / 255, (0, 0), max(feather / 4, 0.3))
        soft[[0, -1]] = soft[:, [0, -1]] = 0
        return np.asarray(soft, np.float32)


def _clear_border(mask: MatLike, width: int) -> MatLike:
    cleared = mask.copy()
    cleared[:width] = cleared[-width:] = cleared[:, :width] = cleared[:, -width:] = 0
    return cleared


def _erode(mask: MatLike, radius: float) -> MatLike:
    side = 2 * round(abs(radius)) + 1
    if side == 1:
        return mask
    return _morph(
        mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), (-1, -1), radius
    )


def _erode_side(mask: MatLike, pixels: int, axis: int, *, at_end: bool) -> MatLike:
    """Moves the edge of a mask on one side: above (axis 0), at left (axis 1), or at their ends."""
    if pixels == 0:
        return mask
    length = abs(pixels) + 1
    kernel = np.ones((length, 1) if axis == 0 else (1, length), np.uint8)
    # Eroding, a pixel stays if those before it, towards the side, are inside; dilating, it becomes
    # part of the mask if one of those behind it is.
    last = at_end == (pixels < 0)
    anchor = length - 1 if last else 0
    return _morph(mask, kernel, (0, anchor) if axis == 0 else (anchor, 0), pixels)


def _morph(mask: MatLike, kernel: MatLike, anchor: tuple[int, int], amount: float) -> MatLike:
    grow_or_shrink = cv2.erode if amount > 0 else cv2.dilate
    # Pixels outside the crop are not face.
    return grow_or_shrink(
        mask, kernel, anchor=anchor, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
