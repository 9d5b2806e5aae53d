import numpy as np

from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.maskers import build_masker
from faceswap.maskers.hull import hull_polygon

LANDMARKS = 100 * MEAN_FACE[:, :2] + 100


def test_hull_covers_the_face_and_part_of_the_forehead():
    (mask,) = build_masker("hull")([np.zeros((200, 200, 3), np.uint8)], [LANDMARKS])
    brow, chin = LANDMARKS[19], LANDMARKS[8]
    assert mask[int(LANDMARKS[30, 1]), 100] == 255
    assert mask[int(brow[1]) - 5, int(brow[0])] == 255
    assert mask[int(brow[1]) - 30, int(brow[0])] == 0
    assert mask[int(chin[1]) + 3, 100] == 0
    assert mask[:, :40].max() == 0


def test_area_matches_the_polygon():
    polygon = hull_polygon(LANDMARKS)
    x, y = polygon[:, 0], polygon[:, 1]
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    (mask,) = build_masker("hull")([np.zeros((200, 200, 3), np.uint8)], [LANDMARKS])
    assert abs(mask.astype(float).sum() / 255 - area) < 0.03 * area
