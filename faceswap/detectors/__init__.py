"""Face detectors; importing this package fills the registry."""

from faceswap.detectors import blazeface, mtcnn, retinaface, sfd, yunet
from faceswap.detectors.registry import Detection, Detector, build_detector, detectors
from faceswap.detectors.tiles import TiledDetector

__all__ = [
    "Detection",
    "Detector",
    "TiledDetector",
    "blazeface",
    "build_detector",
    "detectors",
    "mtcnn",
    "retinaface",
    "sfd",
    "yunet",
]
