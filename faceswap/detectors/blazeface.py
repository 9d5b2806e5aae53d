"""BlazeFace: boxes and six points of faces, upright or turned, near and far.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019. Anchors
and thresholds are those of MediaPipe's published graphs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.core.tflite_net import TFLiteNet
from faceswap.core.weights import weights_path
from faceswap.detectors import Detection, detectors
from faceswap.detectors.suppression import drop_nested, merge_weighted

# Sides of what goes in must be multiples of the networks' total stride.
_STRIDE = 32


@dataclass(frozen=True)
class BlazeFaceNet:
    """One of the networks with its anchors.

    Args:
        name: Of its published weights.
        net: Its graph, with the outputs (positions, 16) and (positions, 1).
        strides: Input pixels between anchors, per output layer.
        anchors: Anchors at each place, per output layer.
        min_score: Below it a detection is dropped.
    """

    name: str
    net: TFLiteNet
    strides: tuple[int, ...]
    anchors: tuple[int, ...]
    min_score: float

    def detect(self, batch: Tensor) -> list[list[Detection]]:
        """Faces in the pixels of the input, per image.

        Args:
            batch: (B, 3, H, W) float32 RGB in [-1, 1], sides multiples of 32.
        """
        with torch.inference_mode():
            regressed, logits = self.net(batch)
            scores = logits[..., 0].clamp(-100, 100).sigmoid().cpu().numpy()
            values = regressed.cpu().numpy()
        anchors = self.anchor_centers(batch.shape[2], batch.shape[3])
        found = []
        for image_scores, image_values in zip(scores, values, strict=True):
            keep = image_scores >= self.min_score
            centers = anchors[keep]
            center = image_values[keep, 0:2] + centers
            half = image_values[keep, 2:4] / 2
            boxes = np.concatenate([center - half, center + half], axis=1)
            points = image_values[keep, 4:].reshape(-1, 6, 2) + centers[:, None]
            found.append(merge_weighted(boxes, image_scores[keep], points))
        return found

    def anchor_centers(self, height: int, width: int) -> NDArray[np.float32]:
        """(positions, 2) x, y in pixels of an input of that size; all anchors are of size 1."""
        layers = []
        for stride, repeat in zip(self.strides, self.anchors, strict=True):
            rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
            centers = np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5
            layers.append(np.repeat(centers * stride, repeat, axis=0))
        return np.concatenate(layers).astype(np.float32)


def short_range(weights: Path | None = None, min_score: float = 0.5) -> BlazeFaceNet:
    """For faces that fill a fifth of the picture or more; made for 128 x 128."""
    # Published: four layers with strides 8, 16, 16, 16 and two anchors each.
    name = "blazeface_short"
    net = TFLiteNet(weights_path(name, weights))
    return BlazeFaceNet(name, net, (8, 16), (2, 6), min_score)


def full_range(weights: Path | None = None, min_score: float = 0.6) -> BlazeFaceNet:
    """For small faces as well; made for 192 x 192."""
    name = "blazeface_full"
    net = TFLiteNet(weights_path(name, weights))
    return BlazeFaceNet(name, net, (4,), (1,), min_score)


class BlazeFace:
    """Networks looking at a picture at several scales, their findings put together.

    Args:
        looks: Networks with the side in pixels that the longer side of the picture is scaled to.
        device: Where they run.
    """

    def __init__(self, looks: Sequence[tuple[BlazeFaceNet, int]], device: str = "cpu") -> None:
        self.device = torch.device(device)
        self.looks = tuple(looks)
        self.weights = tuple(sorted({network.name for network, _ in self.looks}))
        for network, _ in self.looks:
            network.net.to(self.device)

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """Faces per image, the most certain first.

        Args:
            images: (H, W, 3) uint8 RGB; those of one size run as one batch.
        """
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for index, image in enumerate(images):
            by_shape.setdefault(image.shape, []).append(index)
        results: list[list[Detection]] = [[] for _ in images]
        for indices in by_shape.values():
            for network, side in self.looks:
                found = self._look(network, side, [images[i] for i in indices])
                for index, detections in zip(indices, found, strict=True):
                    results[index] += detections
        return [drop_nested(_merge_looks(detections)) for detections in results]

    def _look(
        self, network: BlazeFaceNet, side: int, images: Sequence[NDArray[np.uint8]]
    ) -> list[list[Detection]]:
        boards = [letterbox(image, side) for image in images]
        batch = torch.from_numpy(np.stack([board for board, _ in boards])).to(self.device)
        batch = batch.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
        found = network.detect(batch)
        # Continuous coordinates: pixel centres lie at .5 there, and at whole numbers in a frame.
        return [
            [Detection(d.box / scale - 0.5, d.score, d.points / scale - 0.5) for d in detections]
            for detections, (_, scale) in zip(found, boards, strict=True)
        ]


def letterbox(image: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], float]:
    """Scales the longer side to `side` and fills up with black at the right and below.

    Returns:
        (H, W, 3) uint8 with sides that are multiples of 32, and the scale.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    inner = (max(1, round(height * scale)), max(1, round(width * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    board = np.zeros((*(-(-n // _STRIDE) * _STRIDE for n in inner), 3), np.uint8)
    board[: inner[0], : inner[1]] = cv2.resize(image, inner[::-1], interpolation=method)
    return board, scale


def _merge_looks(detections: Sequence[Detection]) -> list[Detection]:
    if not detections:
        return []
    return merge_weighted(
        np.stack([d.box for d in detections]),
        np.array([d.score for d in detections], np.float32),
        np.stack([d.points for d in detections]),
    )


@detectors.register
def blazeface(
    device: str = "cpu", sides: Sequence[int] = (96, 192, 384), close_ups: bool = False
) -> BlazeFace:
    """Full range at each of `sides`.

    Args:
        device: Where it runs.
        sides: Scales in pixels of the picture's longer side; at scale s, faces of about s/14 of
            the longer side and more are found.
        close_ups: Whether short range looks too. It takes cats and dogs for faces.
    """
    full = full_range()
    looks = [(full, side) for side in sides]
    if close_ups:
        looks.append((short_range(), 128))
    return BlazeFace(looks, device)
