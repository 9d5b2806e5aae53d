"""Metrics on held-out faces."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import torch
from torch import Tensor

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.inference import decode, resize
from faceswap.training.losses.pixels import l1, weighted_mean
from faceswap.training.losses.structure import ssim_map
from faceswap.training.monitoring.shown_faces import ShownFaces

_CHUNK = 16
_VARIETY_SIZE = 64  # pixels; variety is that of whole faces, not of fine detail
_LEAST_VARIETY = 0.01  # of real faces, in 0 to 1: noise of the camera alone is below it


@dataclass(frozen=True)
class Quality:
    """Quality of reconstruction, averaged over faces and over the mask of each.

    Faces without a mask are left out; without any other, all values are NaN.

    Attributes:
        ssim: Structural similarity, at most 1; higher is better.
        l1: Mean absolute difference, 0 to 1; lower is better.
        variety: Mean deviation of the faces from their mean, over that of the real ones: 0 if the
            model shows one face whatever its input, about 1 if it follows. NaN for real faces that
            hardly differ.
    """

    ssim: float
    l1: float
    variety: float = nan


def evaluate(
    model: FaceAutoencoder, faces: Mapping[str, ShownFaces], device: torch.device, bf16: bool
) -> dict[str, Quality]:
    """Reconstructs held-out faces of each identity with its own decoder.

    Args:
        model: Face autoencoder.
        faces: Held-out faces of each identity; their size is the larger of the model's input and
            output sizes.
        device: Device of the model.
        bf16: Whether to compute in bf16.
    """
    return {name: _evaluate(model, name, f, device, bf16) for name, f in faces.items()}


@torch.inference_mode()
def _evaluate(
    model: FaceAutoencoder, name: str, faces: ShownFaces, device: torch.device, bf16: bool
) -> Quality:
    ssims, l1s = [], []
    decoded_faces, real_faces = [], []
    guides = faces.guides.get(name)
    for start in range(0, len(faces.images), _CHUNK):
        some = slice(start, start + _CHUNK)
        chunk = faces.images[some].to(device)
        shown = None if guides is None else guides.of(some)
        # At the final size: those of a smaller, smoother face would look better than they are.
        decoded = resize(decode(model, chunk[:, :3], name, bf16, shown), model.full_size)
        target = resize(chunk, model.full_size)
        masked = target[:, 3].amax((1, 2)) > 0
        decoded, target = decoded[masked], target[masked]
        ssims.append(weighted_mean(ssim_map(decoded, target[:, :3]), target[:, 3:]))
        l1s.append(l1(decoded, target[:, :3], target[:, 3:]))
        size = min(_VARIETY_SIZE, model.full_size)
        decoded_faces.append(resize(decoded, size))
        real_faces.append(resize(target[:, :3], size))
    real = _variety(torch.cat(real_faces))
    variety = _variety(torch.cat(decoded_faces)) / real if real >= _LEAST_VARIETY else nan
    return Quality(torch.cat(ssims).mean().item(), torch.cat(l1s).mean().item(), variety)


def _variety(faces: Tensor) -> float:
    """Mean deviation of faces, ``(B, 3, H, W)``, from the mean face."""
    return (faces - faces.mean(0)).abs().mean().item()
