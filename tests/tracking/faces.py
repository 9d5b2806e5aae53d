"""Tracked faces with given meshes."""

import numpy as np
from numpy.typing import ArrayLike

from faceswap.landmarkers import FaceLandmarks
from faceswap.tracking.tracks import TrackedFace


def face(mesh: ArrayLike, track: int = 0, presence: float = 0.9) -> TrackedFace:
    """A face whose 68 points are the first ones of its mesh, (478, 3)."""
    mesh = np.asarray(mesh, np.float32)
    landmarks = FaceLandmarks(mesh[:68, :2].copy(), mesh, presence)
    return TrackedFace(track, landmarks.box, 0.8, landmarks)
