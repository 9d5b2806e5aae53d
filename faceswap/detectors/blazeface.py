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
from faceswap.detectors.nms import drop_nested, merge_weighted
from faceswap.detectors.registry import Detection, detectors

# Sides of what goes in must be multiples of the networks' total stride.
_STRIDE = 32
# At this size the full range network finds faces that fill a picture.
_COARSEST = 96
_SHORT_SIDE = 128
# Side of the smallest face that it finds, in pixels of what goes in.
_SMALLEST_SEEN = 15
# Bounds time and memory on huge pictures.
_FINEST = 2048
# A finer look than double size pays from this ratio on.
_LEAST_STEP = 1.25


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

    Given a picture with a longer side of 192 px, the full range network finds faces between a
    twelfth and a half of that. Looks at half and double size, and so on, cover the rest.

    Args:
        full: The full range network.
        short: The short range network, which looks once more at everything, or None.
        smallest_face: Side in pixels of the smallest faces looked for.
        device: Where they run.
    """

    def __init__(
        self,
        full: BlazeFaceNet,
        short: BlazeFaceNet | None = None,
        smallest_face: int = 32,
        device: str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.full = full
        self.short = short
        self.smallest_face = smallest_face
        networks = [full] if short is None else [full, short]
        self.weights = tuple(network.name for network in networks)
        for network in networks:
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
        for shape, indices in by_shape.items():
            looks = [(self.full, side) for side in self.look_sides(max(shape[:2]))]
            if self.short is not None:
                looks.append((self.short, _SHORT_SIDE))
            for network, side in looks:
                found = self._look(network, side, [images[i] for i in indices])
                for index, detections in zip(indices, found, strict=True):
                    results[index] += detections
        return [drop_nested(_merge_looks(detections)) for detections in results]

    def look_sides(self, longer: int) -> list[int]:
        """Sizes that the longer side of a picture is scaled to, the finest last."""
        finest = -(-longer * _SMALLEST_SEEN // (self.smallest_face * _STRIDE)) * _STRIDE
        finest = min(finest, _FINEST)
        sides = [_COARSEST]
        while sides[-1] * 2 * _LEAST_STEP <= finest:
            sides.append(sides[-1] * 2)
        return [*sides, finest] if finest > _COARSEST else sides

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
def blazeface(device: str = "cpu", smallest_face: int = 32, close_ups: bool = False) -> BlazeFace:
    """BlazeFace with the published weights.

    Args:
        device: Where it runs.
        smallest_face: Side in pixels of the smallest faces looked for. Time goes with the square
            of the picture's side divided by it.
        close_ups: Whether the short range network looks too. It sees large faces a little better,
            and takes cats and dogs for faces.
    """
    return BlazeFace(full_range(), short_range() if close_ups else None, smallest_face, device)
