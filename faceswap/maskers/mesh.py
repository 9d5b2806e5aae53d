"""Outlines of faces by their mesh."""

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.mesh68 import mesh_to_68
from faceswap.geometry.mesh_shape import INNER_LIP_CORNERS, LOWER_LIP, UPPER_LIP
from faceswap.geometry.outline import OUTLINE
from faceswap.maskers.hull import fill_convex

_INNER_LIPS = np.array([INNER_LIP_CORNERS[0], *UPPER_LIP, INNER_LIP_CORNERS[1], *LOWER_LIP[::-1]])


def fill_mesh(size: int, mesh: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Renders the face oval of a mesh, and features that lie beyond it when the head is turned.

    Args:
        size: Side of the mask in pixels.
        mesh: Face mesh, ``(478, 2)`` in pixels of the mask.

    Returns:
        Mask, ``(size, size) uint8``, 255 inside.
    """
    return fill_convex(size, np.concatenate([mesh[OUTLINE], mesh_to_68(mesh)]))


def fill_open_mouth(size: int, mesh: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Renders what is between the inner lips: nothing of a closed mouth.

    Args:
        size: Side of the mask in pixels.
        mesh: Face mesh, ``(478, 2)`` in pixels of the mask.

    Returns:
        Mask, ``(size, size) uint8``, 255 inside.
    """
    mask = np.zeros((size, size), np.uint8)
    vertices = np.round(mesh[_INNER_LIPS] * 16).astype(np.int32)
    cv2.fillPoly(mask, [vertices], 255, cv2.LINE_8, 4)
    # A polygon of no height is rendered as a line. The lips belong to the face.
    hole = cv2.erode(mask, np.ones((3, 3), np.uint8))
    return np.asarray(cv2.blur(hole, (3, 3)), np.uint8)
