"""A portrait made to move: lids and lips are drawn, then one warp turns the head, and it is lit."""

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.demonstration.talking_head.expression import Eye, Mouth
from faceswap.demonstration.talking_head.head_surface import Plane, Relief, rotation_matrix
from faceswap.demonstration.talking_head.motion import Gesture
from faceswap.media.frame import Image

_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
_CORNERS = ((61, 50, -1), (291, 280, 1))
"""Corner of the mouth, cheek above it, and the way it goes in a smile."""
_FACE_SHARE = 0.42
"""Size of the face (mean of the mesh's width and height) in frame sizes."""
_MARGIN = 0.2
"""What the canvas has beyond the frame on each side, in frame sizes."""
_STEP = 4
"""Pixels of the canvas per node of the warp grid."""
_ROUNDS = 16
"""Steps of the inversion; each cuts its error by the steepest slope of the displacement."""
_FOCAL = 7.0
"""Distance of the camera in face sizes."""
_LAMP = np.array([0.0, -0.15, -1.0])
"""Where the portrait's light comes from: the camera, and a little above."""
_WARM = np.array([0.09, 0.0, -0.11])
"""Logarithm of the gain of red, green and blue in the warmest light."""


class Portrait:
    """A head that can be asked for a gesture.

    Args:
        image: Portrait of one person who looks at the camera, ``(H, W, 3) uint8 RGB``.
        mesh: ``(468, 3)`` face mesh; x, y, z in pixels of ``image``, z smaller = nearer.
        size: Side of the square frames in pixels.
    """

    def __init__(self, image: Image, mesh: NDArray[np.floating], size: int = 480) -> None:
        low, high = mesh[:, :2].min(0), mesh[:, :2].max(0)
        self.size, self.unit = size, _FACE_SHARE * size
        scale = self.unit / float((high - low).mean())
        side = size + 2 * round(_MARGIN * size)
        offset = (side - 1) / 2 - scale * (low + high) / 2
        matrix = np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])
        canvas = cv2.warpAffine(
            image, matrix, (side, side), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
        )
        self.canvas = np.asarray(canvas, np.uint8)
        # Corners of the picture proper on the canvas, which is mirrored beyond them. Whole pixels,
        # so that a head at rest is not resampled.
        high = offset + scale * np.array([image.shape[1] - 1, image.shape[0] - 1])
        self._picture = np.ceil(offset), np.floor(high)
        self.mesh = np.concatenate([mesh[:, :2] * scale + offset, mesh[:, 2:] * scale], axis=1)
        self._relief = Relief(self.mesh, self.unit, side, _STEP)
        flat = self.mesh[:, :2].astype(np.float32)
        self._eyes = [Eye(self.canvas, flat, side=index) for index in (0, 1)]
        self._lips = Mouth(self.canvas, flat, self.unit)

    def render(self, gesture: Gesture) -> Image:
        """The frame of a gesture, ``(size, size, 3) uint8 RGB``."""
        canvas = self.canvas.copy()
        for eye in self._eyes:
            eye.draw(canvas, self.canvas, gesture.blink, gesture.gaze)
        self._lips.draw(canvas, self.canvas, gesture.mouth)
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
        """Where on the canvas each pixel of the frame comes from: x and y, ``(size, size)``."""
        relief = self._relief
        go_x, go_y = self._displacement(gesture, rotation)
        x, y = relief.x, relief.y
        # The point that lands here is here less its own way: solved by repeated substitution.
        for _ in range(_ROUNDS):
            x, y = relief.x - _at(go_x, x, y), relief.y - _at(go_y, x, y)
        view, size = self._view(gesture), (self.size, self.size)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        frame_x, frame_y = (cv2.warpAffine(plane, view, size, flags=flags) for plane in (x, y))
        return np.asarray(frame_x, np.float32), np.asarray(frame_y, np.float32)

    def _displacement(self, gesture: Gesture, rotation: NDArray[np.float64]) -> tuple[Plane, Plane]:
        """Where each node of the grid goes, minus where it is, in pixels: two ``(h, w)`` planes."""
        relief, far = self._relief, _FOCAL * self.unit
        move_x, move_y = self._grimace(gesture)
        x = relief.x - relief.centre[0] + move_x
        y = relief.y - relief.centre[1] + move_y
        turned = np.stack([x, y, -relief.height], axis=-1) @ rotation.T
        # Nearer is larger; the portrait itself was taken by the same camera.
        nearer = (far - relief.height) / (far + turned[..., 2])
        go_x = relief.follow * (turned[..., 0] * nearer - x) + move_x
        go_y = relief.follow * (turned[..., 1] * nearer - y) + move_y
        return go_x.astype(np.float32), go_y.astype(np.float32)

    def _grimace(self, gesture: Gesture) -> tuple[Plane, Plane]:
        """What smile and brows move on the face, before it turns: two ``(h, w)`` planes, pixels."""
        relief, points, unit = self._relief, self.mesh[:, :2], self.unit
        x, y = np.zeros_like(relief.x), np.zeros_like(relief.y)
        # A mouth that opens grows narrower.
        wider = 0.035 * gesture.smile - 0.03 * max(gesture.mouth, 0.0)
        for corner, cheek, way in _CORNERS:
            bump = relief.bump(points[corner], 0.1, 0.09)
            x += unit * wider * way * bump
            y -= unit * gesture.smile * 0.045 * bump
            y -= unit * gesture.smile * 0.02 * relief.bump(points[cheek], 0.12, 0.1)
        # Above the brows rather than on them: lids, or the rim of spectacles, are to stay.
        above = np.array([0, 0.05 * unit])
        brows = sum((relief.bump(points[i] - above, 0.07, 0.06) for i in _BROWS), start=0 * x)
        y -= unit * gesture.brow * 0.04 * np.minimum(brows / 1.5, 1)
        return x, y

    def _view(self, gesture: Gesture) -> NDArray[np.float64]:
        """Matrix ``(2, 3)`` frame pixel -> grid node, inside the picture where that is possible."""
        zoom = float(np.exp(gesture.zoom))
        half = (self.size - 1) / 2 / zoom
        middle = (self.canvas.shape[0] - 1) / 2
        focus = middle + np.array([gesture.shift_x, gesture.shift_y]) * self.size
        low, high = self._picture[0] + half, self._picture[1] - half
        focus = np.where(low < high, np.clip(focus, low, high), (low + high) / 2)
        x, y = focus - half
        return np.array([[1 / zoom, 0, x], [0, 1 / zoom, y]]) / _STEP

    def _light(self, gesture: Gesture, rotation: NDArray[np.float64]) -> Plane:
        """Brightness factor at each node, ``(h, w)``; 1 everywhere in the portrait's own light."""
        relief = self._relief
        lamp = _LAMP + np.array([np.sin(0.9 * gesture.side_light), 0, 0])
        # How squarely the face met its own lamp, and how squarely the turned face meets this one.
        own = relief.normal @ (_LAMP / np.linalg.norm(_LAMP))
        new = relief.normal @ rotation.T @ (lamp / np.linalg.norm(lamp))
        around = 1 + 0.12 * gesture.side_light * (relief.x - relief.centre[0]) / self.unit
        face = 1 + 0.55 * (new - own)
        return (around + relief.skin * (face - around)).astype(np.float32)


def _at(plane: Plane, x: Plane, y: Plane) -> Plane:
    """A plane of the grid at places given in canvas pixels."""
    found = cv2.remap(
        plane, x / _STEP, y / _STEP, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(found, np.float32)
