"""Views of a conversion: pictures that are written instead of the converted frames."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.swap.compositing import SwappedFace, face_boxes, warp_face

View = Literal["swap", "side-by-side", "difference", "mask", "alpha"]
VIEWS: tuple[View, ...] = get_args(View)
Shown = Literal[View, "patch"]
SHOWN: tuple[Shown, ...] = (*VIEWS, "patch")
"""Views, and ``patch``: pictures of the swapped faces, before they are blended."""

AMPLIFIED = 8
"""Factor of the view ``difference``."""

_LEAST = np.float32(1e-6)  # opacity

Pixels = NDArray[np.float32]


def view_size(view: Shown, width: int, height: int) -> tuple[int, int]:
    """Width and height of a view of frames of a size."""
    return (2 * width, height) if view == "side-by-side" else (width, height)


def render_view(
    view: View, source: Pixels, swapped: Pixels, faces: Sequence[SwappedFace]
) -> Pixels:
    """Makes a view of a frame.

    Args:
        view: ``swap``: the converted frame; ``side-by-side``: the source, and beside it the
            converted frame; ``difference``: the absolute difference of both, amplified; ``mask``:
            the mask as a grey picture; ``alpha``: the swapped faces alone, with transparency.
        source: Source frame, ``(H, W, 3) float32`` RGB in [0, 1].
        swapped: Converted frame, as ``source``.
        faces: Swapped faces of the frame.

    Returns:
        ``(H, W, 3) float32`` RGB in [0, 1], twice as wide for ``side-by-side``; ``(H, W, 4)`` RGBA
        with straight alpha for ``alpha``.
    """
    if view == "swap":
        return swapped
    if view == "side-by-side":
        return np.concatenate([source, swapped], axis=1)
    if view == "difference":
        return np.minimum(AMPLIFIED * np.abs(swapped - source), np.float32(1))
    alpha = face_alpha(faces, source.shape[0], source.shape[1])[..., None]
    if view == "mask":
        return alpha.repeat(3, axis=2)
    # Laid over the source, these colours give the converted frame, however it was blended.
    colours = source + (swapped - source) / np.maximum(alpha, _LEAST)
    return np.concatenate([np.where(alpha > 0, colours.clip(0, 1), 0), alpha], axis=2)


def face_alpha(faces: Sequence[SwappedFace], height: int, width: int) -> Pixels:
    """The masks of all swapped faces of a frame, in the frame.

    Args:
        faces: Swapped faces.
        height: Height of the frame in pixels.
        width: Width of the frame in pixels.

    Returns:
        ``(H, W) float32`` in [0, 1]: what is not seen of the source frame.
    """
    seen = torch.ones(height, width)
    for face, box in zip(faces, face_boxes(faces, (height, width)), strict=True):
        if box is not None:
            left, top, right, bottom = box
            seen[top:bottom, left:right] *= 1 - warp_face(face, box)[1][0, 0].cpu()
    return 1 - seen.numpy()
