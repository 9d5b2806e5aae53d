"""S3FD: boxes of faces at six scales, with the network of the library face-alignment.

Zhang et al., "S3FD: Single Shot Scale-invariant Face Detector", 2017. It finds boxes without points
and is by far the slowest detector on a CPU.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faceswap.core.weights import load_weights
from faceswap.detectors.inputs import group_by_shape, shrink
from faceswap.detectors.nms import nms
from faceswap.detectors.registry import Detection, detectors

# Strides of the six levels; the anchor of a level has a side of four strides.
_STRIDES = (4, 8, 16, 32, 64, 128)
# Scales of the regressed centres, and of the logarithms of the regressed sides.
_CENTER_SCALE, _SIDE_SCALE = 0.1, 0.2
_MEAN_BGR = (104.0, 117.0, 123.0)
_MAX_OVERLAP = 0.3


class SFD:
    """Detector around the network.

    Args:
        net: ``face_alignment.detection.sfd.net_s3fd.s3fd`` with its weights.
        max_side: Longer side in pixels to which larger images are scaled down.
        min_score: Score in [0, 1] below which detections are dropped.
        device: Device of the network.
    """

    weights: tuple[str, ...] = ("sfd",)

    def __init__(
        self, net: nn.Module, max_side: int = 640, min_score: float = 0.5, device: str = "cpu"
    ) -> None:
        self.device = torch.device(device)
        self.net = net.eval().requires_grad_(requires_grad=False).to(self.device)
        self.max_side = max_side
        self.min_score = min_score

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """Detections per image, highest score first, without points.

        Args:
            images: Images, (H, W, 3) uint8 RGB; images of one size run as one batch.
        """
        results: list[list[Detection]] = [[] for _ in images]
        for indices in group_by_shape(images).values():
            scaled = [shrink(images[i], self.max_side) for i in indices]
            levels = self._levels([image for image, _ in scaled])
            for row, index in enumerate(indices):
                found = [
                    _candidates(logits[row], boxes[row], stride, self.min_score)
                    for (logits, boxes), stride in zip(levels, _STRIDES, strict=True)
                ]
                results[index] = _detections(np.concatenate(found), scaled[row][1])
        return results

    def _levels(self, images: Sequence[NDArray[np.uint8]]) -> list[tuple[Tensor, Tensor]]:
        """Per level logits (B, 2, h, w) of no face and face, and boxes (B, 4, h, w), on the CPU."""
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack(images)).to(self.device).permute(0, 3, 1, 2)
            mean = torch.tensor(_MEAN_BGR, device=self.device).view(1, 3, 1, 1)
            outputs = [output.cpu() for output in self.net(batch.flip(1).float() - mean)]
        return list(zip(outputs[::2], outputs[1::2], strict=True))


def _candidates(
    logits: Tensor, boxes: Tensor, stride: int, min_score: float
) -> NDArray[np.float32]:
    """(N, 5) x0, y0, x1, y1 in input pixels and score of the positions of one level."""
    scores = logits.softmax(0)[1].numpy()
    rows, columns = np.nonzero(scores > min_score)
    regressed = boxes.numpy()[:, rows, columns].T  # (N, 4)
    side = 4 * stride
    anchors = (np.stack([columns, rows], axis=1) + 0.5) * stride
    centers = anchors + regressed[:, :2] * _CENTER_SCALE * side
    half = np.exp(regressed[:, 2:] * _SIDE_SCALE) * side / 2
    corners = [centers - half, centers + half, scores[rows, columns][:, None]]
    return np.concatenate(corners, axis=1).astype(np.float32)


def _detections(rows: NDArray[np.float32], scale: float) -> list[Detection]:
    # The library counts the last pixel of a box as inside.
    kept = nms(rows[:, :4] + np.array([0, 0, 1, 1], np.float32), rows[:, 4], _MAX_OVERLAP)
    # Pixel centres lie at .5 in the network's coordinates, at whole numbers in a frame.
    return [Detection(rows[i, :4] / scale - 0.5, float(rows[i, 4])) for i in kept]


@detectors.register
def sfd(
    device: str = "cpu",
    max_side: int = 640,
    min_score: float = 0.5,
    weights: Path | None = None,
) -> SFD:
    """S3FD with the published weights of face-alignment.

    Args:
        device: Device of the network.
        max_side: Longer side in pixels to which larger images are scaled down.
        min_score: Score in [0, 1] below which detections are dropped.
        weights: File with other weights of the same network.
    """
    # The library imports slowly: only who uses this detector waits for it.
    from face_alignment.detection.sfd.net_s3fd import s3fd

    net = s3fd()
    load_weights(net, "sfd", weights)
    return SFD(net, max_side, min_score, device)
