"""Reconstruction quality of held-out faces, measured with torchmetrics.

Models of different sizes are compared at one size. Pixels outside of the face mask are taken from
the original, so that only the face is measured.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from faceswap.core.device import supports_bf16
from faceswap.data.cache import CropGeometry, training_crop
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.models.guides import Guides
from faceswap.models.inference import decode, resize
from faceswap.models.model_file import LoadedModel

MIN_SIDE = 176
"""Smallest image side in pixels that allows the five scales of MS-SSIM."""

_BATCH = 16

Distance = Callable[[Tensor, Tensor], Tensor]
"""Mean distance of two batches ``(B, 3, S, S) float32 RGB`` in [0, 1], as a scalar."""


def held_out_tensor(faces: Sequence[tuple[Faceset, Face]], side: int, coverage: float) -> Tensor:
    """Faces aligned as in conversion, ``(N, 4, side, side) float32`` in [0, 1]: RGB and mask."""
    geometry = CropGeometry(side, coverage, side)
    crops = [training_crop(faceset, face, geometry)[..., :4] for faceset, face in faces]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255


@torch.inference_mode()
def reconstruct(
    loaded: LoadedModel, faces: Tensor, name: str, guides: Guides | None = None
) -> Tensor:
    """Decode faces as their own identity.

    Args:
        loaded: Trained model.
        faces: Faces, ``(N, 4, S, S)``.
        name: Their identity.
        guides: Guides of the faces, for guided models only.

    Returns:
        ``(N, 3, S, S)`` on the CPU.
    """
    device = next(loaded.model.parameters()).device
    decoded = []
    for start in range(0, len(faces), _BATCH):
        some = slice(start, start + _BATCH)
        chunk = faces[some, :3].to(device)
        shown = None if guides is None else guides.of(some)
        decoded.append(decode(loaded.model, chunk, name, supports_bf16(device), shown).cpu())
    return resize(torch.cat(decoded), faces.shape[-1]).clamp(0, 1)


@torch.inference_mode()
def quality(decoded: Tensor, faces: Tensor, lpips: Distance | None) -> dict[str, float]:
    """Compare reconstructions with the real faces; mean over the faces that have a mask.

    Args:
        decoded: Reconstructions, ``(N, 3, S, S) float32 RGB`` in [0, 1], S at least ``MIN_SIDE``.
        faces: Real faces, ``(N, 4, S, S) float32`` in [0, 1]: RGB and mask.
        lpips: Distance of ``lpips.load_lpips``, or None to skip LPIPS.

    Returns:
        Values by metric name; none without a face that has a mask.
    """
    values: dict[str, list[float]] = {"psnr": [], "ssim": [], "ms_ssim": []}
    if lpips is not None:
        values["lpips"] = []
    for output, face in zip(decoded.split(1), faces.split(1), strict=True):
        real, mask = face[:, :3], face[:, 3:]
        mixed = torch.lerp(real, output, mask)
        inside = (mask > 0.5).expand_as(real)
        if not inside.any():
            continue
        ratio = peak_signal_noise_ratio(output[inside], real[inside], data_range=1.0)
        # Infinite for equal images; 100 dB is beyond the precision of 8 bits.
        values["psnr"].append(min(float(ratio), 100.0))
        _, similar = structural_similarity_index_measure(
            mixed, real, data_range=1.0, return_full_image=True
        )
        values["ssim"].append(float((similar * mask).sum() / (3 * mask.sum())))
        values["ms_ssim"].append(
            float(multiscale_structural_similarity_index_measure(mixed, real, data_range=1.0))
        )
        if lpips is not None:
            values["lpips"].append(float(lpips(mixed, real)))
    return {name: float(np.mean(column)) for name, column in values.items() if column}
