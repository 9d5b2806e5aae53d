"""Landmarkers that change how another one is run."""

from faceswap.landmarkers.registry import Landmarker


class WrappedLandmarker:
    """Base of landmarkers that run another one, and take its regions and thresholds.

    Args:
        inner: Landmarker.
    """

    def __init__(self, inner: Landmarker) -> None:
        self._inner = inner
        self.weights = inner.weights
        self.upright = inner.upright
        self.min_presence = inner.min_presence
        self.confirm_presence = inner.confirm_presence
        self.roi_from_detection = inner.roi_from_detection
        self.roi_from_landmarks = inner.roi_from_landmarks
