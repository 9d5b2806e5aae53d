"""What a face looks like when nothing is in front of it, learnt from its own frames."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.maskers.face_texture import FACE, SKIN

Values = NDArray[np.float32]

_DARK = 0.04  # added to colours in [0, 1] before their logarithm: noise counts little
_RARE = 0.25  # fraction of the frames: what is seen in fewer is not part of the face
# Differences of the logarithm of brightness, and of the ratios of red and of blue to green, that
# count as one. Shadows change the brightness most.
_UNITS = np.array([0.7, 0.1, 0.1], np.float32)
_USUAL = 0.25  # difference up to which a point takes part in the comparison of the light
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_WEAK, _STRONG = 0.7, 1.0  # differences of what is near something, and of what shows it
_LEAST, _MOST = 0.03, 0.75  # fractions of the face: details, and other light on all of it
_STRONG_PART = 0.3  # of the skin in a region that is hidden


@dataclass(frozen=True, eq=False)
class Appearance:
    """Range of the colours that each point of a face usually has.

    Values are the logarithm of brightness, and of the ratios of red and of blue to green.

    Attributes:
        usual: Median values, ``(GRID, GRID, 3)``.
        least: Least values.
        most: Greatest values.
    """

    usual: Values
    least: Values
    most: Values

    @classmethod
    def of(cls, colours: Sequence[Values]) -> "Appearance":
        """Learns the appearance of a face.

        Args:
            colours: Colours of its points in several frames, ``(GRID, GRID, 3)`` each.
        """
        values = _values(np.stack(colours))
        for _ in range(2):
            usual = np.median(values, 0)
            values = np.stack([_balanced(each, usual) for each in values])
        least, most = np.quantile(values, (_RARE, 1 - _RARE), 0).astype(np.float32)
        # Landmarks are a point off here and there.
        least, most = cv2.erode(least, _NEIGHBOURS), cv2.dilate(most, _NEIGHBOURS)
        return cls(
            np.median(values, 0), np.asarray(least, np.float32), np.asarray(most, np.float32)
        )

    def differences(self, colours: Values) -> Values:
        """How far colours are out of the range, ``(GRID, GRID)``; 1 is hardly ever reached.

        Args:
            colours: Colours of the points of the face in a frame, ``(GRID, GRID, 3)``.
        """
        values = _balanced(_values(colours), self.usual)
        beyond = np.maximum(self.least - values, values - self.most).clip(0)
        return np.asarray(cv2.blur(np.linalg.norm(beyond / _UNITS, axis=-1), (3, 3)), np.float32)

    def hidden(self, colours: Values) -> NDArray[np.uint8] | None:
        """Points that something hides, ``(GRID, GRID)``, 1 there; None if nothing hides the face.

        Args:
            colours: Colours of the points of the face in a frame, ``(GRID, GRID, 3)``.
        """
        different = self.differences(colours)
        strong = (different > _STRONG) & SKIN
        if strong.sum() < _LEAST * _STRONG_PART * FACE.sum():
            return None
        weak = np.asarray((different > _WEAK) & FACE, np.uint8)
        count, labels = cv2.connectedComponents(weak)
        hidden = np.zeros_like(weak)
        for label in range(1, count):
            region = labels == label
            if region.sum() >= _LEAST * FACE.sum() and (
                strong[region].sum() >= _STRONG_PART * max(1, SKIN[region].sum())
            ):
                hidden[region] = 1
        return hidden if 0 < hidden.sum() <= _MOST * FACE.sum() else None


def _values(colours: Values) -> Values:
    red, green, blue = np.moveaxis(np.log(colours + np.float32(_DARK)), -1, 0)
    return np.stack([(red + green + blue) / 3, red - green, blue - green], -1)


def _balanced(values: Values, usual: Values) -> Values:
    """Values under the usual light, of which most of the skin shows the strength and colour."""
    difference = (values - usual)[SKIN]
    light = np.median(difference, 0)
    same = np.linalg.norm(difference - light, axis=1) < _USUAL
    if same.any():
        light = np.median(difference[same], 0)
    return np.asarray(values - light, np.float32)
