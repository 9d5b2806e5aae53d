"""The cut of a face that DFM models are given, beside ours.

Readers of DFM files place five points of a face (eyes, tip of the nose, corners of the mouth) by a
similarity where this template has them; it is facefusion's ``dfl_whole_face``, after the face type
``whole_face`` of DeepFaceLab.
"""

import numpy as np

from faceswap.geometry.alignment import FloatArray, crop_matrix, transform_points
from faceswap.geometry.landmarks68 import LEFT_EYE, MOUTH_CORNERS, NOSE_TIP, RIGHT_EYE
from faceswap.geometry.mean_face import MEAN_FACE

_TEMPLATE = np.array(
    [(0.3534, 0.3929), (0.6280, 0.3929), (0.4866, 0.5402), (0.3884, 0.6875), (0.5982, 0.6875)]
)
_LARGE = 1000  # px of a mean face, so that the places of pixel centres do not count


def dfl_place(coverage: float) -> tuple[float, FloatArray]:
    """Where our crop of an upright face lies in the cut of DFM models.

    Fitted to the mean face, without rotation.

    Args:
        coverage: Side of our crop in face squares.

    Returns:
        Side of our crop, and its upper left corner ``(2,)``, in sides of the cut.
    """
    frontal = MEAN_FACE[:, :2] * _LARGE
    points = transform_points(crop_matrix(frontal, _LARGE, coverage), frontal) / _LARGE
    ours = np.array(
        [
            points[LEFT_EYE].mean(0),
            points[RIGHT_EYE].mean(0),
            points[NOSE_TIP],
            *points[[*MOUTH_CORNERS]],
        ]
    )
    centred, wanted = ours - ours.mean(0), _TEMPLATE - _TEMPLATE.mean(0)
    scale = float((centred * wanted).sum() / (centred**2).sum())
    return scale, _TEMPLATE.mean(0) - scale * ours.mean(0)
