"""Decoding faces outside training."""

import torch
from torch import Tensor

from faceswap.models.autoencoder import FaceAutoencoder


@torch.inference_mode()
def draw(model: FaceAutoencoder, faces: Tensor, to: str, bf16: bool) -> Tensor:
    """Faces ``(B, 3, S, S)`` of any size drawn as an identity, ``(B, 3, s, s)``."""
    with torch.autocast(faces.device.type, torch.bfloat16, enabled=bf16):
        return model.swap(resize(faces, model.input_size), to).face.float()


def resize(images: Tensor, size: int) -> Tensor:
    """``(B, C, S, S) -> (B, C, size, size)``, without aliasing."""
    if images.shape[-1] == size:
        return images
    return torch.nn.functional.interpolate(
        images, (size, size), mode="bilinear", antialias=True, align_corners=False
    )
