"""Detects faces in single frames, independently of other frames."""

import numpy as np
from numpy.typing import NDArray

from faceswap.detectors.nms import overlaps
from faceswap.landmarkers import FaceLandmarks
from faceswap.tracking.finder import DETECTOR, LANDMARKER, build_tracker

_SAME_FACE = 0.25  # IoU


class FaceFinder:
    """Detector and landmarker, run on each image without tracking.

    Args:
        detector: Name of the detector.
        landmarker: Name of the landmarker.
        device: Device of the networks.

    Raises:
        ConfigError: The detector or landmarker is unknown.
        WeightsUnavailable: The weights were not found and could not be downloaded.
    """

    def __init__(
        self, detector: str = DETECTOR, landmarker: str = LANDMARKER, device: str = "cpu"
    ) -> None:
        self._tracker = build_tracker(detector, landmarker, device)

    def all(self, image: NDArray[np.uint8]) -> list[FaceLandmarks]:
        """All faces of an image ``(H, W, 3) uint8 RGB``, largest first."""
        faces = [face.landmarks for face in self._tracker.find_faces(image)]
        return sorted(faces, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))

    def at(self, image: NDArray[np.uint8], expected: NDArray[np.floating]) -> FaceLandmarks | None:
        """The detected face that overlaps an expected position.

        Args:
            image: Image, ``(H, W, 3) uint8 RGB``.
            expected: Expected landmarks, ``(68, 2)`` in pixels; used only to select among the
                detected faces.

        Returns:
            The face, or None when no detected face overlaps it enough (IoU of 0.25).
        """
        faces = self.all(image)
        if not faces:
            return None
        # Boxes of landmarks on both sides: detector boxes would include the forehead.
        boxes = np.stack([_box(face.points) for face in faces])
        ious = overlaps(_box(expected), boxes)
        best = int(np.argmax(ious))
        return faces[best] if ious[best] >= _SAME_FACE else None


def _box(points: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
