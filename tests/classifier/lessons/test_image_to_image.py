"""tiramisu, autoencoder, faceswap, and the portraits."""

import numpy as np
import pytest

from classifier.lessons import autoencoder, faceswap, tiramisu
from classifier.lessons.portraits import collins, hopper, varied_crops


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
    assert tiramisu.LESSON.figure(result).subfigs


def test_autoencoder_error_falls_with_steps_and_width() -> None:
    result = autoencoder.compute(images=400, steps=220, widths=(16, 2))
    steps = sorted(result.history)
    assert result.history[steps[-1]] < 0.5 * result.history[steps[0]]
    assert result.error[16] < result.error[2]
    assert result.pca[16] < result.pca[2]
    assert (result.followed, result.originals.shape) == (16, (8, 32, 32))
    assert autoencoder.LESSON.figure(result).subfigs


@pytest.mark.parametrize("portrait", [collins(), hopper()], ids=lambda portrait: portrait.name)
def test_crops_show_the_face(portrait) -> None:
    warped, crops = varied_crops(portrait, 6, 64, seed=0)
    assert warped.shape == crops.shape == (6, 64, 64, 3)
    assert np.array_equal(crops, varied_crops(portrait, 6, 64, seed=0)[1])
    red, _, blue = crops[:, 24:48, 20:44].mean((0, 1, 2))
    assert red > blue + 20  # skin
    assert 1 < np.abs(warped.astype(int) - crops).mean() < 40


def test_swapped_faces_resemble_the_other_identity() -> None:
    result = faceswap.compute(steps=80, crops=32, batch=4)
    assert all(error < mean for error, mean in zip(result.error, result.baseline, strict=True))
    assert result.difference > 0.08
    # The mean colour of a swapped face is nearer to the other identity than to its own.
    for own in (0, 1):
        colour = result.swapped[own].mean((0, 1, 2))
        towards = np.abs(colour - result.faces[1 - own].mean((0, 1, 2))).sum()
        assert towards < np.abs(colour - result.faces[own].mean((0, 1, 2))).sum()
    assert result.history[-5:].mean() < 0.7 * result.history[:5].mean()
    assert faceswap.LESSON.figure(result).subfigs
