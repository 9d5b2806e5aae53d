"""BlazeFace: boxes and six points of faces of any roll up to about 90 degrees, at several scales.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019. Anchors
and thresholds are those of MediaPipe's published graphs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.core.tflite_net import TFLiteNet
from faceswap.core.weights import weights_path
from faceswap.detectors.inputs import group_by_shape, letterboxes
from faceswap.detectors.nms import drop_nested, merge_weighted
from faceswap.detectors.registry import Detection, detectors

# Input sides are multiples of the networks' total stride.
_STRIDE = 32
# Input side at which the full-range network finds faces that fill the image.
_MIN_SIDE = 96
# Input side of the short-range network.
_SHORT_SIDE = 128
# Side of the smallest face that the full-range network finds, in input pixels.
_SMALLEST_FACE = 15
# Largest input side: bounds time and memory on huge images.
_MAX_SIDE = 2048
# Input pixels of a batch on a CPU.
_CPU_BATCH = 1 << 18
# Smallest ratio of the last two input sides: below it the last pass finds hardly more.
_MIN_STEP = 1.25


@dataclass(frozen=True)
class BlazeFaceNet:
    """A network with its anchors.

    Args:
        name: Name of its published weights.
        net: Network with outputs (B, A, 4 + 2 N) and (B, A, 1) for A anchors: boxes and N points,
            6 of a face.
        strides: Distance of neighbouring anchors in input pixels, per output layer.
        anchors: Number of anchors per position, per output layer.
        min_score: Score in [0, 1] below which detections are dropped.
    """

    name: str
    net: TFLiteNet
    strides: tuple[int, ...]
    anchors: tuple[int, ...]
    min_score: float

    def detect(self, batch: Tensor) -> list[list[Detection]]:
        """Detections in input pixels, per image.

        Args:
            batch: Images, (B, 3, H, W) float32 RGB in [-1, 1], sides multiples of 32; in [0, 1]
                for the network of palms.
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
            offsets = image_values[keep, 4:]
            points = offsets.reshape(len(offsets), offsets.shape[1] // 2, 2) + centers[:, None]
            found.append(merge_weighted(boxes, image_scores[keep], points))
        return found

    def anchor_centers(self, height: int, width: int) -> NDArray[np.float32]:
        """(A, 2) x, y of the anchors in pixels of an input of that size; their sides are 1."""
        return _anchor_centers(self.strides, self.anchors, height, width)


@lru_cache(maxsize=32)  # videos have one size, photos many
def _anchor_centers(
    strides: tuple[int, ...], anchors: tuple[int, ...], height: int, width: int
) -> NDArray[np.float32]:
    layers = []
    for stride, repeat in zip(strides, anchors, strict=True):
        rows, columns = np.mgrid[0 : height // stride, 0 : width // stride]
        centers = np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5
        layers.append(np.repeat(centers * stride, repeat, axis=0))
    return np.concatenate(layers).astype(np.float32)


def short_range(weights: Path | None = None, min_score: float = 0.5) -> BlazeFaceNet:
    """Network for faces that fill a fifth of the image or more; trained at 128 x 128."""
    # Four layers with strides 8, 16, 16, 16 and two anchors each.
    name = "blazeface_short"
    net = TFLiteNet(weights_path(name, weights))
    return BlazeFaceNet(name, net, (8, 16), (2, 6), min_score)


def full_range(weights: Path | None = None, min_score: float = 0.6) -> BlazeFaceNet:
    """Network for small and large faces; trained at 192 x 192."""
    name = "blazeface_full"
    net = TFLiteNet(weights_path(name, weights))
    return BlazeFaceNet(name, net, (4,), (1,), min_score)


class BlazeFace:
    """Detector that runs the networks at several scales and merges the detections.

    At an input side of 192 px the full-range network finds faces between a twelfth and a half of
    that; passes at half, double, ... size find the others.

    Args:
        full: Full-range network.
        short: Short-range network for one more pass, or None.
        smallest_face: Side in image pixels of the smallest detected faces; about twice that is
            found reliably.
        passes: Number of passes at the finest scales; None for all of them.
        device: Device of the networks.
    """

    smallest_input = 24.0
    # As in training: of 18 faces of 40 px 17 are found on such tiles, and 11 on tiles of 640 px.
    tile_side = 192

    def __init__(
        self,
        full: BlazeFaceNet,
        short: BlazeFaceNet | None = None,
        smallest_face: int = 32,
        passes: int | None = None,
        device: str = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self.passes = passes
        self.full = full
        self.short = short
        self.smallest_face = smallest_face
        networks = [full] if short is None else [full, short]
        self.weights = tuple(network.name for network in networks)
        for network in networks:
            network.net.to(self.device)

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """Detections per image, highest score first.

        Args:
            images: Images, (H, W, 3) uint8 RGB; images of one size run as one batch.
        """
        results: list[list[Detection]] = [[] for _ in images]
        for shape, indices in group_by_shape(images).items():
            sides = self.input_sides(max(shape[:2]))
            passes = [(self.full, side) for side in sides[-(self.passes or len(sides)) :]]
            if self.short is not None:
                passes.append((self.short, _SHORT_SIDE))
            boards = [letterboxes(images[i], [side for _, side in passes]) for i in indices]
            for network, side in passes:
                found = self._detect(network, [board[side] for board in boards])
                for index, detections in zip(indices, found, strict=True):
                    results[index] += detections
        return [drop_nested(_merge_passes(detections)) for detections in results]

    def input_scale(self, height: int, width: int) -> float:
        """Scale of the finest pass over an image of that size; see ``ScalableDetector``."""
        longer = max(height, width)
        return self.input_sides(longer)[-1] / longer

    def for_tiles(self) -> "BlazeFace":
        """Detector with a single pass at scale 1; see ``ScalableDetector``."""
        return BlazeFace(self.full, None, _SMALLEST_FACE, passes=1, device=str(self.device))

    def input_sides(self, longer: int) -> list[int]:
        """Input sides that the longer side of an image is scaled to, ascending."""
        finest = -(-longer * _SMALLEST_FACE // (self.smallest_face * _STRIDE)) * _STRIDE
        finest = min(finest, _MAX_SIDE)
        sides = [_MIN_SIDE]
        while sides[-1] * 2 * _MIN_STEP <= finest:
            sides.append(sides[-1] * 2)
        return [*sides, finest] if finest > _MIN_SIDE else sides

    def _detect(
        self, network: BlazeFaceNet, boards: Sequence[tuple[NDArray[np.uint8], float]]
    ) -> list[list[Detection]]:
        # The activations of larger batches do not fit into the cache of a CPU.
        pixels = boards[0][0].shape[0] * boards[0][0].shape[1]
        size = max(1, _CPU_BATCH // pixels) if self.device.type == "cpu" else len(boards)
        found: list[list[Detection]] = []
        for start in range(0, len(boards), size):
            chunk = np.stack([board for board, _ in boards[start : start + size]])
            batch = torch.from_numpy(chunk).to(self.device)
            found += network.detect(batch.permute(0, 3, 1, 2).float().div_(127.5).sub_(1))
        # Continuous coordinates: pixel centres lie at .5 there, and at whole numbers in a frame.
        return [
            [_to_frame(detection, scale) for detection in detections]
            for detections, (_, scale) in zip(found, boards, strict=True)
        ]


def _to_frame(detection: Detection, scale: float) -> Detection:
    assert detection.points is not None
    box, points = detection.box / scale - 0.5, detection.points / scale - 0.5
    return Detection(box, detection.score, points)


def _merge_passes(detections: Sequence[Detection]) -> list[Detection]:
    if not detections:
        return []
    return merge_weighted(
        np.stack([d.box for d in detections]),
        np.array([d.score for d in detections], np.float32),
        np.stack([d.points for d in detections if d.points is not None]),
    )


@detectors.register
def blazeface(
    device: str = "cpu",
    smallest_face: int = 32,
    min_score: float = 0.6,
    close_ups: bool = False,
) -> BlazeFace:
    """BlazeFace with the published weights.

    Args:
        device: Device of the networks.
        smallest_face: Side in image pixels of the smallest detected faces. The time grows with the
            square of the image side divided by it.
        min_score: Score in [0, 1] below which detections are dropped.
        close_ups: Whether the short-range network runs too. It finds large faces a little better,
            and has false detections on cats and dogs.
    """
    # With close-ups the score of the short-range network keeps its ratio to that of the other one.
    short = short_range(min_score=min_score * 5 / 6) if close_ups else None
    return BlazeFace(full_range(min_score=min_score), short, smallest_face, device=device)
