"""YuNet: boxes and five points from a network of 75 thousand parameters, run by OpenCV.

Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023; weights of OpenCV's model zoo.
"""

import threading
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import ModelFileError
from faceswap.core.weights import weights_path
from faceswap.detectors.inputs import shrink, shrink_scale
from faceswap.detectors.nms import merge_weighted
from faceswap.detectors.registry import Detection, detectors

# Candidates before NMS: bounds the time on crowds.
_TOP_K = 5000
# OpenCV's own NMS is left without effect; IoU from which two boxes are the same face in ours.
_NO_NMS, _SAME_FACE = 1.0, 0.3


class YuNet:
    """Detector around ``cv2.FaceDetectorYN``, on the CPU.

    Args:
        path: ONNX file of the network.
        max_side: Longer side in pixels to which larger images are scaled down.
        min_score: Score in [0, 1] below which detections are dropped.

    Raises:
        ModelFileError: The file is not a network of this kind.
    """

    weights: tuple[str, ...] = ("yunet",)
    smallest_input = 26.0
    tile_side = 640

    def __init__(self, path: Path, max_side: int = 640, min_score: float = 0.8) -> None:
        self.max_side = max_side
        self.min_score = min_score
        self._lock = threading.Lock()
        # OpenCV 5 warns that its new engine ignores the choice of a target.
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            self._net = cv2.FaceDetectorYN.create(
                str(path), "", (32, 32), min_score, _NO_NMS, _TOP_K
            )
            self._detect(np.zeros((32, 32, 3), np.uint8))
        except cv2.error as error:
            raise ModelFileError(
                f"Expected the ONNX network of YuNet in {path}, found another file.",
                "Run `faceswap weights fetch yunet`.",
            ) from error
        finally:
            cv2.utils.logging.setLogLevel(level)

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """Detections per image, highest score first; images are (H, W, 3) uint8 RGB."""
        return [self._detect(image) for image in images]

    def input_scale(self, height: int, width: int) -> float:
        """Scale of the network's input for an image of that size; see ``ScalableDetector``."""
        return shrink_scale(height, width, self.max_side)

    def for_tiles(self) -> "YuNet":
        """This detector, which does not scale tiles; see ``ScalableDetector``."""
        return self

    def _detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        scaled, scale = shrink(image, self.max_side)
        with self._lock:  # the network keeps the size of its input
            self._net.setInputSize((scaled.shape[1], scaled.shape[0]))
            _, found = self._net.detect(cv2.cvtColor(scaled, cv2.COLOR_RGB2BGR))
        # Rows: x, y, width, height, 5 x (x, y), score. OpenCV gives None if nothing is found.
        rows = np.zeros((0, 15), np.float32) if found is None else np.asarray(found, np.float32)
        corners = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4], rows[:, 4:14]], axis=1)
        # Pixel centres lie at whole numbers in the frame and in the scaled image.
        places = (corners + 0.5) / scale - 0.5
        return merge_weighted(
            places[:, :4], rows[:, 14], places[:, 4:].reshape(-1, 5, 2), _SAME_FACE
        )


@detectors.register
def yunet(
    device: str = "cpu",  # noqa: ARG001 - all detectors take it
    max_side: int = 640,
    min_score: float = 0.8,
    weights: Path | None = None,
) -> YuNet:
    """YuNet with the published weights.

    Args:
        device: Device; ignored, since OpenCV runs the network on the CPU.
        max_side: Longer side in pixels to which larger images are scaled down. The network finds
            faces from about 10 to 300 pixels at that scale.
        min_score: Score in [0, 1] below which detections are dropped.
        weights: File with other weights of the same network.
    """
    return YuNet(weights_path("yunet", weights), max_side, min_score)
