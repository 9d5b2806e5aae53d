import numpy as np

from faceswap.detectors import Detection
from faceswap.detectors.nms import drop_nested, merge_weighted, nms, overlaps

BOXES = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [20, 20, 30, 30], [1, 1, 11, 11]], np.float32)


def test_overlaps():
    np.testing.assert_allclose(overlaps(BOXES[0], BOXES), [1, 0.5, 0, 81 / 119], atol=1e-6)
    np.testing.assert_allclose(
        overlaps(BOXES[0], BOXES, over="smaller"), [1, 1, 0, 0.81], atol=1e-6
    )
    assert overlaps(BOXES[0], np.zeros((0, 4))).shape == (0,)


def test_nms_keeps_the_best_of_each_place():
    scores = np.array([0.8, 0.7, 0.6, 0.9])
    assert nms(BOXES, scores, 0.3).tolist() == [3, 2]
    assert nms(BOXES, scores, 0.6).tolist() == [3, 1, 2]
    assert nms(np.zeros((0, 4)), np.zeros(0), 0.3).tolist() == []


def test_merge_weighs_places_by_score():
    points = np.zeros((4, 2, 2), np.float32)
    points[3] = 4
    scores = np.array([0.3, 0.1, 0.8, 0.9], np.float32)
    far, merged = sorted(merge_weighted(BOXES, scores, points, 0.6), key=lambda d: d.score)[1:]
    assert far.box.tolist() == [20, 20, 30, 30]
    np.testing.assert_allclose(merged.box, [0.75, 0.75, 10.75, 10.75], atol=1e-5)
    assert merged.points is not None
    np.testing.assert_allclose(merged.points, 3, atol=1e-5)
    assert merged.score == np.float32(0.9)


def test_drop_nested_keeps_the_more_certain():
    def detection(box, score):
        return Detection(np.array(box, np.float32), score, np.zeros((2, 2), np.float32))

    crowd = detection([0, 0, 100, 100], 0.6)
    inside = [detection([10, 10, 40, 40], 0.9), detection([60, 60, 90, 90], 0.7)]
    outside = detection([95, 0, 195, 100], 0.65)
    assert drop_nested([crowd, *inside, outside]) == [*inside, outside]
