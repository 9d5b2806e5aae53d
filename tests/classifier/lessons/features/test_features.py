from pathlib import Path

import numpy as np
import pytest

from classifier.lessons.features import representation, transfer
from tests.classifier.lessons.drawing import check_figure


def test_training_makes_the_last_features_linearly_separable() -> None:
    result = representation.compute(
        images=800, steps=160, examples=100, test_images=150, map_steps=20
    )
    assert result.trained["F6"] > result.trained["pixels"] + 0.2
    assert result.trained["F6"] > result.untrained["F6"] + 0.2
    assert result.trained["pixels"] == result.untrained["pixels"]
    assert result.widths == {"pixels": 1024, "S2": 1176, "S4": 400, "C5": 120, "F6": 84}
    assert all(points.shape == (150, 2) for points in result.maps.values())
    assert check_figure(representation.LESSON, result, "Pixels").subfigs
    assert result.filters.shape == (2, 6, 5, 5)
    assert np.abs(result.filters[1] - result.filters[0]).max() > 0.05
    by_pixels, by_features = (result.agreement(each) for each in result.neighbours.values())
    assert by_features > by_pixels + 0.2
    assert by_features > result.agreement(result.untrained_neighbours) + 0.2


def test_nearest_others_of_points_on_a_line() -> None:
    points = np.array([[0.0], [1], [3], [7]], np.float32)
    expected = [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert np.array_equal(representation.nearest_others(points, 2), expected)


def test_transfer_beats_scratch_with_few_examples() -> None:
    result = transfer.compute(examples=(10,), repeats=1, steps=50, pretraining=250, letters=2000)
    scratch, features, finetune = (result.accuracy[name].mean() for name in transfer.METHODS)
    assert features > scratch + 0.1
    assert finetune > scratch + 0.02
    assert result.chance == pytest.approx(0.1)
    assert len(transfer.describe(result)) == 2
    assert check_figure(transfer.LESSON, result).axes


@pytest.mark.usefixtures("shared_weights")
def test_transfer_uses_the_published_network_on_own_images(shared_data: Path) -> None:
    result = transfer.compute(data=shared_data / "cats_dogs", examples=(10,), repeats=1, steps=2)
    assert "cats, dogs" in result.summary.english
    assert result.accuracy["features"].mean() > 0.6
    assert result.shown.shape == (8, 32, 32, 3)
