"""LPIPS: a perceptual distance of images from the features of AlexNet.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", 2018.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

from faceswap.core.errors import ModelFileError
from faceswap.core.files import sha256_file
from faceswap.core.weights import load_torch_archive, load_weights
from faceswap.training.losses.pixels import weighted_mean

if TYPE_CHECKING:
    from torchvision.models import AlexNet

_SLICES = ((0, 2), (2, 5), (5, 8), (8, 10), (10, 12))  # each ends with a ReLU
_CHANNELS = (64, 192, 384, 256, 256)
# Of images in [-1, 1].
_MEAN, _STD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
# The learned weights of the channels, of version 0.1 of the paper's authors.
_HEADS = "functional/image/lpips_models/alex.pth"  # in torchmetrics
_HEADS_SHA256 = "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"


class Lpips(nn.Module):
    """LPIPS with AlexNet and random weights, in evaluation mode."""

    def __init__(self) -> None:
        super().__init__()
        self.features = _alexnet().features
        self.heads = nn.ParameterList(torch.rand(1, channels, 1, 1) for channels in _CHANNELS)
        self.mean = nn.Buffer(torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.std = nn.Buffer(torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)
        self.eval()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Mean distance of two batches ``(B, 3, H, W) float32 RGB`` in [0, 1], a scalar."""
        return self.distances(first, second, torch.ones_like(first[:, :1])).mean()

    def distances(self, first: Tensor, second: Tensor, weights: Tensor) -> Tensor:
        """Weighted distance of each pair of images, ``(...)``.

        Args:
            first: First images, ``(..., 3, H, W) float32 RGB`` in [0, 1].
            second: Second images, of the same shape.
            weights: Weight maps, ``(..., 1, H, W)``, averaged over the area of each feature.
        """
        one, two, where = (x.reshape(-1, *x.shape[-3:]) for x in (first, second, weights))
        total = torch.zeros(len(one), device=one.device)
        for mine, other, head in zip(
            self._features(one), self._features(two), self.heads, strict=True
        ):
            differences = ((mine - other) ** 2 * head).sum(1, keepdim=True)
            total = total + weighted_mean(
                differences, adaptive_avg_pool2d(where, differences.shape[-2:])
            )
        return total.reshape(first.shape[:-3])

    def _features(self, images: Tensor) -> list[Tensor]:
        """Features after each slice, with unit length over the channels."""
        current = (2 * images - 1 - self.mean) / self.std
        found = []
        for begin, end in _SLICES:
            current = self.features[begin:end](current)
            length = current.square().sum(1, keepdim=True)
            found.append(current / (length + 1e-8).sqrt())
        return found


def _alexnet() -> "AlexNet":
    # Imported when used: torchvision takes seconds, and few trainings have this loss.
    from torchvision.models import alexnet

    return alexnet(weights=None)


def load_lpips() -> Lpips:
    """Load LPIPS with the published weights: AlexNet of torchvision, heads of torchmetrics.

    Raises:
        WeightsUnavailable: AlexNet is not on this machine and cannot be downloaded.
        ModelFileError: The heads in torchmetrics are others, or a file is damaged.
    """
    found = find_spec("torchmetrics")  # not imported: it takes a second
    assert found is not None
    assert found.submodule_search_locations is not None
    path = Path(found.submodule_search_locations[0]) / _HEADS
    if not path.is_file() or sha256_file(path) != _HEADS_SHA256:
        raise ModelFileError(
            f"Expected the weights of LPIPS in {path}, found none or others.",
            "Install torchmetrics again, or do without LPIPS.",
        )
    lpips = Lpips()
    network = _alexnet()
    load_weights(network, "alexnet")
    lpips.features.load_state_dict(network.features.state_dict())
    heads = load_torch_archive(path)
    with torch.no_grad():
        for number, head in enumerate(lpips.heads):
            head.copy_(heads[f"lin{number}.model.1.weight"])
    return lpips.requires_grad_(requires_grad=False)
