import numpy as np

from classifier.lessons.material.glyphs import render_glyphs


def test_glyphs_are_reproducible_balanced_and_visible() -> None:
    images, labels = render_glyphs(60, seed=3)
    again, _ = render_glyphs(60, seed=3)
    assert np.array_equal(images, again)
    assert not np.array_equal(images, render_glyphs(60, seed=4)[0])
    assert np.bincount(labels).tolist() == [6] * 10
    assert (images.shape, images.dtype) == ((60, 32, 32), np.uint8)
    assert images.max((1, 2)).min() > 80


def test_glyphs_without_variation_stay_in_place() -> None:
    def spread(variation: float) -> float:
        images = render_glyphs(60, seed=3, noise=0, variation=variation)[0].astype(float)
        columns = images.sum(1)
        return float((columns @ np.arange(32) / columns.sum(1)).std())

    assert spread(0) < 0.5 * spread(1)
