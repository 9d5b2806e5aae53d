import cv2
import numpy as np
import pytest
from skimage import data

from faceswap.detectors.inputs import group_by_shape, letterbox, letterboxes, shrink


def test_letterbox_pads_to_the_stride():
    board, scale = letterbox(np.full((90, 160, 3), 7, np.uint8), 192)
    assert scale == pytest.approx(1.2)
    assert board.shape == (128, 192, 3)
    assert (board[:108] == 7).all()
    assert (board[108:] == 0).all()


@pytest.mark.parametrize("shape", [(720, 1280), (480, 512), (405, 720), (601, 333), (60, 100)])
def test_small_letterboxes_made_from_larger_ones_are_the_same(shape):
    picture = np.asarray(cv2.resize(data.astronaut(), shape[::-1]), np.uint8)
    sides = [96, 192, 384, 608]
    boards = letterboxes(picture, sides)
    for side in sides:
        expected, scale = letterbox(picture, side)
        board, own_scale = boards[side]
        assert own_scale == scale
        assert board.shape == expected.shape
        assert np.abs(board.astype(int) - expected).max() <= 1


def test_shrink_never_enlarges():
    image = np.full((90, 160, 3), 7, np.uint8)
    same, scale = shrink(image, 160)
    assert scale == 1
    assert same is image
    small, scale = shrink(image, 40)
    assert scale == 0.25
    assert small.shape == (22, 40, 3)
    assert (small == 7).all()
    assert shrink(np.zeros((1, 900, 3), np.uint8), 100)[0].shape == (1, 100, 3)


def test_groups_keep_the_order():
    shapes = [(4, 5, 3), (5, 4, 3), (4, 5, 3)]
    groups = group_by_shape([np.zeros(shape, np.uint8) for shape in shapes])
    assert groups == {(4, 5, 3): [0, 2], (5, 4, 3): [1]}
