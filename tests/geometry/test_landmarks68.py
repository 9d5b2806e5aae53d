import numpy as np
import pytest

from faceswap.geometry import landmarks68 as ibug68
from faceswap.geometry.landmarks68 import lid_gap, mouth_gap
from faceswap.geometry.mean_face import MEAN_FACE


def test_the_parts_are_every_point_once_and_lie_where_their_names_say():
    parts = (ibug68.JAW, ibug68.LEFT_BROW, ibug68.RIGHT_BROW, ibug68.NOSE)
    parts += (ibug68.LEFT_EYE, ibug68.RIGHT_EYE, ibug68.MOUTH)
    points = [point for part in parts for point in range(68)[part]]
    assert points == list(range(68))
    face = MEAN_FACE[:, :2]
    x, y = face[:, 0], face[:, 1]
    assert x[ibug68.LEFT_EYE].max() < 0 < x[ibug68.RIGHT_EYE].min()
    assert y[ibug68.BROWS].mean() < y[ibug68.LEFT_EYE].mean() < y[ibug68.NOSE_TIP]
    assert y[ibug68.NOSE_TIP] < y[ibug68.MOUTH].min()
    assert x[list(ibug68.MOUTH_CORNERS)].tolist() == [x[ibug68.MOUTH].min(), x[ibug68.MOUTH].max()]


def test_gaps_of_many_faces_at_once():
    shut, wide = MEAN_FACE.copy(), MEAN_FACE.copy()
    for upper, lower in ((61, 67), (62, 66), (63, 65), (37, 41), (38, 40), (43, 47), (44, 46)):
        shut[lower] = shut[upper]
        wide[lower] = wide[upper] + (0, 0.3 if upper > 48 else 0.1, 0)
    faces = np.stack([shut, wide])
    assert mouth_gap(faces) == pytest.approx([0, 0.3])
    assert lid_gap(faces) == pytest.approx([0, 0.1])
