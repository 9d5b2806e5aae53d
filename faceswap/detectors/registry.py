"""Face detectors by name, and the value that they give."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.core.registry import Registry


@dataclass(frozen=True)
class Detection:
    """A face in a frame.

    Args:
        box: (4,) float32 x0, y0, x1, y1 in frame pixels; may reach beyond the frame.
        score: Certainty in [0, 1].
        points: (K, 2) float32 frame pixels, K >= 2. The first is the eye at image left when the
            head is upright, the second the other eye.
    """

    box: NDArray[np.float32]
    score: float
    points: NDArray[np.float32]


class Detector(Protocol):
    """A face detector.

    Attributes:
        weights: Names of its published weights, which its results depend on.
    """

    weights: tuple[str, ...]

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """Faces per image, the most certain first; images are (H, W, 3) uint8 RGB."""
        ...


detectors: Registry[Callable[..., Detector]] = Registry("detector")


def build_detector(name: str = "blazeface", device: str = "cpu", **options: Any) -> Detector:
    """The detector of that name, with its weights, on a device.

    Raises:
        ConfigError: There is no such detector.
        WeightsUnavailable: Its weights could neither be found nor fetched.
    """
    return detectors.get(name)(device=device, **options)
