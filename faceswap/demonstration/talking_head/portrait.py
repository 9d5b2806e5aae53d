"""Renders a portrait with a gesture: eyes and mouth, then the head rotation, then the light."""

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.demonstration.talking_head.expression import Eye, Mouth
from faceswap.demonstration.talking_head.head_surface import HeadSurface, Plane, rotation_matrix
from faceswap.demonstration.talking_head.motion import Gesture
from faceswap.media.frame import Image

_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
_CORNERS = ((61, 50, -1), (291, 280, 1))
"""Mouth corner, cheek above it, and horizontal direction of the corner in a smile."""
_FACE_FRACTION = 0.42
"""Face size (mean of width and height of the mesh), as a fraction of the frame size."""
_MARGIN = 0.2
"""Margin of the canvas around the frame, in frame sizes."""
_STEP = 4
"""Spacing of the warp grid in canvas pixels."""
_ITERATIONS = 16
"""Fixed-point iterations of the inversion; each scales the error by the displacement's slope."""
_FOCAL = 7.0
"""Camera distance in face sizes."""
_LAMP = np.array([0.0, -0.15, -1.0])
"""Direction of the light in the portrait: from the camera, slightly above."""
_WARM = np.array([0.09, 0.0, -0.11])
"""Natural logarithm of the RGB gain at warmth 1."""


class Portrait:
    """Renders a portrait with any gesture.

    Args:
        image: Portrait of one person facing the camera, ``(H, W, 3) uint8 RGB``.
        mesh: Face mesh, ``(478, 3)`` in pixels of ``image``; z is smaller towards the camera.
        size: Side of the square frames in pixels.
    """

    def __init__(self, image: Image, mesh: NDArray[np.floating], size: int = 480) -> None:
        low, high = mesh[:, :2].min(0), mesh[:, :2].max(0)
        self.size, self.unit = size, _FACE_FRACTION * size
        scale = self.unit / float((high - low).mean())
        side = size + 2 * round(_MARGIN * size)
        offset = (side - 1) / 2 - scale * (low + high) / 2
        matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
        canvas = cv2.warpAffine(
            image, matrix, (side, side), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
        )
        self.canvas = np.asarray(canvas, np.uint8)
        # Corners of the original image on the canvas, which is mirrored beyond them. Rounded to
        # pixels, so that a head at rest is not resampled.
        high = offset + scale * np.array([image.shape[1] - 1, image.shape[0] - 1])
        self._picture = np.ceil(offset), np.floor(high)
        self.mesh = np.concatenate([mesh[:, :2] * scale + offset, mesh[:, 2:] * scale], axis=1)
        self._surface = HeadSurface(self.mesh, self.unit, side, _STEP)
        flat = self.mesh[:, :2].astype(np.float32)
        self._eyes = [Eye(self.canvas, flat, side=index) for index in (0, 1)]
        self._mouth = Mouth(self.canvas, flat, self.unit)

    def render(self, gesture: Gesture) -> Image:
        """Render one frame, ``(size, size, 3) uint8 RGB``."""
        canvas = self.canvas.copy()
        for eye in self._eyes:
            eye.render(canvas, self.canvas, gesture.blink, gesture.gaze)
        self._mouth.render(canvas, self.canvas, gesture.mouth)
        rotation = rotation_matrix(gesture.yaw, gesture.pitch, gesture.roll)
        frame_x, frame_y = self._sources(gesture, rotation)
        frame = cv2.remap(
            canvas, frame_x, frame_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        light = _at(self._light(gesture, rotation), frame_x, frame_y)
        tint = np.exp(_WARM * gesture.warmth + gesture.exposure).astype(np.float32)
        lit = frame * (light[..., None] * tint)
        return np.clip(lit + 0.5, 0, 255).astype(np.uint8)

    def _sources(self, gesture: Gesture, rotation: NDArray[np.float64]) -> tuple[Plane, Plane]:
        """Backward map frame -> grid: x and y, ``(size, size) float32`` each, in canvas pixels."""
        surface = self._surface
        go_x, go_y = self._displacement(gesture, rotation)
        x, y = surface.x, surface.y
        # Invert the forward displacement by fixed-point iteration.
        for _ in range(_ITERATIONS):
            x, y = surface.x - _at(go_x, x, y), surface.y - _at(go_y, x, y)
        view, size = self._view(gesture), (self.size, self.size)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        frame_x, frame_y = (cv2.warpAffine(plane, view, size, flags=flags) for plane in (x, y))
        return np.asarray(frame_x, np.float32), np.asarray(frame_y, np.float32)

    def _displacement(self, gesture: Gesture, rotation: NDArray[np.float64]) -> tuple[Plane, Plane]:
        """Displacement of each grid node in pixels: two ``(h, w)`` planes."""
        surface, far = self._surface, _FOCAL * self.unit
        move_x, move_y = self._expression_displacement(gesture)
        x = surface.x - surface.centre[0] + move_x
        y = surface.y - surface.centre[1] + move_y
        turned = np.stack([x, y, -surface.height], axis=-1) @ rotation.T
        # Perspective relative to the portrait, which was taken by the same camera.
        nearer = (far - surface.height) / (far + turned[..., 2])
        go_x = surface.follow * (turned[..., 0] * nearer - x) + move_x
        go_y = surface.follow * (turned[..., 1] * nearer - y) + move_y
        return go_x.astype(np.float32), go_y.astype(np.float32)

    def _expression_displacement(self, gesture: Gesture) -> tuple[Plane, Plane]:
        """Displacement by smile and brows before rotation, in pixels: two ``(h, w)`` planes."""
        surface, points, unit = self._surface, self.mesh[:, :2], self.unit
        x, y = np.zeros_like(surface.x), np.zeros_like(surface.y)
        # An open mouth is narrower.
        wider = 0.035 * gesture.smile - 0.03 * max(gesture.mouth, 0.0)
        for corner, cheek, way in _CORNERS:
            bump = surface.bump(points[corner], 0.1, 0.09)
            x += unit * wider * way * bump
            y -= unit * gesture.smile * 0.045 * bump
            y -= unit * gesture.smile * 0.02 * surface.bump(points[cheek], 0.12, 0.1)
        # Centred above the brows, so that eyelids and spectacle rims do not move.
        above = np.array([0, 0.05 * unit])
        brows = sum((surface.bump(points[i] - above, 0.07, 0.06) for i in _BROWS), start=0 * x)
        y -= unit * gesture.brow * 0.04 * np.minimum(brows / 1.5, 1)
        return x, y

    def _view(self, gesture: Gesture) -> NDArray[np.float64]:
        """Matrix ``(2, 3)`` frame pixel -> grid node, kept inside the image where possible."""
        zoom = float(np.exp(gesture.zoom))
        half = (self.size - 1) / 2 / zoom
        middle = (self.canvas.shape[0] - 1) / 2
        focus = middle + np.array([gesture.shift_x, gesture.shift_y]) * self.size
        low, high = self._picture[0] + half, self._picture[1] - half
        focus = np.where(low < high, np.clip(focus, low, high), (low + high) / 2)
        x, y = focus - half
        return np.array([[1 / zoom, 0, x], [0, 1 / zoom, y]]) / _STEP

    def _light(self, gesture: Gesture, rotation: NDArray[np.float64]) -> Plane:
        """Brightness factor at each node, ``(h, w)``; 1 for the light of the portrait."""
        surface = self._surface
        lamp = _LAMP + np.array([np.sin(0.9 * gesture.side_light), 0, 0])
        # Lambert shading in the portrait (own) and after rotation with the new light (new).
        own = surface.normal @ (_LAMP / np.linalg.norm(_LAMP))
        new = surface.normal @ rotation.T @ (lamp / np.linalg.norm(lamp))
        around = 1 + 0.12 * gesture.side_light * (surface.x - surface.centre[0]) / self.unit
        face = 1 + 0.55 * (new - own)
        return (around + surface.skin * (face - around)).astype(np.float32)


def _at(plane: Plane, x: Plane, y: Plane) -> Plane:
    """Sample a grid plane at canvas pixel coordinates."""
    found = cv2.remap(
        plane, x / _STEP, y / _STEP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(found, np.float32)
