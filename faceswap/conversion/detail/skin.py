"""Carries the fine detail of the frame's own skin over to the swapped face."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.detail.blur import gaussian_blur
from faceswap.conversion.detail.enhancers import Enhancer, FaceCrops, enhancers
from faceswap.conversion.detail.luma import luma
from faceswap.geometry.landmarks68 import LEFT_BROW, LEFT_EYE, MOUTH, RIGHT_BROW, RIGHT_EYE
from faceswap.maskers.hull import fill_convex

_COARSE = 0.018  # face squares: standard deviation of the blur whose difference is the detail
_AROUND = 0.03  # face squares: distance over which features are judged
_TYPICAL = 0.018  # luma: detail of rough skin; a neighbourhood with twice as much shows a feature
_LARGEST = 0.04  # luma: of the detail of a pixel
_GRID = 128  # side of the grid of the excluded parts
_MARGIN = 0.035  # face squares around the excluded parts
_NOSTRILS = slice(31, 36)


@enhancers.register
def skin(strength: float) -> Enhancer:
    """Adds the fine detail of the frame's own skin: pores, small spots and noise.

    Eyes, brows, mouth and nostrils keep their own detail. Features of the frame's own face, such as
    wrinkles and the rims of glasses, have more contrast than pores and are attenuated with what
    surrounds them, so that they do not show on the swapped face.

    Args:
        strength: Fraction of the detail that is added, 0 to 1.
    """

    def add_skin(crops: FaceCrops) -> Tensor:
        unit = crops.faces.shape[-1] / crops.coverage
        band = skin_detail(crops.targets, unit)
        masks = crops.masks * _skin_parts(crops).to(band)
        return (crops.faces + strength * masks * band).clamp_(0, 1)

    return add_skin


def skin_detail(targets: Tensor, face_square: float) -> Tensor:
    """Fine detail of faces without their features.

    Args:
        targets: Faces, ``(B, 3, S, S) float32 RGB`` in [0, 1].
        face_square: Side of the face square in pixels.

    Returns:
        Luma, ``(B, 1, S, S)``; it is added to all channels.
    """
    brightness = luma(targets)
    sigmas = brightness.new_full((len(targets),), face_square)
    band = brightness - gaussian_blur(brightness, _COARSE * sigmas)
    deviation = gaussian_blur(band.square(), _AROUND * sigmas).clamp_min(0).sqrt()
    trust = 1 / (1 + (deviation / _TYPICAL).pow(4))
    return trust * _LARGEST * torch.tanh(band / _LARGEST)


def _skin_parts(crops: FaceCrops) -> Tensor:
    """1 on the skin and 0 on features, ``(B, 1, S, S)``."""
    size = crops.faces.shape[-1]
    scale = _GRID / size
    features = [_features((points + 0.5) * scale - 0.5, crops) for points in crops.landmarks]
    parts = torch.from_numpy(1 - np.stack(features)[:, None])
    return F.interpolate(parts, (size, size), mode="bilinear", align_corners=False)


def _features(points: NDArray[np.floating], crops: FaceCrops) -> NDArray[np.float32]:
    margin = _MARGIN * _GRID / crops.coverage
    union = np.zeros((_GRID, _GRID), np.uint8)
    for part in _groups():
        union = np.maximum(union, fill_convex(_GRID, points[part]))
    side = 2 * round(margin) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    wide = np.asarray(cv2.dilate(union, kernel), np.float32) / 255
    return np.asarray(cv2.GaussianBlur(wide, (0, 0), margin / 2), np.float32)


def _groups() -> Sequence[NDArray[np.int64]]:
    indices = np.arange(68)
    sides = [np.r_[indices[brow], indices[eye]] for brow, eye in _EYES]
    return [*sides, indices[MOUTH], indices[_NOSTRILS]]


_EYES = ((LEFT_BROW, LEFT_EYE), (RIGHT_BROW, RIGHT_EYE))
