"""Finds the face to be judged anew in the pixels of each frame, without memory of others."""

import numpy as np
from numpy.typing import NDArray

from faceswap.detectors.nms import overlaps
from faceswap.landmarkers import FaceLandmarks
from faceswap.tracking.finder import DETECTOR, LANDMARKER, build_tracker

_SAME_FACE = 0.25


class FaceFinder:
    """Detector and landmark net, run from scratch on every picture.

    Args:
        detector: Name of the detector.
        landmarker: Name of the landmark net.
        device: Where the nets are to run.

    Raises:
        ConfigError: There is no such detector or landmark net.
        WeightsUnavailable: Weights could neither be found nor fetched.
    """

    def __init__(
        self, detector: str = DETECTOR, landmarker: str = LANDMARKER, device: str = "cpu"
    ) -> None:
        self._tracker = build_tracker(detector, landmarker, device)

    def all(self, image: NDArray[np.uint8]) -> list[FaceLandmarks]:
        """All faces of a picture ``(H, W, 3) uint8 RGB``, the largest first."""
        faces = [face.landmarks for face in self._tracker.still(image)]
        return sorted(faces, key=lambda face: -float(np.prod(face.box[2:] - face.box[:2])))

    def at(self, image: NDArray[np.uint8], place: NDArray[np.floating]) -> FaceLandmarks | None:
        """The face of a picture that lies where one is expected.

        Args:
            image: ``(H, W, 3) uint8 RGB``.
            place: ``(68, 2)`` landmarks from elsewhere. They choose among the faces that are found
                and have no other influence.

        Returns:
            None when no face is found there.
        """
        faces = self.all(image)
        if not faces:
            return None
        # The landmarks leave out the forehead, as the iBUG points of the faces do here.
        boxes = np.stack([_box(face.points) for face in faces])
        shares = overlaps(_box(place), boxes)
        best = int(np.argmax(shares))
        return faces[best] if shares[best] >= _SAME_FACE else None


def _box(points: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
