import numpy as np

from classifier.lessons.images import convolution
from tests.classifier.lessons.drawing import check_figure


def test_convolution_of_the_example() -> None:
    result = convolution.compute(side=64)
    assert result.example.tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]
    assert convolution.describe(result)[0].startswith(
        "First position: 1*1 + 1*1 + 1*1 + 0*1 + 1*1 = 4"
    )
    assert result.gradient_x.shape == (62, 62)
    assert result.weights == (9, 64 * 64 * 62 * 62)
    assert check_figure(convolution.LESSON, result).subfigs


def test_sobel_filters_respond_to_their_own_direction_only() -> None:
    vertical = np.zeros((6, 6))
    vertical[:, 3:] = 1
    assert convolution.convolve(vertical, convolution.SOBEL_X).tolist() == [[0, 4, 4, 0]] * 4
    assert not convolution.convolve(vertical, convolution.SOBEL_Y).any()
    assert convolution.convolve(vertical.T, convolution.SOBEL_Y).T.tolist() == [[0, 4, 4, 0]] * 4


def test_edge_filter_ignores_flat_areas_and_finds_edges_of_every_direction() -> None:
    assert convolution.EDGES.sum() == 0
    step = np.zeros((6, 6))
    step[:, 3:] = 5
    response = convolution.convolve(step, convolution.EDGES)
    # Three neighbours of a pixel beside the edge are on its other side.
    assert response.tolist() == [[0, -15, 15, 0]] * 4
    assert convolution.convolve(step.T, convolution.EDGES).T.tolist() == response.tolist()
    brighter = convolution.convolve(step + 100, convolution.EDGES)
    assert brighter.tolist() == response.tolist()
    result = convolution.compute(side=64)
    assert result.flat == 0
    assert result.edges.shape == result.magnitude.shape
    assert "Edge filter, sum of its weights 0" in convolution.describe(result)[3]
