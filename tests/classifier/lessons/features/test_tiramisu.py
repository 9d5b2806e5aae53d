import numpy as np

from classifier.lessons.features import tiramisu
from tests.classifier.lessons.drawing import check_figure


def test_scenes_are_reproducible_and_show_all_classes() -> None:
    images, masks = tiramisu.render_scenes(40, seed=0, size=48)
    assert np.array_equal(images, tiramisu.render_scenes(40, seed=0, size=48)[0])
    assert set(np.unique(masks)) == {0, 1, 2, 3}
    assert 0.4 < (masks == 0).mean() < 0.9


def test_tiramisu_segments_shapes_and_counts_published_parameters() -> None:
    result = tiramisu.compute(size=32, images=200, steps=50, test_images=20)
    baseline = (result.truth == 0).mean() / 4  # mean IoU of predicting background everywhere
    assert result.iou.mean() > baseline + 0.15
    assert result.iou[0] > 0.7
    assert result.predicted.shape == result.truth.shape == (20, 32, 32)
    millions = [round(count / 1e6, 1) for count in result.published.values()]
    assert millions == [1.4, 3.5, 9.3]
    assert check_figure(tiramisu.LESSON, result, "triangle", "IoU").subfigs
