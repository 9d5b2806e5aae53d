"""Swapped faces as patches for compositors: a picture of each face, and where it belongs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.swap.compositing import SwappedFace
from faceswap.core.documents import DocumentModel
from faceswap.core.errors import FaceswapError, MediaError
from faceswap.core.formats import Format
from faceswap.geometry.alignment import in_pixels, invert, matrix_scale
from faceswap.media.frame import Frame
from faceswap.models.inference import resize


class _PatchesDocument(DocumentModel):
    source: str
    frame: int


PATCHES = Format("faceswap-patches", 1, MediaError, schema=_PatchesDocument)
"""The description of the patches of one frame."""


@dataclass(frozen=True)
class Patch:
    """A swapped face before it is blended.

    Attributes:
        face: The face.
        pixels: ``(S, S, 4) float32`` RGBA in [0, 1] with straight alpha; its colours are those of
            the face where it is transparent, too.
    """

    face: SwappedFace
    pixels: NDArray[np.float32]

    @property
    def frame_to_patch(self) -> NDArray[np.floating]:
        """``(2, 3)`` matrix from pixels of the frame as it is stored to pixels of the patch.

        Points are x before y; centres of pixels are integers.
        """
        return in_pixels(self.face.matrix, self.pixels.shape[0])


def patches_of(faces: Sequence[SwappedFace]) -> list[Patch]:
    """Patches of the faces of a frame, in the order in which they are laid over it."""
    nearest_last = sorted(faces, key=lambda face: -matrix_scale(face.matrix))
    return [_patch(face) for face in nearest_last]


def is_description(path: Path) -> bool:
    """Whether a file describes the patches of a frame."""
    try:
        PATCHES.read(path)
    except (OSError, FaceswapError):
        return False
    return True


def _patch(face: SwappedFace) -> Patch:
    # A mask may be smaller than its face, or the other way round.
    side = max(face.image.shape[-1], face.mask.shape[-1])
    image, mask = resize(face.image[None], side)[0], resize(face.mask[None], side)[0]
    pixels = torch.cat([image, mask]).clamp(0, 1).permute(1, 2, 0)
    return Patch(face, pixels.float().cpu().numpy())


def describe_patches(
    frame: Frame, source: str, patches: Sequence[Patch], files: Sequence[str]
) -> dict[str, Any]:
    """Body of the document ``PATCHES`` of a frame.

    Args:
        frame: The frame.
        source: Name of the source.
        patches: Patches in the order in which they are laid over the frame.
        files: Name of the file of each patch.
    """
    return {
        "source": source,
        "frame": frame.index,
        "time": frame.time,
        "width": frame.picture.width,
        "height": frame.picture.height,
        "pixel_aspect": frame.pixel_aspect,
        "faces": [
            {
                "file": file,
                "size": patch.pixels.shape[0],
                "track": patch.face.face.track,
                "to": patch.face.face.to,
                "opacity": patch.face.face.opacity,
                "frame_to_patch": patch.frame_to_patch.tolist(),
                "patch_to_frame": invert(patch.frame_to_patch).tolist(),
            }
            for patch, file in zip(patches, files, strict=True)
        ],
    }
