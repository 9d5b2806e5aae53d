"""Landmarkers; importing this package fills their registry."""

from faceswap.landmarkers import facemesh, fan
from faceswap.landmarkers.registry import (
    FaceLandmarks,
    Landmarker,
    Roi,
    build_landmarker,
    landmarkers,
)

__all__ = [
    "FaceLandmarks",
    "Landmarker",
    "Roi",
    "build_landmarker",
    "facemesh",
    "fan",
    "landmarkers",
]
