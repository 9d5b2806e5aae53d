"""Input, batches and box decoding of the single-shot detectors with anchors."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faceswap.detectors.inputs import group_by_shape, shrink, shrink_scale
from faceswap.detectors.registry import Detection

# Scales of the regressed centres and points, and of the logarithms of the regressed sides.
_CENTER_SCALE, _SIDE_SCALE = 0.1, 0.2
_MEAN_BGR = (104.0, 117.0, 123.0)


@dataclass(frozen=True)
class AnchorOutputs:
    """Outputs of a network on a batch of B images, relative to A anchors.

    Attributes:
        scores: Probabilities of a face, (B, A) in [0, 1].
        boxes: Offsets of the centres and logarithms of the sides, (B, A, 4), scaled.
        points: Offsets of five points, (B, A, 10), scaled; None from networks without points.
        anchors: Centre x, centre y and side in input pixels, (A, 3).
    """

    scores: Tensor
    boxes: Tensor
    points: Tensor | None
    anchors: NDArray[np.float32]


@dataclass(frozen=True)
class Candidates:
    """Boxes of one image before non-maximum suppression, in input pixels.

    Attributes:
        boxes: Boxes, (N, 4) float32 x0, y0, x1, y1.
        scores: Scores, (N,) float32 in [0, 1].
        points: Points, (N, 5, 2) float32; None from networks without points.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    points: NDArray[np.float32] | None


class AnchorDetector(ABC):
    """Detector around a network whose boxes are relative to anchors.

    Args:
        net: Network with its weights, for (B, 3, H, W) BGR minus the mean.
        max_side: Longer side in pixels to which larger images are scaled down.
        min_score: Score in [0, 1] below which detections are dropped.
        device: Device of the network.
    """

    weights: tuple[str, ...]
    smallest_input: float
    tile_side = 640

    def __init__(
        self, net: nn.Module, max_side: int = 640, min_score: float = 0.5, device: str = "cpu"
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
            with torch.inference_mode():
                outputs = self.run(self._batch([image for image, _ in scaled]))
            for row, index in enumerate(indices):
                results[index] = self.merge(self._candidates(outputs, row), scaled[row][1])
        return results

    @abstractmethod
    def run(self, batch: Tensor) -> AnchorOutputs:
        """Runs the network on (B, 3, H, W) float32 BGR minus the mean."""

    @abstractmethod
    def merge(self, candidates: Candidates, scale: float) -> list[Detection]:
        """Detections of one image in its own pixels, which the input has scaled by ``scale``."""

    def input_scale(self, height: int, width: int) -> float:
        """Scale of the network's input for an image of that size; see ``ScalableDetector``."""
        return shrink_scale(height, width, self.max_side)

    def for_tiles(self) -> "AnchorDetector":
        """This detector, which does not scale tiles; see ``ScalableDetector``."""
        return self

    def _batch(self, images: Sequence[NDArray[np.uint8]]) -> Tensor:
        batch = torch.from_numpy(np.stack(images)).to(self.device).permute(0, 3, 1, 2)
        mean = torch.tensor(_MEAN_BGR, device=self.device).view(1, 3, 1, 1)
        return batch.flip(1).float() - mean

    def _candidates(self, outputs: AnchorOutputs, row: int) -> Candidates:
        """What the network finds in one image of the batch."""
        scores = outputs.scores[row].cpu().numpy()
        keep = np.flatnonzero(scores >= self.min_score)
        kept = torch.from_numpy(keep).to(self.device)
        anchors = outputs.anchors[keep]
        boxes = decode_boxes(outputs.boxes[row][kept].cpu().numpy(), anchors)
        if outputs.points is None:
            return Candidates(boxes, scores[keep], None)
        points = decode_points(outputs.points[row][kept].cpu().numpy(), anchors)
        return Candidates(boxes, scores[keep], points)


def anchor_grid(
    sizes: Sequence[Sequence[int]], strides: Sequence[int], sides: Sequence[Sequence[int]]
) -> NDArray[np.float32]:
    """Anchors centred on the cells of several levels: by level, row, column and side.

    Args:
        sizes: Height and width of each level in cells.
        strides: Input pixels per cell, per level.
        sides: Sides of the anchors of each cell in input pixels, per level.

    Returns:
        (A, 3) float32 centre x, centre y and side in input pixels.
    """
    levels = []
    for (height, width), stride, each in zip(sizes, strides, sides, strict=True):
        rows, columns = np.mgrid[0:height, 0:width]
        centers = (np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5) * stride
        cells = [np.column_stack([centers, np.full(len(centers), side)]) for side in each]
        levels.append(np.stack(cells, axis=1).reshape(-1, 3))
    return np.concatenate(levels).astype(np.float32)


def per_anchor(outputs: Sequence[Tensor], values: int) -> Tensor:
    """Outputs of all levels in the order of ``anchor_grid``.

    Args:
        outputs: Outputs of each level, (B, n * values, h, w) for n anchors per cell.
        values: Number of values per anchor.

    Returns:
        (B, A, values).
    """
    flat = [x.permute(0, 2, 3, 1).reshape(len(x), -1, values) for x in outputs]
    return torch.cat(flat, dim=1)


def decode_boxes(boxes: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Corners (N, 4) in input pixels, from boxes relative to their anchors."""
    sides = anchors[:, 2:]
    centers = anchors[:, :2] + boxes[:, :2] * _CENTER_SCALE * sides
    half = np.exp(boxes[:, 2:] * _SIDE_SCALE) * sides / 2
    return np.concatenate([centers - half, centers + half], axis=1).astype(np.float32)


def decode_points(points: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Points (N, 5, 2) in input pixels, from (N, 10) relative to their anchors."""
    offsets = points.reshape(-1, 5, 2) * _CENTER_SCALE * anchors[:, None, 2:]
    return (anchors[:, None, :2] + offsets).astype(np.float32)
