"""Detection on turned frames, with a detector of bright spots."""

import numpy as np
import pytest

from faceswap.detectors import Detection
from faceswap.tracking.turned_frames import detect_otherwise_turned, detect_turned, turn_of


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


def face(turn: int) -> np.ndarray:
    """A face of 30 x 40 pixels at (60, 20) with two eyes, then turned anticlockwise."""
    image = np.zeros((100, 160, 3), np.uint8)
    image[20:60, 60:90] = 150
    image[32:36, 66:70] = image[32:36, 80:84] = 250
    return np.ascontiguousarray(np.rot90(image, turn))


@pytest.mark.parametrize(
    ("angle", "turn"), [(0, 0), (40, 0), (90, 3), (-90, 1), (50, 3), (180, 2), (-170, 2)]
)
def test_turn_that_makes_a_head_upright(angle, turn):
    assert turn_of(angle) == turn


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_detections_are_turned_back(turn):
    image = face(turn)
    (best, *_) = detect_turned(Spots(), image, (turn, 2 if turn != 2 else 1))
    assert best.score == 0.9
    (plain,) = Spots()([image])[0]
    np.testing.assert_array_equal(best.box, plain.box)
    assert best.points is not None
    for x, y in best.points.astype(int):
        assert image[y, x, 0] == 250
    (left, right), expected = best.points, {1: (0, -1), 2: (-1, 0), 3: (0, 1)}[turn]
    np.testing.assert_allclose(np.sign(right - left), expected)


def test_boxes_without_points_get_eyes():
    (found,) = detect_turned(Spots(with_points=False), face(1), (1,))
    assert found.points is not None
    (left, right) = found.points
    assert left[1] > right[1]
    assert left[0] == right[0]


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_face_is_found_in_its_own_turn(turn):
    image = face(turn)
    (plain,) = Spots()([image])[0]
    assert detect_otherwise_turned(Spots(), image, plain.box, turn) is None
    better = detect_otherwise_turned(Spots(), image, plain.box, (turn + 2) % 4)
    assert better is not None
    np.testing.assert_allclose(better.box, plain.box, atol=1)
    assert better.points is not None
    for x, y in better.points.round().astype(int):
        assert image[y, x, 0] > 180
