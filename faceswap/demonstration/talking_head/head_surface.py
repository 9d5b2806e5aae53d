"""Depth map of a head on a coarse grid over its portrait."""

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.thin_plate import thin_plate

Plane = NDArray[np.float32]

_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377)
_OVAL += (152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
_EARS = (234, 93, 127, 454, 323, 356)
_SLOPE = 1.7
"""Largest slope: below the cotangent of the largest yaw, so that a turned head never folds."""


def smoothstep(value: np.ndarray) -> np.ndarray:
    """Smoothstep: 0 below 0, 1 above 1, cubic in between."""
    value = np.clip(value, 0, 1)
    return value * value * (3 - 2 * value)


class HeadSurface:
    """Depth, normals and masks of a head at every node of a grid over its portrait.

    Args:
        mesh: Face mesh, ``(478, 3)`` in pixels; z is smaller towards the camera.
        unit: Face size in pixels.
        side: Side of the square portrait in pixels.
        step: Grid spacing in pixels.

    Attributes:
        x: Column of each node in pixels, ``(h, w) float32``.
        y: Row of each node in pixels, ``(h, w) float32``.
        centre: Centre of rotation between the ears, ``(3,)`` in pixels.
        height: Height in front of the centre in pixels, ``(h, w) float32``.
        follow: Weight of head motion, ``(h, w) float32``: 1 on the head, 0 on the background.
        skin: Face mask with soft edge, ``(h, w) float32`` in [0, 1].
        normal: Unit surface normals, ``(h, w, 3) float32``: right, down, away from the camera.
    """

    def __init__(self, mesh: NDArray[np.floating], unit: float, side: int, step: int) -> None:
        self._mesh, self._unit, self._step = mesh, unit, step
        nodes = np.arange(0, side + step, step, dtype=np.float32)
        self.x, self.y = np.meshgrid(nodes, nodes)
        oval, ears = mesh[list(_OVAL)], mesh[list(_EARS)]
        self.centre = np.array([*oval[:, :2].mean(0), ears[:, 2].mean()])
        self.height = self._limit_slope(self._heights())
        self.follow = self._follow_weights()
        self.skin = self._skin(oval)
        self.normal = self._normals()

    def _heights(self) -> Plane:
        """Smooth surface through the mesh that falls to 0 around the head."""
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) * self._unit
        # Ellipses around the face: the skull is taller than wide, and wider than the face.
        rims = [self.centre[:2] + circle * axes for axes in ([0.8, 1.0], [1.2, 1.4])]
        anchors = np.concatenate([self._mesh[:, :2], *rims])
        values = np.zeros(len(anchors))
        values[: len(self._mesh)] = self.centre[2] - self._mesh[:, 2]
        nodes = np.stack([self.x.ravel(), self.y.ravel()], axis=1)
        surface = thin_plate(anchors / self._unit, values, nodes / self._unit)
        return np.maximum(surface.reshape(self.x.shape), 0).astype(np.float32)

    def _limit_slope(self, height: Plane) -> Plane:
        """Blur the surface until its slope is at most ``_SLOPE``."""
        while self._max_slope(height) > _SLOPE:
            height = self._blur(height, 0.04)
        return height

    def _max_slope(self, height: Plane) -> float:
        down, right = np.gradient(height, self._step)
        return float(np.hypot(down, right).max())

    def _blur(self, plane: Plane, radius: float) -> Plane:
        blurred = cv2.GaussianBlur(plane, (0, 0), radius * self._unit / self._step)
        return np.asarray(blurred, np.float32)

    def _follow_weights(self) -> Plane:
        x = (self.x - self.centre[0]) / self._unit
        y = (self.y - self.centre[1]) / self._unit
        head = 1 - smoothstep((np.hypot(x, y / 1.15) - 0.75) / 0.75)
        neck = 1 - smoothstep(y - 0.35)
        return (head * neck).astype(np.float32)

    def _skin(self, oval: NDArray[np.floating]) -> Plane:
        mask = np.zeros(self.x.shape, np.float32)
        cv2.fillPoly(mask, [np.round(oval[:, :2] / self._step).astype(np.int32)], 1.0)
        return self._blur(mask, 0.07)

    def _normals(self) -> NDArray[np.float32]:
        slope_y, slope_x = np.gradient(self._blur(self.height, 0.08), self._step)
        normal = np.stack([-slope_x, -slope_y, -np.ones_like(slope_x)], axis=-1)
        return (normal / np.linalg.norm(normal, axis=-1, keepdims=True)).astype(np.float32)

    def bump(self, centre: NDArray[np.floating], wide: float, tall: float) -> Plane:
        """Gaussian of height 1, ``(h, w)``; ``centre`` in pixels, radii in face sizes."""
        x = (self.x - centre[0]) / (wide * self._unit)
        y = (self.y - centre[1]) / (tall * self._unit)
        return np.exp(-0.5 * (x**2 + y**2)).astype(np.float32)


def rotation_matrix(yaw: float, pitch: float, roll: float) -> NDArray[np.float64]:
    """Rotation matrix ``(3, 3)`` for points (right, down, away from the camera).

    Angles are in degrees. Positive yaw turns the face to image right, positive pitch looks up, and
    positive roll is clockwise in the image.
    """
    a, b, c = np.deg2rad([yaw, pitch, roll])
    turn = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    nod = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    tilt = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return tilt @ nod @ turn
