"""Face detectors; importing this package fills the registry."""

from faceswap.detectors import blazeface, mtcnn, retinaface, sfd, yunet
from faceswap.detectors.registry import Detection, Detector, build_detector, detectors

__all__ = [
    "Detection",
    "Detector",
    "blazeface",
    "build_detector",
    "detectors",
    "mtcnn",
    "retinaface",
    "sfd",
    "yunet",
]
