"""RetinaFace with a MobileNet-0.25 backbone: boxes and five points in one pass.

Deng et al., "RetinaFace: Single-Shot Multi-Level Face Localisation in the Wild", 2020. The weights
are those of biubug6/Face-Detector-1MB-with-landmark (MIT), whose network differs from that of
Pytorch_Retinaface in its activations (ReLU) and anchors. Modules carry the names of their tensors.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faceswap.core.weights import load_weights
from faceswap.detectors.anchored import (
    AnchorDetector,
    AnchorOutputs,
    Candidates,
    anchor_grid,
    per_anchor,
)
from faceswap.detectors.nms import merge_weighted
from faceswap.detectors.registry import Detection, detectors

_STRIDES = (8, 16, 32)
# Sides in input pixels of the two anchors per position, per stride.
_ANCHORS = ((10, 20), (32, 64), (128, 256))
# IoU from which two boxes are the same face.
_SAME_FACE = 0.4


def _conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> list[nn.Module]:
    padding = size // 2
    conv = nn.Conv2d(inputs, outputs, size, stride, padding, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


def _conv_relu(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(*_conv(inputs, outputs, size, stride), nn.ReLU())


def _separable(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Depthwise 3 x 3 convolution, then a pointwise one."""
    depthwise = nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False)
    return nn.Sequential(
        depthwise,
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        *_conv(inputs, outputs, 1),
        nn.ReLU(),
    )


class MobileNetBody(nn.Module):
    """MobileNetV1 of width 0.25, ``(B, 3, H, W)`` -> features at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stage1 = nn.Sequential(
            _conv_relu(3, 8, stride=2),
            _separable(8, 16),
            _separable(16, 32, stride=2),
            _separable(32, 32),
            _separable(32, 64, stride=2),
            _separable(64, 64),
        )
        self.stage2 = nn.Sequential(
            _separable(64, 128, stride=2), *(_separable(128, 128) for _ in range(5))
        )
        self.stage3 = nn.Sequential(_separable(128, 256, stride=2), _separable(256, 256))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features of 64, 128 and 256 channels."""
        fine = self.stage1(x)
        middle = self.stage2(fine)
        return fine, middle, self.stage3(middle)


class FeaturePyramid(nn.Module):
    """Projects the features to 64 channels and adds coarser ones to finer ones."""

    def __init__(self) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (_conv_relu(n, 64, 1) for n in (64, 128, 256))
        self.merge1, self.merge2 = _conv_relu(64, 64), _conv_relu(64, 64)

    def forward(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> list[Tensor]:
        """Features of 64 channels at strides 8, 16 and 32."""
        coarse = self.output3(coarse)
        middle = self.merge2(self.output2(middle) + _upsample(coarse, middle))
        fine = self.merge1(self.output1(fine) + _upsample(middle, fine))
        return [fine, middle, coarse]


def _upsample(x: Tensor, like: Tensor) -> Tensor:
    return nn.functional.interpolate(x, size=like.shape[2:], mode="nearest")


class ContextModule(nn.Module):
    """Receptive fields of 3, 5 and 7 pixels side by side (SSH; Najibi et al., 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv3X3 = nn.Sequential(*_conv(64, 32))
        self.conv5X5_1 = _conv_relu(64, 16)
        self.conv5X5_2 = nn.Sequential(*_conv(16, 16))
        self.conv7X7_2 = _conv_relu(16, 16)
        self.conv7x7_3 = nn.Sequential(*_conv(16, 16))

    def forward(self, x: Tensor) -> Tensor:
        """``(B, 64, h, w)`` -> ``(B, 64, h, w)``."""
        shared = self.conv5X5_1(x)
        wide = self.conv7x7_3(self.conv7X7_2(shared))
        return torch.cat([self.conv3X3(x), self.conv5X5_2(shared), wide], dim=1).relu()


def _heads(values: int) -> nn.ModuleList:
    """Per stride a 1 x 1 convolution that gives `values` numbers for each of two anchors."""
    return nn.ModuleList(
        nn.Sequential(OrderedDict(conv1x1=nn.Conv2d(64, 2 * values, 1))) for _ in _STRIDES
    )


class RetinaFaceNet(nn.Module):
    """The network, ``(B, 3, H, W)`` BGR minus the mean -> raw outputs per anchor."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.fpn = MobileNetBody(), FeaturePyramid()
        self.ssh1, self.ssh2, self.ssh3 = ContextModule(), ContextModule(), ContextModule()
        self.ClassHead, self.BboxHead, self.LandmarkHead = _heads(2), _heads(4), _heads(10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, A, 2) logits of no face and face, (B, A, 4) boxes, (B, A, 10) points."""
        pyramid = self.fpn(*self.body(x))
        contexts = (self.ssh1, self.ssh2, self.ssh3)
        features = [context(level) for context, level in zip(contexts, pyramid, strict=True)]
        return (
            _outputs(self.ClassHead, features, 2),
            _outputs(self.BboxHead, features, 4),
            _outputs(self.LandmarkHead, features, 10),
        )


def _outputs(heads: nn.ModuleList, features: Sequence[Tensor], values: int) -> Tensor:
    """Outputs of the heads, (B, A, values), in the order of `anchors`."""
    return per_anchor([head(level) for head, level in zip(heads, features, strict=True)], values)


def anchors(height: int, width: int) -> NDArray[np.float32]:
    """(A, 3) centre x, centre y and side, in pixels of an input of that size."""
    sizes = [(-(-height // stride), -(-width // stride)) for stride in _STRIDES]
    return anchor_grid(sizes, _STRIDES, _ANCHORS)


class RetinaFace(AnchorDetector):
    """Detector around the network ``RetinaFaceNet``."""

    weights: tuple[str, ...] = ("retinaface",)
    smallest_input = 26.0

    def run(self, batch: Tensor) -> AnchorOutputs:
        """Runs the network; see ``AnchorDetector``."""
        logits, boxes, points = self.net(batch)
        scores = logits.softmax(2)[..., 1]
        return AnchorOutputs(scores, boxes, points, anchors(*batch.shape[2:]))

    def merge(self, candidates: Candidates, scale: float) -> list[Detection]:
        """Averages the boxes of a face; see ``AnchorDetector``."""
        assert candidates.points is not None
        # Pixel centres lie at .5 in the network's coordinates, at whole numbers in a frame.
        return merge_weighted(
            candidates.boxes / scale - 0.5,
            candidates.scores,
            candidates.points / scale - 0.5,
            _SAME_FACE,
        )


@detectors.register
def retinaface(
    device: str = "cpu",
    max_side: int = 640,
    min_score: float = 0.9,
    weights: Path | None = None,
) -> RetinaFace:
    """RetinaFace with the published weights.

    Args:
        device: Device of the network.
        max_side: Longer side in pixels to which larger images are scaled down. The network finds
            faces from about 10 to 400 pixels at that scale.
        min_score: Score in [0, 1] below which detections are dropped.
        weights: File with other weights of the same network.
    """
    net = RetinaFaceNet()
    load_weights(net, "retinaface", weights)
    return RetinaFace(net, max_side, min_score, device)
