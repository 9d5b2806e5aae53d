"""Recognition networks with gradients, for losses."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from faceswap.core.onnx_net import ONNXNet
from faceswap.core.registry import Registry
from faceswap.core.weights import weights_path
from faceswap.geometry.alignment import crop_matrix, invert, transform_points
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.recognizers.mobilefacenet import MEAN, SIDE, STD, template_matrix

_LARGEST = 160  # pixels of a crop, beyond which sampling would skip some


class Embedder(nn.Module):
    """Identity embeddings of upright crops, differentiable by their pixels.

    Crops are those of ``crop_matrix``. The network sees the place where a mean face has its
    features in such a crop; recognition by landmarks is more exact for turned heads. It sees about
    1.55 face squares: tighter crops are continued at their borders, which makes all faces more
    alike.

    Args:
        network: Normalised images ``(B, 3, 112, 112)`` -> embeddings ``(B, D)``.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.mean = nn.Buffer(torch.from_numpy(MEAN)[:, None, None], persistent=False)
        self.std = nn.Buffer(torch.from_numpy(STD)[:, None, None], persistent=False)
        self.requires_grad_(False).eval()  # noqa: FBT003

    def forward(self, crops: Tensor, coverage: float) -> Tensor:
        """Embeddings of length 1, ``(..., D)``.

        Args:
            crops: Crops of faces, ``(..., 3, S, S) float32 RGB`` in [0, 1].
            coverage: Side of the crops in face squares.
        """
        flat = crops.reshape(-1, *crops.shape[-3:])
        if flat.shape[-1] > _LARGEST:
            flat = F.interpolate(flat, (_LARGEST,) * 2, mode="bilinear", antialias=True)
        places = _places(flat.shape[-1], coverage, flat.device)
        faces = F.grid_sample(
            flat,
            places.expand(len(flat), -1, -1, -1),
            padding_mode="border",
            align_corners=False,
        )
        found = F.normalize(self.network((faces - self.mean) / self.std), dim=1)
        return found.reshape(*crops.shape[:-3], -1)


def places_in_crop(size: int, coverage: float) -> NDArray[np.float32]:
    """Where the pixels of the network's input lie in a crop, ``(112, 112, 2)`` in [-1, 1].

    Args:
        size: Side of the crop in pixels.
        coverage: Side of the crop in face squares.
    """
    face = MEAN_FACE[:, :2]
    landmarks = transform_points(crop_matrix(face, size, coverage), face)
    y, x = np.mgrid[:SIDE, :SIDE]
    pixels = np.stack([x, y], -1).reshape(-1, 2)
    places = transform_points(invert(template_matrix(landmarks)), pixels)
    return ((2 * places + 1) / size - 1).reshape(SIDE, SIDE, 2).astype(np.float32)


@lru_cache(maxsize=16)
@torch.inference_mode(mode=False)  # it is kept, and training cannot use inference tensors
def _places(size: int, coverage: float, device: torch.device) -> Tensor:
    return torch.from_numpy(places_in_crop(size, coverage)).to(device)


embedders: Registry[Callable[..., Embedder]] = Registry("identity network")


@embedders.register
def mobilefacenet(weights: Path | None = None) -> Embedder:
    """MobileFaceNet with the published weights, or with those of a given file."""
    return Embedder(ONNXNet(weights_path("mobilefacenet", weights)))


def build_embedder(name: str) -> Embedder:
    """Builds a network for the identity loss with its weights.

    Args:
        name: Name in the registry.

    Raises:
        ConfigError: There is no such network.
        MissingExtraError: The package ``onnx`` is not installed.
        WeightsUnavailable: The weights are not on this machine and cannot be downloaded.
    """
    return embedders.get(name)()
