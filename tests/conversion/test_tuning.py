"""Frames of a source that are shown to choose settings by."""

import pytest

from faceswap.conversion.tuning import _spread


@pytest.mark.parametrize(
    ("indices", "count", "chosen"),
    [
        (range(10), 2, [2, 7]),
        (range(3), 8, [0, 1, 2]),
        ([4, 5, 90, 91], 2, [5, 91]),
        ([], 3, []),
    ],
)
def test_frames_are_spread_evenly(indices, count, chosen):
    assert _spread(indices, count) == chosen
