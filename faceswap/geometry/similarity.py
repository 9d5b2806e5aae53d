"""Least-squares similarity transforms between point sets (Umeyama, 1991)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Similarity(NamedTuple):
    """Similarity transforms: ``scale * points @ rotation.T + translation``.

    Attributes:
        rotation: Rotation, ``(..., D, D)``; never a reflection.
        translation: Translation, ``(..., D)``.
        scale: Scale, ``(...)``.
    """

    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    scale: NDArray[np.float64]

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Maps ``(..., N, D)`` points."""
        turned = np.asarray(points, np.float64) @ np.swapaxes(self.rotation, -1, -2)
        return self.scale[..., None, None] * turned + self.translation[..., None, :]

    def undo(self, points: ArrayLike) -> NDArray[np.float64]:
        """Maps ``(..., N, D)`` points back."""
        moved = np.asarray(points, np.float64) - self.translation[..., None, :]
        return moved @ self.rotation / self.scale[..., None, None]


def fit_similarity(points: ArrayLike, onto: ArrayLike) -> Similarity:
    """Similarity transform that moves points as near to others as possible.

    Args:
        points: Points to transform, ``(..., N, D)``.
        onto: Target points, ``(..., N, D)``; leading dimensions broadcast.
    """
    points, onto = np.asarray(points, np.float64), np.asarray(onto, np.float64)
    here, there = points.mean(-2, keepdims=True), onto.mean(-2, keepdims=True)
    a, b = points - here, onto - there
    u, singular, vt = np.linalg.svd(np.swapaxes(b, -1, -2) @ a)
    signs = np.ones(singular.shape)
    signs[..., -1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * signs[..., None, :]) @ vt
    power = np.maximum((a**2).sum((-1, -2)), 1e-12)
    scale = np.asarray((singular * signs).sum(-1) / power)
    centre = (here @ np.swapaxes(rotation, -1, -2))[..., 0, :]
    return Similarity(rotation, there[..., 0, :] - scale[..., None] * centre, scale)


def without_roll(rotation: NDArray[np.floating]) -> NDArray[np.floating]:
    """Rotations ``(N, 3, 3)`` of heads turned upright, as they are in crops."""
    sine, cosine = -rotation[:, 0, 1], rotation[:, 1, 1]
    length = np.maximum(np.hypot(sine, cosine), 1e-9)
    upright = np.zeros_like(rotation)
    upright[:, 0, 0] = upright[:, 1, 1] = cosine / length
    upright[:, 0, 1] = sine / length
    upright[:, 1, 0] = -sine / length
    upright[:, 2, 2] = 1
    return upright @ rotation
