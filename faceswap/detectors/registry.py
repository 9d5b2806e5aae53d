"""Face detectors by name, and the detections that they return."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.core.registry import Registry


@dataclass(frozen=True)
class Detection:
    """A face in a frame.

    Pixel centres lie at whole numbers, x before y. Left and right are those of the image while the
    head is upright.

    Attributes:
        box: Box, (4,) float32 x0, y0, x1, y1 in frame pixels; may reach beyond the frame.
        score: Confidence in [0, 1]; not comparable between detectors.
        points: Points, (K, 2) float32 frame pixels: left eye, right eye, then further points in
            the order of the detector (of five: nose tip, left and right mouth corner). None from
            detectors that only find boxes; the face is then assumed to be upright.
    """

    box: NDArray[np.float32]
    score: float
    points: NDArray[np.float32] | None = None


class Detector(Protocol):
    """A face detector; several threads may call it at once.

    Attributes:
        weights: Names of its published weights in the weights table.
    """

    weights: tuple[str, ...]

    def __call__(self, images: Sequence[NDArray[np.uint8]]) -> list[list[Detection]]:
        """Detections per image, highest score first; images are (H, W, 3) uint8 RGB."""
        ...


class ScalableDetector(Detector, Protocol):
    """A detector of which is known how large it needs faces to be.

    Attributes:
        smallest_input: Side of the face square (brows to chin) in pixels of the network's finest
            input from which faces are found reliably, as measured on photographs.
        tile_side: Longest side of the tiles that suit the network best, in pixels; a multiple of
            32.
    """

    smallest_input: float
    tile_side: int

    def input_scale(self, height: int, width: int) -> float:
        """Scale of the network's finest input for an image of that size."""
        ...

    def for_tiles(self) -> Detector:
        """Detector with the same networks for the tiles of a scaled frame (``TiledDetector``).

        It takes images of at most ``tile_side`` at scale 1, and finds faces between
        ``smallest_input`` and several times that.
        """
        ...


detectors: Registry[Callable[..., ScalableDetector]] = Registry("detector")


def build_detector(
    name: str = "blazeface", device: str = "cpu", **options: Any
) -> ScalableDetector:
    """Builds a detector with its weights.

    Args:
        name: Name in the registry.
        device: Device of the networks.
        **options: Options of that detector, such as ``min_score``.

    Raises:
        ConfigError: There is no such detector.
        WeightsUnavailable: The weights are not on this machine and cannot be downloaded.
        ModelFileError: A weights file holds weights of another network.
    """
    return detectors.get(name)(device=device, **options)
