"""Preview images of a training."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.core.captions import text_mask
from faceswap.core.fonts import drawable_names
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.crowd import without_crowd
from faceswap.models.inference import decode, resize
from faceswap.training.monitoring.shown_faces import ShownFaces

Image = NDArray[np.uint8]
_GAP, _TITLE, _SIDE = 4, 22, 128
_ASPECT = 1.5  # width over height that is aimed at


def preview_grid(
    model: FaceAutoencoder, faces: Mapping[str, ShownFaces], device: torch.device, bf16: bool
) -> Image:
    """One block per identity, side by side: its faces, their reconstructions, and their swaps.

    Args:
        model: The model.
        faces: Faces of each identity.
        device: Device of the model.
        bf16: Whether to compute in bf16.

    Returns:
        ``(H, W, 3) uint8 RGB``, with a title over every column.
    """
    blocks = [_block(model, name, shown, device, bf16) for name, shown in faces.items()]
    height, width = blocks[0].shape[:2]
    across = math.ceil(math.sqrt(_ASPECT * len(blocks) * height / width))
    down = math.ceil(len(blocks) / across)
    across = math.ceil(len(blocks) / down)
    rows = [blocks[first : first + across] for first in range(0, len(blocks), across)]
    return _join([_join(row, axis=1) for row in rows], axis=0)


def _block(
    model: FaceAutoencoder, name: str, shown: ShownFaces, device: torch.device, bf16: bool
) -> Image:
    faces = shown.images[:, :3].to(device)
    others = [identity for identity in without_crowd(model.identities) if identity != name]
    title = dict(zip(model.identities, drawable_names(model.identities), strict=True))
    columns = [(title[name], _as_images(faces))]
    columns += [
        (
            f"{title[name]} decoded" if to == name else f"as {title[to]}",
            _as_images(decode(model, faces, to, bf16, shown.guides.get(to))),
        )
        for to in [name, *others]
    ]
    return _join([_titled(title, images) for title, images in columns], axis=1)


def _as_images(faces: Tensor) -> list[Image]:
    shown = (resize(faces, _SIDE).clamp(0, 1) * 255).round().to(torch.uint8)
    return list(shown.permute(0, 2, 3, 1).cpu().numpy())


def _titled(title: str, images: Sequence[Image]) -> Image:
    margin = 2
    letters = np.zeros((_TITLE, _SIDE), dtype=np.uint8)
    letters[:, margin:] = text_mask(title, _TITLE, _SIDE - margin)
    band = np.repeat(255 - letters[..., None], 3, axis=2)
    return _join([band, *images], axis=0)


def _join(images: Sequence[Image], axis: int) -> Image:
    """Concatenates images vertically (0) or horizontally (1) with white gaps."""
    tallest = max(image.shape[1 - axis] for image in images)
    gap_shape = (_GAP, tallest, 3) if axis == 0 else (tallest, _GAP, 3)
    parts: list[Image] = []
    for image in images:
        fill = [(0, 0), (0, 0), (0, 0)]
        fill[1 - axis] = (0, tallest - image.shape[1 - axis])
        padded = np.pad(image, fill, constant_values=255)
        parts += [padded, np.full(gap_shape, 255, dtype=np.uint8)]
    return np.concatenate(parts[:-1], axis=axis)
