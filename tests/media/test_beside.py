"""Two pictures beside each other."""

import numpy as np
import pytest

from faceswap.media.picture import RgbPicture
from tests.media.test_picture import OTHER, YUV, video_picture
from tests.planes import frame_planes


@pytest.mark.parametrize("name", YUV + OTHER)
def test_two_pictures_beside_each_other(name):
    left, right = video_picture(name), video_picture(name)
    right.add(0, 0, np.full((26, 38, 3), 0.05, np.float32))
    before = [frame_planes(picture.frame) for picture in (left, right)]
    both = left.beside(right)
    assert (both.width, both.height, both.frame.format.name) == (76, 26, name)
    for wide, *halves in zip(frame_planes(both.frame), *before, strict=True):
        assert np.array_equal(wide, np.hstack(halves))
    assert np.abs(both.read(38, 0, 76, 26) - right.read(0, 0, 38, 26)).max() < 2e-6
    assert [frame_planes(picture.frame)[0].tolist() for picture in (left, right)] == [
        planes[0].tolist() for planes in before
    ]


@pytest.mark.parametrize("name", ["yuv420p10le", "yuv422p", "yuv444p", "gbrp"])
def test_odd_pictures_beside_each_other(name):
    left, right = video_picture(name, size=(37, 25)), video_picture(name, size=(37, 25))
    both = left.beside(right).read(0, 0, 74, 25)
    assert np.abs(both[:, :36] - left.read(0, 0, 36, 25)).max() < 2e-6
    # Chroma moves by a pixel, and these pictures change little from one to the next.
    assert np.abs(both[:, 38:] - right.read(1, 0, 37, 25)).max() < 0.05


def test_untagged_pictures_beside_each_other_keep_their_colours():
    left = video_picture("yuv444p", (2, 0), size=(960, 26))  # BT.601, and BT.709 when 1920 wide
    both = left.beside(left)
    assert np.abs(both.read(0, 0, 960, 26) - left.read(0, 0, 960, 26)).max() < 2e-6
    assert np.abs(both.rgb8()[:, 960:].astype(int) - left.rgb8()).max() <= 1


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_arrays_beside_each_other(kind):
    left, right = np.random.default_rng(3).integers(0, 256, (2, 4, 5, 3)).astype(kind)
    both = RgbPicture(left).beside(RgbPicture(right))
    assert both.pixels.dtype == kind
    assert np.array_equal(both.pixels, np.hstack([left, right]))
