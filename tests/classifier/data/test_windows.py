from collections.abc import Callable

import numpy as np

from classifier.data import IGNORE_INDEX, LoadedImages, middle
from classifier.data.windows import Windows

Make = Callable[..., LoadedImages]


def test_shift_and_flip(loaded: Make) -> None:
    images = loaded(4).images
    corners = np.array([[0, 0], [0, -2], [1, 0], [0, 1]])
    out, none = Windows(corners, (6, 6), np.array([False, False, False, True])).cut(images)
    assert none is None
    assert np.array_equal(out[0], images[0])
    assert np.array_equal(out[1][:, :, 2:], images[1][:, :, :-2])
    assert np.array_equal(out[1][:, :, 0], images[1][:, :, 0])  # the edge is repeated
    assert np.array_equal(out[2][:, :-1], images[2][:, 1:])
    # Columns 1 to 6, of which the last is the edge again, from right to left.
    assert np.array_equal(out[3], images[3][:, :, [5, 5, 4, 3, 2, 1]])


def test_pixels_outside_get_the_ignore_index(loaded: Make) -> None:
    data = loaded(1, (2, 3))
    masks = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    corners, flips = np.array([[-1, 1]]), np.array([False])
    images, cut = Windows(corners, (3, 3), flips).cut(data.images, masks)
    assert cut is not None
    outside = IGNORE_INDEX
    assert cut[0].tolist() == [[outside] * 3, [2, 3, outside], [5, 6, outside]]
    assert np.array_equal(images[0, :, 0], images[0, :, 1])
    _, mirrored = Windows(corners, (3, 3), ~flips).cut(data.images, masks)
    assert mirrored is not None
    assert mirrored[0].tolist() == [row[::-1] for row in cut[0].tolist()]
    assert masks[0].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_centre_crop(loaded: Make) -> None:
    images = loaded(2, (8, 11)).images
    assert np.array_equal(middle(images, 4), images[:, :, 2:6, 3:7])
    assert np.array_equal(middle(images[:, :, :, :8], 8), images[:, :, :, :8])
