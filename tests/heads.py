"""Landmarks and meshes of synthetic heads with known pose and expression."""

import numpy as np

from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.geometry.mesh_shape import FACE_POINTS, with_irises
from tests.meshes import with_landmarks


def rotation(pitch=0.0, yaw=0.0, roll=0.0):
    """Upwards, to image right, clockwise, in degrees; x right, y down, z away."""
    a, b, c = np.radians([pitch, yaw, roll])
    about_x = [[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]]
    about_y = [[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]]
    about_z = [[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]]
    return np.array(about_z) @ np.array(about_y) @ np.array(about_x)


def head(face=MEAN_FACE, **turn):
    """``(68, 3)`` points of a turned head in a frame."""
    return 120 * face @ rotation(**turn).T + [300, 200, 0]


def mesh_of(points):
    """A ``(478, 3)`` mesh whose 68 points are the given ones."""
    return with_irises(with_landmarks(np.zeros((FACE_POINTS, 3)), points)).astype(np.float32)


def with_open_mouth(gap, face=MEAN_FACE):
    face = face.copy()
    face[[65, 66, 67], 1] += gap
    return face
