"""S3FD: boxes of faces at six scales, with the network of the library face-alignment.

Zhang et al., "S3FD: Single Shot Scale-invariant Face Detector", 2017. It finds boxes without points
and is by far the slowest detector on a CPU.
"""

from pathlib import Path

import numpy as np
from torch import Tensor

from faceswap.core.weights import load_weights
from faceswap.detectors.anchored import (
    AnchorDetector,
    AnchorOutputs,
    Candidates,
    anchor_grid,
    per_anchor,
)
from faceswap.detectors.nms import nms
from faceswap.detectors.registry import Detection, detectors

# Strides of the six levels; the anchors of a level have sides of four strides.
_STRIDES = (4, 8, 16, 32, 64, 128)
_MAX_OVERLAP = 0.3


class SFD(AnchorDetector):
    """Detector around the network ``face_alignment.detection.sfd.net_s3fd.s3fd``."""

    weights: tuple[str, ...] = ("sfd",)
    smallest_input = 26.0

    def run(self, batch: Tensor) -> AnchorOutputs:
        """Runs the network; see ``AnchorDetector``."""
        outputs = self.net(batch)  # per level logits (B, 2, h, w) and boxes (B, 4, h, w)
        logits, boxes = outputs[::2], outputs[1::2]
        sides = [(4 * stride,) for stride in _STRIDES]
        anchors = anchor_grid([level.shape[2:] for level in logits], _STRIDES, sides)
        scores = per_anchor(logits, 2).softmax(2)[..., 1]
        return AnchorOutputs(scores, per_anchor(boxes, 4), None, anchors)

    def merge(self, candidates: Candidates, scale: float) -> list[Detection]:
        """Keeps the best box of each face; see ``AnchorDetector``."""
        boxes, scores = candidates.boxes, candidates.scores
        # The library counts the last pixel of a box as inside.
        kept = nms(boxes + np.array([0, 0, 1, 1], np.float32), scores, _MAX_OVERLAP)
        # Pixel centres lie at .5 in the network's coordinates, at whole numbers in a frame.
        return [Detection(boxes[i] / scale - 0.5, float(scores[i])) for i in kept]


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
