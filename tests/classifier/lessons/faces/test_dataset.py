import numpy as np
import pytest

from classifier.lessons.faces import dataset
from tests.classifier.lessons.drawing import check_figure


@pytest.mark.usefixtures("shared_weights")
def test_black_frames_have_no_face_and_soft_ones_are_rejected():
    result = dataset.compute(frames=40)
    assert result.frames == 40
    assert 30 <= result.frames_with_face <= 36  # 4 are black
    assert 4 <= result.blurred.sum() <= 8  # 6 are out of focus
    assert len(set(result.chosen.tolist())) == len(result.chosen) == 12
    assert not result.blurred[result.chosen].any()
    # The crop is upright: the eyes are on one line, whatever the roll of the head.
    eyes = [result.aligned[36:42].mean(0), result.aligned[42:48].mean(0)]
    assert abs(eyes[1][1] - eyes[0][1]) < 0.15 * abs(eyes[1][0] - eyes[0][0])
    turns = result.poses[:, 0]
    assert np.ptp(turns[result.chosen]) > 0.7 * np.ptp(turns[~result.blurred])
    check_figure(dataset.LESSON, result)


def test_frames_are_spoilt_at_their_times():
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)
    assert np.array_equal(dataset._spoilt(image, 0.0), image)
    assert not dataset._spoilt(image, 0.35).any()
    assert dataset._spoilt(image, 0.8).std() < 0.3 * image.std()
