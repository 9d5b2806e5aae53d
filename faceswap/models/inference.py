"""Decoding faces outside training."""

import torch
from torch import Tensor

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.guides import Guides


@torch.inference_mode()
def decode(
    model: FaceAutoencoder, faces: Tensor, to: str, bf16: bool, guides: Guides | None = None
) -> Tensor:
    """Decodes faces as one identity: a reconstruction for its own faces, a swap for all others.

    Args:
        model: Model in evaluation mode.
        faces: Faces, ``(B, 3, S, S) float RGB`` in [0, 1], of any size, on the device of the model.
        to: Identity to decode as.
        bf16: Whether to autocast to bfloat16.
        guides: Guides of the faces, for guided models only.

    Returns:
        ``(B, 3, s, s) float32 RGB`` in [0, 1], where s is the model's output size.
    """
    with torch.autocast(faces.device.type, torch.bfloat16, enabled=bf16):
        inputs = resize(faces, model.input_size)
        if guides is None:
            return model.swap(inputs, to).face.float()
        # At the size of training: no reference is needed at full size.
        return model.swap(inputs, to, guides.to(faces.device), model.output_size).face.float()


def resize(images: Tensor, size: int) -> Tensor:
    """Resizes ``(B, C, S, S)`` to ``(B, C, size, size)``, bilinear with antialiasing."""
    if images.shape[-1] == size:
        return images
    return torch.nn.functional.interpolate(
        images, (size, size), mode="bilinear", antialias=True, align_corners=False
    )
