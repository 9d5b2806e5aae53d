import numpy as np
import pytest

from classifier.lessons.material.portraits import collins, hopper, varied_crops


@pytest.mark.parametrize("portrait", [collins(), hopper()], ids=lambda portrait: portrait.name)
def test_crops_show_the_face(portrait) -> None:
    warped, crops = varied_crops(portrait, 6, 64, seed=0)
    assert warped.shape == crops.shape == (6, 64, 64, 3)
    assert np.array_equal(crops, varied_crops(portrait, 6, 64, seed=0)[1])
    red, _, blue = crops[:, 24:48, 20:44].mean((0, 1, 2))
    assert red > blue + 20  # skin
    assert 1 < np.abs(warped.astype(int) - crops).mean() < 40
