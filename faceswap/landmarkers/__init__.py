"""Landmarkers; importing this package fills their registry."""

from faceswap.landmarkers import facemesh, fan
from faceswap.landmarkers.building import Normalise, build_landmarker
from faceswap.landmarkers.registry import FaceLandmarks, Landmarker, Roi, landmarkers

__all__ = [
    "FaceLandmarks",
    "Landmarker",
    "Normalise",
    "Roi",
    "build_landmarker",
    "facemesh",
    "fan",
    "landmarkers",
]
