"""Pictures of a report."""

import numpy as np
import pytest

from faceswap.curation.report_pictures import pose_map, strip, tile
from faceswap.facesets.faceset import Faceset


@pytest.fixture
def pairs(make_faceset, tmp_path):
    faceset = Faceset.open(make_faceset(tmp_path / "a", faces=4, shade=(220, 170, 140)))
    return [(faceset, face) for face in faceset.faces()]


def test_a_tile_shows_the_middle_of_a_crop(pairs) -> None:
    shown = tile(pairs[0], 60)
    assert shown.shape == (60, 60, 3)
    # Between the eyes is skin, at the edge what is around the head.
    assert np.abs(shown[22, 30].astype(int) - [220, 170, 140]).max() < 12
    assert np.abs(shown[2, 2].astype(int) - [90, 110, 100]).max() < 12


def test_a_strip_has_a_tile_for_each_face(pairs) -> None:
    one, four = strip(pairs[:1]), strip(pairs)
    assert four.shape == (one.shape[0], 4 * one.shape[1], 3)
    assert (four[:, : one.shape[1]] == one).all()


def test_faces_are_where_their_pose_is(pairs) -> None:
    poses = np.array([[0, 0], [0, 1], [10, 0], [5, -5]], np.float32)
    picture, size = pose_map(pairs, poses)
    assert size == 5
    # Columns of yaw 0, 5 and 10, rows of pitch 0 and -5.
    cell = picture.shape[0] // 2
    assert picture.shape == (2 * cell, 3 * cell, 3)
    middles = picture[cell // 2 :: cell, cell // 2 :: cell].astype(int)
    filled = np.ptp(middles, axis=2) > 20
    assert filled.tolist() == [[True, False, True], [False, True, False]]
    assert (picture[0, :10] == 255).all()  # the frame of the pose into the camera


def test_wide_poses_have_larger_cells(pairs) -> None:
    assert pose_map(pairs, np.full((4, 2), 40, np.float32))[1] == 10
    assert pose_map(pairs, np.full((4, 2), 80, np.float32))[1] == 15
