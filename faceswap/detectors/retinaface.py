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
from faceswap.detectors.inputs import group_by_shape, shrink
from faceswap.detectors.nms import merge_weighted
from faceswap.detectors.registry import Detection, detectors

_STRIDES = (8, 16, 32)
# Sides in input pixels of the two anchors per position, per stride.
_ANCHORS = ((10, 20), (32, 64), (128, 256))
# Scales of the regressed centres and points, and of the logarithms of the regressed sides.
_CENTER_SCALE, _SIDE_SCALE = 0.1, 0.2
_MEAN_BGR = (104.0, 117.0, 123.0)
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
            _per_anchor(self.ClassHead, features, 2),
            _per_anchor(self.BboxHead, features, 4),
            _per_anchor(self.LandmarkHead, features, 10),
        )


def _per_anchor(heads: nn.ModuleList, features: Sequence[Tensor], values: int) -> Tensor:
    """Outputs of the heads, (B, A, values), anchors in the order of `anchors`."""
    outputs = [head(level) for head, level in zip(heads, features, strict=True)]
    # (B, 2 * values, h, w) -> (B, h * w * 2, values)
    return torch.cat([x.permute(0, 2, 3, 1).reshape(len(x), -1, values) for x in outputs], dim=1)


def anchors(height: int, width: int) -> NDArray[np.float32]:
    """(A, 3) centre x, centre y and side, in pixels of an input of that size."""
    levels = []
    for stride, sides in zip(_STRIDES, _ANCHORS, strict=True):
        rows, columns = np.mgrid[0 : -(-height // stride), 0 : -(-width // stride)]
        centers = (np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5) * stride
        both = [np.column_stack([centers, np.full(len(centers), side)]) for side in sides]
        levels.append(np.stack(both, axis=1).reshape(-1, 3))
    return np.concatenate(levels).astype(np.float32)


class RetinaFace:
    """Detector around the network.

    Args:
        net: Network with its weights.
        max_side: Longer side in pixels to which larger images are scaled down.
        min_score: Score in [0, 1] below which detections are dropped.
        device: Device of the network.
    """

    weights: tuple[str, ...] = ("retinaface",)

    def __init__(
        self, net: RetinaFaceNet, max_side: int = 640, min_score: float = 0.9, device: str = "cpu"
    ) -> None:
        self.device = torch.device(device)
        self.net = net.eval().requires_grad_(requires_grad=False).to(self.device)
        self.max_side = max_side
        self.min_score = min_score

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """Detections per image, highest score first.

        Args:
            images: Images, (H, W, 3) uint8 RGB; images of one size run as one batch.
        """
        results: list[list[Detection]] = [[] for _ in images]
        for indices in group_by_shape(images).values():
            scaled = [shrink(images[i], self.max_side) for i in indices]
            found = self._detect([image for image, _ in scaled], scaled[0][1])
            for index, detections in zip(indices, found, strict=True):
                results[index] = detections
        return results

    def _detect(self, images: Sequence[NDArray[np.uint8]], scale: float) -> list[list[Detection]]:
        """Detections in images of one size, in pixels of the images before scaling."""
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack(images)).to(self.device).permute(0, 3, 1, 2)
            mean = torch.tensor(_MEAN_BGR, device=self.device).view(1, 3, 1, 1)
            logits, boxes, points = self.net(batch.flip(1).float() - mean)
            scores = logits.softmax(2)[..., 1]
        places = anchors(*images[0].shape[:2])
        results = []
        for values in zip(scores, boxes, points, strict=True):
            row_scores, row_boxes, row_points = (value.cpu().numpy() for value in values)
            keep = row_scores >= self.min_score
            corners, spots = _decode(row_boxes[keep], row_points[keep], places[keep])
            # Pixel centres lie at .5 in the network's coordinates, at whole numbers in a frame.
            results.append(
                merge_weighted(
                    corners / scale - 0.5, row_scores[keep], spots / scale - 0.5, _SAME_FACE
                )
            )
        return results


def _decode(
    boxes: NDArray[np.float32], points: NDArray[np.float32], places: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Corners (N, 4) and points (N, 5, 2) in input pixels, from outputs relative to anchors."""
    sides = places[:, 2:]
    centers = places[:, :2] + boxes[:, :2] * _CENTER_SCALE * sides
    half = np.exp(boxes[:, 2:] * _SIDE_SCALE) * sides / 2
    offsets = points.reshape(-1, 5, 2) * _CENTER_SCALE * sides[:, None]
    corners = np.concatenate([centers - half, centers + half], axis=1)
    return corners.astype(np.float32), (places[:, None, :2] + offsets).astype(np.float32)


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
