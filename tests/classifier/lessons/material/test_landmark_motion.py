import numpy as np
import pytest

from classifier.lessons.material.landmark_motion import landmark_motion
from faceswap.demonstration.talking_head.motion import Gesture
from faceswap.geometry.landmarks68 import NOSE_TIP, OUTER_EYE_CORNERS, mouth_gap


def moved(**gesture: float) -> np.ndarray:
    return landmark_motion([Gesture(**gesture)])[0]


def test_face_at_rest_has_eye_distance_one() -> None:
    left, right = moved()[list(OUTER_EYE_CORNERS)]
    assert np.linalg.norm(right - left) == pytest.approx(1, abs=0.02)


def test_expressions_move_lids_and_lips() -> None:
    closed = moved(blink=1)[:, 1]
    assert closed[[37, 38, 43, 44]] == pytest.approx(closed[[41, 40, 47, 46]], abs=0.005)
    assert mouth_gap(moved(mouth=1)) > 2 * mouth_gap(moved())
    assert mouth_gap(moved(mouth=-1)) < 0.3 * mouth_gap(moved())
    still = np.r_[27:36]
    assert np.allclose(moved(mouth=1, blink=1, smile=1, brow=1)[still], moved()[still])


def test_head_turns_to_image_right_and_looks_up() -> None:
    assert moved(yaw=20)[NOSE_TIP, 0] > moved()[NOSE_TIP, 0] + 0.1
    assert moved(pitch=10)[NOSE_TIP, 1] < moved()[NOSE_TIP, 1] - 0.05


def test_camera_scales_and_shifts_the_frame() -> None:
    assert moved(zoom=np.log(2)) == pytest.approx(2 * moved())
    shift = moved(shift_x=0.1) - moved()
    assert shift == pytest.approx(np.tile(shift[0], (68, 1)))
    assert shift[0, 0] < 0
