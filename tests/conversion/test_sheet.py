"""Contact sheets of converted frames."""

import numpy as np
import pytest

from faceswap.conversion.sheet import around_faces, sheet, tile
from faceswap.geometry.mean_face import MEAN_FACE


def face(x: float, y: float, side: float) -> np.ndarray:
    flat = MEAN_FACE[:, :2]
    flat = (flat - flat.min(0)) / np.ptp(flat, 0).max()
    return flat * side + [x, y]


def test_the_region_holds_all_faces_and_stays_in_the_frame():
    faces = [face(10, 20, 60), face(300, 40, 80)]
    x0, y0, x1, y1 = around_faces((240, 480, 3), faces)
    assert 0 <= x0 <= 10
    assert 380 <= x1 <= 480
    assert (y0, y1) == (0, 240)


def test_the_region_of_one_face_is_a_square_around_it():
    x0, y0, x1, y1 = around_faces((1000, 1000, 3), [face(450, 450, 100)])
    assert x1 - x0 == y1 - y0
    assert 200 < x1 - x0 < 300
    assert (x0 + x1) / 2 == pytest.approx(500, abs=8)


def test_without_a_face_the_middle_is_shown():
    assert around_faces((100, 300, 3), []) == (100, 0, 200, 100)


def test_tiles_keep_proportions():
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, 100:] = (255, 0, 0)
    shown = tile(image, (0, 0, 200, 100))
    assert shown.shape == (320, 320, 3)
    assert (shown[[*range(79), *range(241, 320)]] == 255).all()
    assert (shown[160, 100] == 0).all()
    assert shown[160, 250].tolist() == [255, 0, 0]


def test_a_sheet_has_each_tile_in_its_place():
    shades = np.array([[10, 60], [110, 160]], np.uint8)
    tiles = [[np.full((320, 320, 3), shade, np.uint8) for shade in row] for row in shades]
    made = sheet(["a", "b"], [("one", tiles[0]), ("two", tiles[1])])
    height, width = made.shape[:2]
    assert width == 2 * 320 + 4
    assert height == 3 * 24 + 2 * 320
    seen = made[[24 + 24 + 160, 24 + 2 * 24 + 320 + 160]][:, [160, 324 + 160], 0]
    np.testing.assert_array_equal(seen, shades)
    assert (made[:24] < 128).any()
    assert (made[24:48] < 128).any()
