import numpy as np
import pytest
from skimage import data

from faceswap.tracking.scene_cuts import similarity, thumbnail

SHOT = thumbnail(data.astronaut())


def test_light_and_small_motion_are_no_cuts():
    assert similarity(SHOT, SHOT) == pytest.approx(1)
    assert similarity(SHOT, thumbnail(data.astronaut() // 2 + 60)) > 0.98
    assert similarity(SHOT, thumbnail(np.roll(data.astronaut(), 20, axis=1))) > 0.7


@pytest.mark.parametrize("other", [data.coffee(), data.chelsea(), 255 - data.astronaut()])
def test_other_pictures_are(other):
    assert similarity(SHOT, thumbnail(other)) < 0.5


def test_blank_pictures_are_like_all():
    blank = thumbnail(np.full((90, 120, 3), 20, np.uint8))
    assert similarity(blank, blank) == pytest.approx(1)
    assert similarity(blank, SHOT) == pytest.approx(1)


@pytest.mark.parametrize("size", [(16, 16), (20, 300), (720, 1280)])
def test_thumbnails_of_any_size(size):
    assert thumbnail(np.zeros((*size, 3), np.uint8)).shape == (16, 16)
