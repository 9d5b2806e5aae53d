"""Face detectors; importing this package fills the registry."""

from faceswap.detectors import blazeface, mtcnn, retinaface, sfd, yunet
from faceswap.detectors.registry import (
    Detection,
    Detector,
    ScalableDetector,
    build_detector,
    detectors,
)
from faceswap.detectors.tiles import TiledDetector, tile_detector

__all__ = [
    "Detection",
    "Detector",
    "ScalableDetector",
    "TiledDetector",
    "blazeface",
    "build_detector",
    "detectors",
    "mtcnn",
    "retinaface",
    "sfd",
    "tile_detector",
    "yunet",
]
