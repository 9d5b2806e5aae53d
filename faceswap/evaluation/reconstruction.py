"""How well held-out faces are drawn as themselves: measures of torchmetrics.

Whatever their own size, models are compared at one size, so that a small network has no easier
task. Outside of the face's mask the picture is taken from the original, so only the face counts.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.error import URLError

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

from faceswap.core.device import supports_bf16
from faceswap.core.errors import WeightsUnavailable
from faceswap.core.weights import is_offline
from faceswap.data.cache import CropGeometry, training_crop
from faceswap.facesets.faceset import Face, Faceset
from faceswap.models.inference import decode, resize
from faceswap.models.model_file import LoadedModel

SMALLEST = 176
"""Side from which on five scales of structure fit into a face, in pixels."""
_BACKBONE = "alexnet-owt-7be5be79.pth"

Lpips = Callable[[Tensor, Tensor], Tensor]


def load_lpips() -> Lpips:
    """LPIPS with AlexNet; torchmetrics brings its weights, torchvision those of AlexNet.

    Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018.

    Returns:
        ``(B, 3, S, S)`` twice, RGB in [0, 1] -> mean distance.

    Raises:
        WeightsUnavailable: AlexNet is not on this machine and cannot be fetched.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / _BACKBONE
    reason = "FACESWAP_OFFLINE forbids fetching it"
    if path.is_file() or not is_offline():
        try:
            return LearnedPerceptualImagePatchSimilarity("alex", normalize=True).eval()
        except (URLError, OSError) as error:
            reason = f"it cannot be fetched ({error})"
    raise WeightsUnavailable(
        f"AlexNet's weights ({_BACKBONE}) are not in {path.parent} and {reason}.",
        f"Copy https://download.pytorch.org/models/{_BACKBONE} to {path}.",
    )


def held_out_tensor(faces: Sequence[tuple[Faceset, Face]], side: int, coverage: float) -> Tensor:
    """Faces as conversion cuts them, ``(N, 4, side, side) float32`` in [0, 1]: RGB and mask."""
    geometry = CropGeometry(side, coverage, side)
    crops = [training_crop(faceset, face, geometry)[..., :4] for faceset, face in faces]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255


@torch.inference_mode()
def reconstruct(loaded: LoadedModel, faces: Tensor, name: str) -> Tensor:
    """Faces ``(N, 4, S, S)`` drawn as the person they are, ``(N, 3, S, S)``, on the CPU."""
    device = next(loaded.model.parameters()).device
    drawn = [
        decode(loaded.model, chunk[:, :3].to(device), name, supports_bf16(device)).cpu()
        for chunk in faces.split(16)
    ]
    return resize(torch.cat(drawn), faces.shape[-1]).clamp(0, 1)


@torch.inference_mode()
def quality(drawn: Tensor, faces: Tensor, lpips: Lpips | None) -> dict[str, float]:
    """Compares drawn with real faces, mean over the faces.

    Args:
        drawn: ``(N, 3, S, S)`` RGB in [0, 1], S at least ``SMALLEST``.
        faces: ``(N, 4, S, S)``, RGB and mask.
        lpips: From ``load_lpips``, or None to leave it out.

    Returns:
        By name of the metric.
    """
    values: dict[str, list[float]] = {"psnr": [], "ssim": [], "ms_ssim": []}
    if lpips is not None:
        values["lpips"] = []
    for one, face in zip(drawn.split(1), faces.split(1), strict=True):
        real, mask = face[:, :3], face[:, 3:]
        mixed = torch.lerp(real, one, mask)
        inside = (mask > 0.5).expand_as(real)
        noise = peak_signal_noise_ratio(one[inside], real[inside], data_range=1.0)
        # Two equal pictures have no noise; 100 dB is below what 8 bits can tell.
        values["psnr"].append(min(float(noise), 100.0))
        _, similar = structural_similarity_index_measure(
            mixed, real, data_range=1.0, return_full_image=True
        )
        values["ssim"].append(float((similar * mask).sum() / (3 * mask.sum()).clamp(min=1)))
        values["ms_ssim"].append(
            float(multiscale_structural_similarity_index_measure(mixed, real, data_range=1.0))
        )
        if lpips is not None:
            values["lpips"].append(float(lpips(mixed, real)))
    return {name: float(np.mean(column)) for name, column in values.items()}
