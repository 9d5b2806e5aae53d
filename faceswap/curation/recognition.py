"""Recognises the faces of pictures that lost their names.

Extraction measured each face within its mask. Of the pictures in question, the one that still has
these values to within what JPEG changes is the crop of that face.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FaceswapError
from faceswap.extraction.cropping import measure
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.record import first_masker
from faceswap.geometry.alignment import transform_points
from faceswap.maskers.hull import fill_hull

# Standard deviations between the measures of a crop before and after JPEG of quality 95.
_SHARPNESS, _EXPOSURE = 0.01, 5e-5
_FARTHEST = 5.0
_CLEARLY = 2.0  # times as far as the best, and at least that much farther
_MOST_CANDIDATES = 5000


def recognise(
    faceset: Faceset, pictures: Sequence[NDArray[np.uint8]], missing: Sequence[Face]
) -> list[Face | None]:
    """Faces whose crops some pictures are.

    Args:
        faceset: Their faceset.
        pictures: Pictures of the size of its crops, ``(S, S, 3) uint8`` RGB.
        missing: Faces without a crop.

    Returns:
        Face of each picture; None if it is none of them, was edited, or if two are as likely.
    """
    masks = [_mask(faceset, face) for face in missing[:_MOST_CANDIDATES]]
    found = [_nearest(picture, missing, masks) for picture in pictures]
    counts = {id(face): sum(face is other for other in found) for face in found if face}
    return [face if face and counts[id(face)] == 1 else None for face in found]


def _mask(faceset: Faceset, face: Face) -> NDArray[np.uint8]:
    try:
        return faceset.load_mask(face, first_masker(faceset.record))
    except FaceswapError:  # the usual one
        points = transform_points(face.matrix, face.landmarks)
        return fill_hull(faceset.crop_size, points)


def _nearest(
    picture: NDArray[np.uint8], faces: Sequence[Face], masks: Sequence[NDArray[np.uint8]]
) -> Face | None:
    apart = np.full(max(2, len(masks)), np.inf)
    for place, (face, mask) in enumerate(zip(faces, masks, strict=False)):
        if mask.shape != picture.shape[:2]:
            continue
        sharpness, exposure = measure(picture, mask)
        ratio = np.log(max(sharpness, 1e-9) / max(face.sharpness, 1e-9))
        apart[place] = np.hypot(ratio / _SHARPNESS, (exposure - face.exposure) / _EXPOSURE)
    best, second = np.argsort(apart, kind="stable")[:2]
    clear = apart[second] > max(_CLEARLY * apart[best], apart[best] + _CLEARLY)
    return faces[best] if apart[best] < _FARTHEST and clear else None
