import cv2
import numpy as np
import pytest

from faceswap.evaluation.grain import grain
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.maskers.hull import hull_polygon

POINTS = 150 * MEAN_FACE[:, :2] + [200, 180]


def footage(levels: float, seed: int = 0) -> np.ndarray:
    """A shaded picture with white noise, ``(360, 400, 3)``, not rounded."""
    ys, xs = np.mgrid[:360, :400]
    shaded = 110 + 40 * np.sin(xs / 130) * np.cos(ys / 110)
    noise = np.random.default_rng(seed).normal(0, levels, (360, 400, 1))
    return np.repeat(shaded[..., None] + noise, 3, axis=2)


def stored(image: np.ndarray) -> np.ndarray:
    return image.round().clip(0, 255).astype(np.uint8)


def swapped(levels: float, face_levels: float) -> np.ndarray:
    """The same picture with another noise inside the face."""
    mask = np.zeros((360, 400, 1))
    cv2.fillConvexPoly(mask, hull_polygon(POINTS).round().astype(np.int32), 1)
    return stored(footage(levels) * (1 - mask) + footage(face_levels, seed=1) * mask)


def test_an_unchanged_face_has_the_grain_of_its_source():
    assert grain(stored(footage(4)), stored(footage(4)), POINTS) == 1


@pytest.mark.parametrize("ratio", [0.5, 1, 1.5])
def test_grain_is_the_ratio_of_the_noise(ratio):
    found = grain(stored(footage(6)), swapped(6, 6 * ratio), POINTS)
    assert found == pytest.approx(ratio, rel=0.15)


def test_noise_that_encoding_takes_from_the_whole_frame_does_not_count():
    found = grain(stored(footage(6)), swapped(3, 3), POINTS)
    assert found == pytest.approx(1, rel=0.15)


def test_a_drawing_has_no_grain():
    flat = np.full((360, 400, 3), 120, np.uint8)
    assert grain(flat, flat, POINTS) is None


def test_a_face_at_the_edge_of_the_frame():
    source, output = stored(footage(6)), swapped(6, 3)
    assert grain(source[60:, 90:], output[60:, 90:], POINTS - [90, 60]) == pytest.approx(
        0.5, rel=0.2
    )


@pytest.mark.parametrize("kept", [1, 5, 7])
def test_a_sliver_of_a_face_has_no_grain(kept):
    source = stored(footage(6))[:, 200 : 200 + kept]
    assert grain(source, source, POINTS - [200, 0]) is None


@pytest.mark.parametrize("shift", [(500, 0), (-500, 0), (0, 500), (0, -500)])
def test_a_face_outside_of_the_frame_has_no_grain(shift):
    source = stored(footage(6))
    assert grain(source, source, POINTS + shift) is None
