"""The squares that deepfakes/faceswap and DeepFaceLab cut around a face, from its 68 landmarks.

Both move the inner landmarks onto a mean face in the unit square (brows to mouth) by a similarity,
and add a margin. DeepFaceLab's is described in its ``LandmarksProcessor``; deepfakes/faceswap puts
the centre of the head, found by a perspective fit of 26 points in 3D, into the middle.
"""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.geometry.similarity import fit_similarity

FloatArray = NDArray[np.float64]

_HEAD_MARGIN = 0.625
"""Part of the side of a crop of deepfakes/faceswap, centred on the head, beyond the unit square."""
_WHOLE_FACE_MARGIN = 0.4 * np.sqrt(2)
"""Margin on each side of DeepFaceLab's ``whole_face`` in unit squares."""
_WHOLE_FACE_RAISED = 0.07
"""Distance by which it is moved up, in unit squares."""

# Points 17 to 67 of dlib's mean face, on which OpenFace aligned first.
_MEAN_51 = np.array(
    [
        [0.010086, 0.106454], [0.085135, 0.038915], [0.191003, 0.018748], [0.300643, 0.034489],
        [0.403270, 0.077391], [0.596729, 0.077391], [0.699356, 0.034489], [0.808997, 0.018748],
        [0.914864, 0.038915], [0.989913, 0.106454], [0.500000, 0.203352], [0.500000, 0.307009],
        [0.500000, 0.409805], [0.500000, 0.515625], [0.376753, 0.587326], [0.435909, 0.609345],
        [0.500000, 0.628106], [0.564090, 0.609345], [0.623246, 0.587326], [0.131610, 0.216423],
        [0.196995, 0.178758], [0.275698, 0.179852], [0.344479, 0.231733], [0.270791, 0.245099],
        [0.192616, 0.244077], [0.655520, 0.231733], [0.724301, 0.179852], [0.803005, 0.178758],
        [0.868389, 0.216423], [0.807383, 0.244077], [0.729208, 0.245099], [0.264022, 0.780233],
        [0.350858, 0.745405], [0.438731, 0.727388], [0.500000, 0.742578], [0.561268, 0.727388],
        [0.649141, 0.745405], [0.735977, 0.780233], [0.652032, 0.864805], [0.566594, 0.902192],
        [0.500000, 0.909281], [0.433405, 0.902192], [0.347967, 0.864805], [0.300252, 0.784792],
        [0.437969, 0.778746], [0.500000, 0.785343], [0.562030, 0.778746], [0.699747, 0.784792],
        [0.563237, 0.824182], [0.500000, 0.831803], [0.436763, 0.824182],
    ]
)  # fmt: skip
_WHOLE_FACE_POINTS = [*range(17, 49), 54]
_WHOLE_FACE_SHIFT = 0.009873  # of DeepFaceLab's copy of the mean face to the left

_PNP_POINTS = [
    *(6, 7, 8, 9, 10, 17, 21, 22, 26, 31, 32, 33, 34, 35),
    *(36, 39, 42, 45, 48, 50, 51, 52, 54, 56, 57, 58),
]
# The same points of glAnthropometric3DModel, a head in centimetres (University of Coimbra).
_PNP_MODEL = np.array(
    [
        [4.056931, -11.432347, 1.636229], [1.833492, -12.542305, 4.061275],
        [0.0, -12.901019, 4.070434], [-1.833492, -12.542305, 4.061275],
        [-4.056931, -11.432347, 1.636229], [6.825897, 1.275284, 4.402142],
        [1.330353, 1.636816, 6.903745], [-1.330353, 1.636816, 6.903745],
        [-6.825897, 1.275284, 4.402142], [1.930245, -5.060977, 5.914376],
        [0.746313, -5.136947, 6.263227], [0.0, -5.485328, 6.76343],
        [-0.746313, -5.136947, 6.263227], [-1.930245, -5.060977, 5.914376],
        [5.311432, 0.0, 3.987654], [1.78993, -0.091703, 4.413414],
        [-1.78993, -0.091703, 4.413414], [-5.311432, 0.0, 3.987654],
        [2.774015, -7.566103, 5.048531], [0.509714, -7.056507, 6.566167],
        [0.0, -7.131772, 6.704956], [-0.509714, -7.056507, 6.566167],
        [-2.774015, -7.566103, 5.048531], [-0.589441, -8.443925, 6.109526],
        [0.0, -8.601736, 6.097667], [0.589441, -8.443925, 6.109526],
    ]
)  # fmt: skip
_PNP_CAMERA = np.array([[4.0, 0, 0.5], [0, 4.0, 0.5], [0, 0, 1]])
_HEAD_CENTRE = np.array([[0.0, 0.0, -2.3]])


def head_matrix(landmarks: ArrayLike, size: int) -> FloatArray:
    """Crop of deepfakes/faceswap, centred on the head, as its face PNGs are.

    Args:
        landmarks: Landmarks, ``(68, 2)`` in frame pixels.
        size: Side of the crop in pixels.

    Returns:
        ``(2, 3)``: frame pixel -> pixel of the crop.
    """
    points = np.asarray(landmarks, np.float64).reshape(68, 2)
    unit = _matrix(points[17:], _MEAN_51)
    flat = points @ unit[:, :2].T + unit[:, 2]
    _, rotation, translation = cv2.solvePnP(
        _PNP_MODEL, flat[_PNP_POINTS], _PNP_CAMERA, np.zeros(4), flags=cv2.SOLVEPNP_ITERATIVE
    )
    centre, _ = cv2.projectPoints(_HEAD_CENTRE, rotation, translation, _PNP_CAMERA, np.zeros(4))
    unit[:, 2] -= centre.ravel() - 0.5
    margin = round(size * _HEAD_MARGIN / 2)
    matrix = unit * (size - 2 * margin)
    matrix[:, 2] += margin
    return matrix


def whole_face_matrix(landmarks: ArrayLike, size: int) -> FloatArray:
    """Crop of DeepFaceLab's face type ``whole_face``; see ``head_matrix``."""
    points = np.asarray(landmarks, np.float64).reshape(68, 2)
    mean = _MEAN_51[np.array(_WHOLE_FACE_POINTS) - 17] - [_WHOLE_FACE_SHIFT, 0]
    unit = _matrix(points[_WHOLE_FACE_POINTS], mean)
    unit[1, 2] += _WHOLE_FACE_RAISED
    unit[:, 2] += _WHOLE_FACE_MARGIN
    return unit * (size / (1 + 2 * _WHOLE_FACE_MARGIN))


def _matrix(points: FloatArray, onto: FloatArray) -> FloatArray:
    similarity = fit_similarity(points, onto)
    return np.column_stack([similarity.scale * similarity.rotation, similarity.translation])
