"""tiramisu, autoencoder, faceswap, and the portraits."""

import numpy as np
import pytest

from classifier.lessons import autoencoder, faceswap, tiramisu
from classifier.lessons.portraits import collins, hopper, varied_crops


def test_scenes_show_what_their_masks_say() -> None:
    images, masks = tiramisu.draw_scenes(40, seed=0, size=48)
    assert np.array_equal(images, tiramisu.draw_scenes(40, seed=0, size=48)[0])
    assert set(np.unique(masks)) == {0, 1, 2, 3}
    assert 0.4 < (masks == 0).mean() < 0.9


def test_tiramisu_finds_shapes_and_counts_the_published_networks() -> None:
    result = tiramisu.compute(size=32, images=200, steps=50, tested=20)
    guess = (result.truth == 0).mean() / 4  # mean IoU of answering background everywhere
    assert result.iou.mean() > guess + 0.15
    assert result.iou[0] > 0.7
    assert result.found.shape == result.truth.shape == (20, 32, 32)
    millions = [round(count / 1e6, 1) for count in result.published.values()]
    assert millions == [1.4, 3.5, 9.3]
    assert tiramisu.LESSON.picture(result).subfigs


def test_autoencoder_errs_less_with_steps_and_width() -> None:
    result = autoencoder.compute(images=400, steps=220, widths=(16, 2))
    steps = sorted(result.history)
    assert result.history[steps[-1]] < 0.5 * result.history[steps[0]]
    assert result.error[16] < result.error[2]
    assert result.linear[16] < result.linear[2]
    assert (result.followed, result.originals.shape) == (16, (8, 32, 32))
    assert autoencoder.LESSON.picture(result).subfigs


@pytest.mark.parametrize("portrait", [collins(), hopper()], ids=lambda portrait: portrait.name)
def test_crops_are_faces_of_their_portrait(portrait) -> None:
    warped, whole = varied_crops(portrait, 6, 64, seed=0)
    assert warped.shape == whole.shape == (6, 64, 64, 3)
    assert np.array_equal(whole, varied_crops(portrait, 6, 64, seed=0)[1])
    red, _, blue = whole[:, 24:48, 20:44].mean((0, 1, 2))
    assert red > blue + 20  # skin
    assert 1 < np.abs(warped.astype(int) - whole).mean() < 40


def test_the_two_decoders_answer_with_two_faces() -> None:
    result = faceswap.compute(steps=80, crops=32, batch=4)
    assert all(error < mean for error, mean in zip(result.error, result.mean_error, strict=True))
    assert result.gap > 0.08
    # Through the other's decoder a face comes nearer to the other's crops than to its own.
    for own in (0, 1):
        colour = result.swapped[own].mean((0, 1, 2))
        towards = np.abs(colour - result.faces[1 - own].mean((0, 1, 2))).sum()
        assert towards < np.abs(colour - result.faces[own].mean((0, 1, 2))).sum()
    assert result.history[-5:].mean() < 0.7 * result.history[:5].mean()
    assert faceswap.LESSON.picture(result).subfigs
