"""Detection on turned frames, with a detector of bright spots."""

import cv2
import numpy as np
import pytest

from faceswap.detectors import Detection
from faceswap.tracking.turned_frames import (
    detect_around,
    detect_otherwise_turned,
    detect_turned,
    rounded_roll,
)


class Spots:
    """Finds the box of what is brighter than 100; the eyes are its brightest spots, left first.

    Its score is high where the eyes lie above the middle.
    """

    weights = ()

    def __init__(self, with_points=True):
        self.with_points = with_points

    def __call__(self, images):
        return [[self._detection(image[..., 0])] for image in images]

    def _detection(self, image):
        ys, xs = np.nonzero(image > 100)
        box = np.array([xs.min(), ys.min(), xs.max(), ys.max()], np.float32)
        rows, columns = np.nonzero(image > 180)
        halves = np.array_split(np.argsort(columns, kind="stable"), 2)
        eyes = np.array([[columns[half].mean(), rows[half].mean()] for half in halves], np.float32)
        above = (ys.min() + ys.max()) / 2 - rows.mean()
        score = 0.9 if above > abs((xs.min() + xs.max()) / 2 - columns.mean()) else 0.6
        return Detection(box, score, eyes if self.with_points else None)


# Roll of the head in ``face(turn)``: degrees, clockwise.
ROLLS = {0: 0, 1: -90, 2: 180, 3: 90}


def face(turn: int) -> np.ndarray:
    """A face of 30 x 40 pixels at (60, 20) with two eyes, then turned anticlockwise."""
    image = np.zeros((100, 160, 3), np.uint8)
    image[20:60, 60:90] = 150
    image[32:36, 66:70] = image[32:36, 80:84] = 250
    return np.ascontiguousarray(np.rot90(image, turn))


@pytest.mark.parametrize(
    ("angle", "roll"),
    [(0, 0), (20, 0), (40, 45), (90, 90), (-90, -90), (130, 135), (180, 180), (-170, 180)],
)
def test_rolls_are_rounded_to_eighth_turns(angle, roll):
    assert rounded_roll(angle) == roll


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_detections_are_turned_back(turn):
    image = face(turn)
    roll = ROLLS[turn]
    (best, *_) = detect_turned(Spots(), image, (roll, 180 if turn != 2 else 90))
    assert best.score == 0.9
    (plain,) = Spots()([image])[0]
    np.testing.assert_allclose(best.box, plain.box, atol=1e-4)
    assert best.points is not None
    for x, y in best.points.round().astype(int):
        assert image[y, x, 0] == 250
    (left, right), expected = best.points, {1: (0, -1), 2: (-1, 0), 3: (0, 1)}[turn]
    np.testing.assert_allclose(np.sign((right - left).round(3)), expected)


def test_a_slanting_head_has_a_box_of_its_own_size():
    matrix = cv2.getRotationMatrix2D((75, 40), -45, 1)  # clockwise
    image = cv2.warpAffine(face(0), matrix, (160, 100))
    (found,) = detect_turned(Spots(), np.asarray(image, np.uint8), (45,))
    low, high = found.box.reshape(2, 2)
    np.testing.assert_allclose((low + high) / 2, [75, 40], atol=1.5)
    np.testing.assert_allclose(high - low, 35, atol=2)
    assert found.points is not None
    np.testing.assert_allclose(found.points[1] - found.points[0], [9.9, 9.9], atol=1.5)


def test_boxes_without_points_get_eyes():
    (found,) = detect_turned(Spots(with_points=False), face(1), (-90,))
    assert found.points is not None
    (left, right) = found.points
    assert left[1] > right[1]
    assert left[0] == pytest.approx(right[0])


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_face_is_found_in_its_own_turn(turn):
    image = face(turn)
    (plain,) = Spots()([image])[0]
    roll = ROLLS[turn]
    assert detect_otherwise_turned(Spots(), image, plain.box, roll) is None
    better = detect_otherwise_turned(Spots(), image, plain.box, roll + 180)
    assert better is not None
    np.testing.assert_allclose(better.box, plain.box, atol=1)
    assert better.points is not None
    for x, y in better.points.round().astype(int):
        assert image[y, x, 0] > 180


def test_faces_are_detected_again_in_the_middle_of_their_surroundings():
    image = face(3)
    (plain,) = Spots()([image])[0]
    beside = plain.box + np.array([40, 0, 40, 0], np.float32)
    again, missed = detect_around(Spots(), image, [plain.box, beside], [90, 90])
    assert again is not None
    np.testing.assert_allclose(again.box, plain.box, atol=1)
    assert again.score == 0.9
    assert missed is None
