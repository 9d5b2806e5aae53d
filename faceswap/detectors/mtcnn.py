"""MTCNN: boxes and five points of faces, down to 20 pixels; three networks, each stricter.

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

from faceswap.core.weights import load_torch_archive, weights_path
from faceswap.detectors.nms import suppress
from faceswap.detectors.registry import Detection, detectors

# The proposal network sees faces of 12 px, two pixels apart.
_CELL, _STRIDE = 12, 2
# Candidates per batch of the later networks: bounds the memory that a crowd takes.
_BATCH = 512


class ProposalNet(nn.Module):
    """Looks at every place of (B, 3, H, W) pictures for faces of 12 px."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Per cell (B, 2, h, w) logits of no face and face, (B, 4, h, w) shifts of the box."""
        x = nn.functional.max_pool2d(self.prelu1(self.conv1(x)), 2, 2, ceil_mode=True)
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_1(x), self.conv4_2(x)


class RefineNet(nn.Module):
    """Judges candidates, (B, 3, 24, 24)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 2) logits, (B, 4) shifts of the box."""
        x = nn.functional.max_pool2d(self.prelu1(self.conv1(x)), 3, 2, ceil_mode=True)
        x = nn.functional.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = self.prelu4(self.dense4(_columns_first(self.prelu3(self.conv3(x)))))
        return self.dense5_1(x), self.dense5_2(x)


class OutputNet(nn.Module):
    """Judges candidates and places five points, (B, 3, 48, 48)."""

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
        """(B, 2) logits, (B, 4) shifts of the box, (B, 10) five x, then five y."""
        x = nn.functional.max_pool2d(self.prelu1(self.conv1(x)), 3, 2, ceil_mode=True)
        x = nn.functional.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = nn.functional.max_pool2d(self.prelu3(self.conv3(x)), 2, 2, ceil_mode=True)
        x = self.prelu5(self.dense5(_columns_first(self.prelu4(self.conv4(x)))))
        return self.dense6_1(x), self.dense6_2(x), self.dense6_3(x)


def _columns_first(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, W * H * C): the weights come from a framework that stores columns."""
    return x.permute(0, 3, 2, 1).flatten(1)


class MTCNN:
    """The cascade.

    Args:
        networks: Proposal, refinement and output, with their weights.
        min_size: Side of the smallest face looked for, in pixels of the picture.
        min_scores: Below which each network drops a candidate.
        step: Ratio of the pyramid's neighbouring scales.
        device: Where the networks run.
    """

    weights: tuple[str, ...] = ("mtcnn_pnet", "mtcnn_rnet", "mtcnn_onet")

    def __init__(
        self,
        networks: tuple[ProposalNet, RefineNet, OutputNet],
        min_size: int = 20,
        min_scores: tuple[float, float, float] = (0.6, 0.7, 0.7),
        step: float = 0.709,
        device: str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.propose, self.refine, self.output = (
            net.eval().requires_grad_(requires_grad=False).to(self.device) for net in networks
        )
        self.min_size = min_size
        self.min_scores = min_scores
        self.step = step

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """Faces per image, the most certain first.

        Args:
            images: (H, W, 3) uint8 RGB. The second and third network run over the candidates of all
                images together, the first over those of one size.
        """
        with torch.inference_mode():
            candidates = self._proposals(images)
            candidates = self._refined(images, candidates)
            return self._detections(images, candidates)

    def _proposals(self, images: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float64]]:
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for index, image in enumerate(images):
            by_shape.setdefault(image.shape, []).append(index)
        found: list[list[NDArray[np.float64]]] = [[np.zeros((0, 5))] for _ in images]
        for (height, width, _), indices in by_shape.items():
            for scale in self._scales(height, width):
                size = (int(width * scale + 1), int(height * scale + 1))
                layer = [_resized(images[i], size) for i in indices]
                logits, shifts = self.propose(self._batch(layer))
                scores = logits.softmax(1)[:, 1].cpu().numpy()
                ratio = (width / size[0], height / size[1])
                for index, values, moves in zip(indices, scores, shifts.cpu().numpy(), strict=True):
                    found[index].append(_cells(values, moves, ratio, self.min_scores[0]))
        return [_squares(_thinned(np.concatenate(layers), 0.7)) for layers in found]

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
        logits, shifts = self._run(self.refine, 24, images, candidates)
        kept = []
        for rows, scores, moves in _per_image(candidates, logits, shifts):
            good = scores > self.min_scores[1]
            boxes = np.column_stack([_shifted(rows[good], moves[good]), scores[good]])
            kept.append(_squares(_thinned(boxes, 0.7)))
        return kept

    def _detections(
        self, images: Sequence[NDArray[np.uint8]], candidates: list[NDArray[np.float64]]
    ) -> list[list[Detection]]:
        logits, shifts, marks = self._run(self.output, 48, images, candidates)
        results = []
        for rows, scores, moves, places in _per_image(candidates, logits, shifts, marks):
            good = scores > self.min_scores[2]
            rows, scores = rows[good], scores[good]
            sides = (rows[:, 2:4] - rows[:, :2])[:, None]
            points = places[good].reshape(-1, 2, 5).transpose(0, 2, 1) * sides + rows[:, None, :2]
            boxes = _shifted(rows, moves[good])
            # The networks learnt pixel indices counted from the cut's first pixel: nothing to add.
            results.append(
                [
                    Detection(
                        boxes[i].astype(np.float32),
                        float(scores[i]),
                        points[i].astype(np.float32),
                    )
                    for i in suppress(boxes, scores, 0.7, over="smaller")
                ]
            )
        return results

    def _run(
        self,
        net: nn.Module,
        size: int,
        images: Sequence[NDArray[np.uint8]],
        candidates: list[NDArray[np.float64]],
    ) -> tuple[NDArray[np.float64], ...]:
        """Outputs of a network on the candidates of all images, cut at the size it needs."""
        crops = [
            _cut(image, row, size)
            for image, rows in zip(images, candidates, strict=True)
            for row in rows
        ]
        # A black picture stands in when there is nothing: the outputs keep their shapes.
        parts = [
            net(self._batch(crops[start : start + _BATCH]))
            for start in range(0, len(crops), _BATCH)
        ] or [net(torch.zeros(1, 3, size, size, device=self.device))]
        outputs = [torch.cat(part).cpu().double().numpy() for part in zip(*parts, strict=True)]
        return tuple(output[: len(crops)] for output in outputs)

    def _batch(self, images: Sequence[NDArray[np.uint8]]) -> Tensor:
        batch = torch.from_numpy(np.stack(images)).to(self.device).permute(0, 3, 1, 2)
        return batch.float().sub_(127.5).div_(128)


@detectors.register
def mtcnn(
    device: str = "cpu",
    min_size: int = 20,
    weights: tuple[Path, Path, Path] | None = None,
) -> MTCNN:
    """MTCNN with the published weights (or those in three given files)."""
    networks = (ProposalNet(), RefineNet(), OutputNet())
    files = weights or (None, None, None)
    for net, name, given in zip(networks, MTCNN.weights, files, strict=True):
        net.load_state_dict(load_torch_archive(weights_path(name, given)))
    return MTCNN(networks, min_size, device=device)


def _cells(
    scores: NDArray[np.float32],
    shifts: NDArray[np.float32],
    ratio: tuple[float, float],
    min_score: float,
) -> NDArray[np.float64]:
    """(N, 5) boxes and scores, in the picture, of the cells that may hold a face."""
    rows, columns = np.nonzero(scores >= min_score)
    low = np.stack([columns, rows], axis=1) * float(_STRIDE)
    boxes = np.concatenate([low, low + _CELL], axis=1) * np.array([*ratio, *ratio])
    values = scores[rows, columns].astype(np.float64)
    keep = suppress(boxes, values, 0.5)
    boxes = _shifted(boxes[keep].astype(np.float64), shifts[:, rows[keep], columns[keep]].T)
    return np.column_stack([boxes, values[keep]])


def _thinned(rows: NDArray[np.float64], max_overlap: float) -> NDArray[np.float64]:
    return rows[suppress(rows[:, :4], rows[:, 4], max_overlap)]


def _shifted(rows: NDArray[np.float64], shifts: NDArray[Any]) -> NDArray[np.float64]:
    """(N, 4) boxes moved by what a network says, in shares of their sides."""
    sides = rows[:, 2:4] - rows[:, :2]
    return rows[:, :4] + shifts * np.tile(sides, 2)


def _squares(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes grown to squares around the same centres."""
    center = (rows[:, :2] + rows[:, 2:4]) / 2
    half = (rows[:, 2:4] - rows[:, :2]).max(axis=1, initial=0, keepdims=True) / 2
    return np.concatenate([center - half, center + half, rows[:, 4:]], axis=1)


def _cut(image: NDArray[np.uint8], row: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """(size, size, 3) picture of a square; beyond the image it is black."""
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
    """To (width, height) by averaging areas."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _per_image(
    candidates: list[NDArray[np.float64]],
    logits: NDArray[np.float64],
    *others: NDArray[np.float64],
) -> list[tuple[NDArray[np.float64], ...]]:
    """Per image its candidates, their probability of a face, and the other outputs."""
    # Of two classes the softmax is the sigmoid of the difference.
    scores = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    ends = np.cumsum([len(rows) for rows in candidates])[:-1]
    columns = [np.split(values, ends) for values in (scores, *others)]
    return list(zip(candidates, *columns, strict=True))
