"""Landmark networks; importing this package fills the registry."""

from faceswap.landmarkers import facemesh
from faceswap.landmarkers.registry import (
    FaceLandmarks,
    Landmarker,
    Roi,
    build_landmarker,
    landmarkers,
)

__all__ = ["FaceLandmarks", "Landmarker", "Roi", "build_landmarker", "facemesh", "landmarkers"]
