"""MTCNN: boxes and five points of faces, down to 20 pixels, by a cascade of three networks.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks",
2016. The weights are those published with facenet-pytorch (MIT).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faceswap.core.weights import load_weights
from faceswap.detectors.inputs import group_by_shape
from faceswap.detectors.nms import nms
from faceswap.detectors.registry import Detection, detectors

# Side of the faces that the proposal network detects, and its stride, in input pixels.
_CELL, _STRIDE = 12, 2
# Scores below which the first two networks drop candidates.
_EARLIER_MIN_SCORES = (0.6, 0.7)
# Candidates per batch of the second and third network: bounds the memory that a crowd needs.
_BATCH = 512


class ProposalNet(nn.Module):
    """First network: detects faces of 12 px at every position of (B, 3, H, W) images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 2, h, w) logits of no face and face, (B, 4, h, w) box offsets, per position."""
        x = nn.functional.max_pool2d(self.prelu1(self.conv1(x)), 2, 2, ceil_mode=True)
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_1(x), self.conv4_2(x)


class RefineNet(nn.Module):
    """Second network: classifies candidates, (B, 3, 24, 24)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 2) logits, (B, 4) box offsets."""
        x = nn.functional.max_pool2d(self.prelu1(self.conv1(x)), 3, 2, ceil_mode=True)
        x = nn.functional.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = self.prelu4(self.dense4(_columns_first(self.prelu3(self.conv3(x)))))
        return self.dense5_1(x), self.dense5_2(x)


class OutputNet(nn.Module):
    """Third network: classifies candidates and locates five points, (B, 3, 48, 48)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2 = nn.Linear(256, 2), nn.Linear(256, 4)
        self.dense6_3 = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 2) logits, (B, 4) box offsets, (B, 10) five x, then five y."""
        x = nn.functional.max_pool2d(self.prelu1(self.conv1(x)), 3, 2, ceil_mode=True)
        x = nn.functional.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = nn.functional.max_pool2d(self.prelu3(self.conv3(x)), 2, 2, ceil_mode=True)
        x = self.prelu5(self.dense5(_columns_first(self.prelu4(self.conv4(x)))))
        return self.dense6_1(x), self.dense6_2(x), self.dense6_3(x)


def _columns_first(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, W * H * C), the order in which the weights were trained."""
    return x.permute(0, 3, 2, 1).flatten(1)


class MTCNN:
    """The cascade.

    Args:
        networks: The three networks with their weights.
        min_size: Side of the smallest detected face in image pixels.
        min_scores: Score in [0, 1] below which each network drops a candidate.
        step: Ratio in (0, 1) of neighbouring scales of the image pyramid.
        device: Device of the networks.
    """

    weights: tuple[str, ...] = ("mtcnn_pnet", "mtcnn_rnet", "mtcnn_onet")
    smallest_input = float(_CELL)
    tile_side = 640

    def __init__(
        self,
        networks: tuple[ProposalNet, RefineNet, OutputNet],
        min_size: int = 20,
        min_scores: tuple[float, float, float] = (*_EARLIER_MIN_SCORES, 0.7),
        step: float = 0.709,
        device: str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.propose, self.refine, self.output = networks
        for net in networks:
            net.eval().requires_grad_(requires_grad=False).to(self.device)
        self.min_size = min_size
        self.min_scores = min_scores
        self.step = step

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """Detections per image, highest score first.

        Args:
            images: Images, (H, W, 3) uint8 RGB. The first network runs on batches of images of one
                size, the others on the candidates of all images together.
        """
        with torch.inference_mode():
            candidates = self._proposals(images)
            candidates = self._refined(images, candidates)
            return self._detections(images, candidates)

    def input_scale(self, height: int, width: int) -> float:  # noqa: ARG002 - the same for all
        """Scale of the finest layer of the pyramid; see ``ScalableDetector``."""
        return _CELL / self.min_size

    def for_tiles(self) -> "MTCNN":
        """Detector with the finest layers of the pyramid only; see ``ScalableDetector``."""
        networks = (self.propose, self.refine, self.output)
        return MTCNN(networks, _CELL, self.min_scores, self.step, str(self.device))

    def _proposals(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float64]]:
        found: list[list[NDArray[np.float64]]] = [[np.zeros((0, 5))] for _ in images]
        for (height, width, _), indices in group_by_shape(images).items():
            for scale in self._scales(height, width):
                size = (int(width * scale + 1), int(height * scale + 1))
                layer = [_resized(images[i], size) for i in indices]
                logits, offsets = self.propose(self._batch(layer))
                scores = logits.softmax(1)[:, 1].cpu().numpy()
                ratio = (width / size[0], height / size[1])
                for index, values, shift in zip(
                    indices, scores, offsets.cpu().numpy(), strict=True
                ):
                    found[index].append(_cells(values, shift, ratio, self.min_scores[0]))
        return [_squares(_nms_rows(np.concatenate(layers), 0.7)) for layers in found]

    def _scales(self, height: int, width: int) -> list[float]:
        scales = []
        scale = _CELL / self.min_size
        while min(height, width) * scale >= _CELL:
            scales.append(scale)
            scale *= self.step
        return scales

    def _refined(
        self, images: Sequence[NDArray[np.uint8]], candidates: list[NDArray[np.float64]]
    ) -> list[NDArray[np.float64]]:
        logits, offsets = self._run(self.refine, 24, images, candidates)
        kept = []
        for rows, scores, shift in _per_image(candidates, logits, offsets):
            good = scores > self.min_scores[1]
            boxes = np.column_stack([_apply_offsets(rows[good], shift[good]), scores[good]])
            kept.append(_squares(_nms_rows(boxes, 0.7)))
        return kept

    def _detections(
        self, images: Sequence[NDArray[np.uint8]], candidates: list[NDArray[np.float64]]
    ) -> list[list[Detection]]:
        logits, offsets, coordinates = self._run(self.output, 48, images, candidates)
        results = []
        for rows, scores, shift, fractions in _per_image(candidates, logits, offsets, coordinates):
            good = scores > self.min_scores[2]
            rows, scores = rows[good], scores[good]
            sides = (rows[:, 2:4] - rows[:, :2])[:, None]
            inside = fractions[good].reshape(-1, 2, 5).transpose(0, 2, 1)  # (N, 5, 2) in [0, 1]
            points = (rows[:, None, :2] + inside * sides).astype(np.float32)
            boxes = _apply_offsets(rows, shift[good])
            # Trained with indices of the crop's pixels: no offset of half a pixel.
            kept = nms(boxes, scores, 0.7, over="smaller")
            results.append(
                [Detection(boxes[i].astype(np.float32), float(scores[i]), points[i]) for i in kept]
            )
        return results

    def _run(
        self,
        net: nn.Module,
        size: int,
        images: Sequence[NDArray[np.uint8]],
        candidates: list[NDArray[np.float64]],
    ) -> tuple[NDArray[np.float64], ...]:
        """Outputs of a network on the candidates of all images, cropped to (size, size)."""
        crops = [
            _crop(image, row, size)
            for image, rows in zip(images, candidates, strict=True)
            for row in rows
        ]
        # Without candidates a black crop gives the outputs their shapes.
        chunks = [
            net(self._batch(crops[start : start + _BATCH]))
            for start in range(0, len(crops), _BATCH)
        ] or [net(torch.zeros(1, 3, size, size, device=self.device))]
        outputs = [torch.cat(values).cpu().double().numpy() for values in zip(*chunks, strict=True)]
        return tuple(output[: len(crops)] for output in outputs)

    def _batch(self, images: Sequence[NDArray[np.uint8]]) -> Tensor:
        batch = torch.from_numpy(np.stack(images)).to(self.device).permute(0, 3, 1, 2)
        return batch.float().sub_(127.5).div_(128)


@detectors.register
def mtcnn(
    device: str = "cpu",
    min_size: int = 20,
    min_score: float = 0.7,
    weights: tuple[Path, Path, Path] | None = None,
) -> MTCNN:
    """MTCNN with the published weights.

    Args:
        device: Device of the networks.
        min_size: Side of the smallest detected face in image pixels.
        min_score: Score in [0, 1] of the last network below which detections are dropped.
        weights: Files with other weights of the three networks.
    """
    networks = (ProposalNet(), RefineNet(), OutputNet())
    files = weights or (None, None, None)
    for net, name, given in zip(networks, MTCNN.weights, files, strict=True):
        load_weights(net, name, given)
    return MTCNN(networks, min_size, (*_EARLIER_MIN_SCORES, min_score), device=device)


def _cells(
    scores: NDArray[np.float32],
    offsets: NDArray[np.float32],
    ratio: tuple[float, float],
    min_score: float,
) -> NDArray[np.float64]:
    """(N, 5) boxes and scores, in image pixels, of the positions that may hold a face."""
    rows, columns = np.nonzero(scores >= min_score)
    low = np.stack([columns, rows], axis=1) * float(_STRIDE)
    boxes = np.concatenate([low, low + _CELL], axis=1) * np.array([*ratio, *ratio])
    values = scores[rows, columns].astype(np.float64)
    keep = nms(boxes, values, 0.5)
    boxes = _apply_offsets(boxes[keep].astype(np.float64), offsets[:, rows[keep], columns[keep]].T)
    return np.column_stack([boxes, values[keep]])


def _nms_rows(rows: NDArray[np.float64], max_overlap: float) -> NDArray[np.float64]:
    return rows[nms(rows[:, :4], rows[:, 4], max_overlap)]


def _apply_offsets(rows: NDArray[np.float64], offsets: NDArray[Any]) -> NDArray[np.float64]:
    """(N, 4) boxes moved by a network's offsets, given as fractions of their sides."""
    sides = rows[:, 2:4] - rows[:, :2]
    return rows[:, :4] + offsets * np.tile(sides, 2)


def _squares(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes enlarged to squares with the same centres."""
    center = (rows[:, :2] + rows[:, 2:4]) / 2
    half = (rows[:, 2:4] - rows[:, :2]).max(axis=1, initial=0, keepdims=True) / 2
    return np.concatenate([center - half, center + half, rows[:, 4:]], axis=1)


def _crop(image: NDArray[np.uint8], row: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Crop of a square, resized to (size, size, 3); black beyond the image."""
    x0, y0, x1, y1 = (round(float(v)) for v in row[:4])
    x1, y1 = max(x1, x0 + 1), max(y1, y0 + 1)
    height, width = image.shape[:2]
    left, right = max(-x0, 0), max(x1 - width, 0)
    top, bottom = max(-y0, 0), max(y1 - height, 0)
    inside = image[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)]
    if left or right or top or bottom:
        if not inside.size:
            return np.zeros((size, size, 3), np.uint8)
        inside = np.pad(inside, ((top, bottom), (left, right), (0, 0)))
    return _resized(inside, (size, size))


def _resized(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Image resized to (width, height) by area averaging."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _per_image(
    candidates: list[NDArray[np.float64]],
    logits: NDArray[np.float64],
    *others: NDArray[np.float64],
) -> list[tuple[NDArray[np.float64], ...]]:
    """Candidates, their face probabilities, and the other outputs, per image."""
    # With two classes the softmax is the sigmoid of the difference.
    scores = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    ends = np.cumsum([len(rows) for rows in candidates])[:-1]
    columns = [np.split(values, ends) for values in (scores, *others)]
    return list(zip(candidates, *columns, strict=True))
