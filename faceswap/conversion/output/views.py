"""Views of a conversion: pictures that are written instead of the converted frames."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.swap.compositing import SwappedFace, face_boxes, warp_face
from faceswap.media.orientation import Orientation
from faceswap.media.pixel_layout import with_alpha
from faceswap.media.upright import UprightPictures
from faceswap.media.video_info import VideoInfo

Rendered = Literal["difference", "mask", "alpha"]
RENDERED: tuple[Rendered, ...] = get_args(Rendered)
"""Views whose pixels are computed: ``render_view``."""

Shown = Literal["swap", "side-by-side", Rendered, "patch"]
SHOWN: tuple[Shown, ...] = ("swap", "side-by-side", *RENDERED, "patch")
"""All views: the converted frame, alone or beside that of the source, the computed ones, and
``patch``: pictures of the swapped faces, before they are blended."""

AMPLIFIED = 8
"""Factor of the view ``difference``."""

_LEAST = np.float32(1e-6)  # opacity

Pixels = NDArray[np.float32]


def view_info(view: Shown, info: VideoInfo) -> VideoInfo:
    """Metadata of a view that is written as video.

    Args:
        view: The view.
        info: Metadata of the video.
    """
    if view == "alpha":
        return replace(info, pixel_format=with_alpha(info.pixel_format))
    if view != "side-by-side":
        return info
    upright = UprightPictures(info).kept.doubled
    # Without tags, players would assume another matrix of frames that are so much wider.
    colour = info.colour.for_upright(
        info.stored_size, (upright.width, upright.height), info.pixel_format
    )
    return replace(
        info, width=upright.width, orientation=Orientation(), colour=colour, chroma=upright.place
    )


def render_view(
    view: Rendered, source: Pixels, swapped: Pixels, faces: Sequence[SwappedFace]
) -> Pixels:
    """Computes a view of a frame.

    Args:
        view: ``difference``: the absolute difference of the source and the converted frame,
            amplified; ``mask``: the mask as a grey picture; ``alpha``: the swapped faces alone,
            with transparency.
        source: Source frame, ``(H, W, 3) float32`` RGB in [0, 1].
        swapped: Converted frame, as ``source``.
        faces: Swapped faces of the frame.

    Returns:
        ``(H, W, 3) float32`` RGB in [0, 1]; ``(H, W, 4)`` RGBA with straight alpha for ``alpha``.
    """
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
