import numpy as np
import pytest

from faceswap.evaluation.local_flicker import colour_change, local_flicker
from faceswap.geometry.mean_face import MEAN_FACE
from tests.footage import plain_picture

FRAMES = 12
POINTS = 110 * MEAN_FACE[:, :2] + [128, 120]
PICTURE = plain_picture(0).clip(40, 200)


def measured(source_light, output_light) -> float | None:
    """Local flicker where each frame of source and output is ``PICTURE`` plus a light."""
    changes = {}
    for number in range(FRAMES):
        before, after = (
            np.clip(PICTURE.astype(int) + light(number), 0, 255).astype(np.uint8)
            for light in (source_light, output_light)
        )
        changes["a", number] = colour_change(before, after, POINTS)
    return local_flicker(changes)


def still(number):
    return 0


def alternating(number):
    return 3 * (-1) ** number


def left_half(number):
    """Flicker of the left half of the picture alone, which leaves the mean hardly changed."""
    light = np.zeros_like(PICTURE, dtype=int)
    light[:, :128] = 4 * (-1) ** number
    light[:, 128:] = -4 * (-1) ** number
    return light


def test_an_alternating_brightness_deviates_by_twice_its_amplitude():
    assert measured(still, alternating) == pytest.approx(6)


def test_flicker_that_is_not_followed_counts_and_common_flicker_does_not():
    assert measured(alternating, still) == pytest.approx(6)
    assert measured(alternating, alternating) == 0


def test_flicker_of_a_part_of_the_face_is_measured():
    assert measured(still, left_half) == pytest.approx(8, abs=1)


def test_light_that_changes_steadily_does_not_count():
    assert measured(still, lambda number: 4 * number) == pytest.approx(0, abs=1e-9)
    assert measured(lambda number: 5 * number, lambda number: 20 + 3 * number) == pytest.approx(
        0, abs=1e-9
    )


def test_a_light_that_both_see_switched_on_does_not_count():
    def switched(number):
        return 40 * (number > 5)

    assert measured(switched, lambda number: switched(number) - 15) == 0


def test_frames_without_neighbours_give_none():
    change = colour_change(PICTURE, PICTURE, POINTS)
    assert local_flicker({("a", 0): change, ("a", 1): change, ("b", 2): change}) is None
