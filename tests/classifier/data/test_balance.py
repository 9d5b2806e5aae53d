from collections.abc import Callable

import numpy as np
import pytest

from classifier.data import (
    LoadedImages,
    class_counts,
    class_weights,
    count_classes,
    require_every_class,
)
from classifier.data.balance import balanced_order
from faceswap.core.errors import MediaError

Make = Callable[..., LoadedImages]


def test_class_counts() -> None:
    assert class_counts(np.array([2, 0, 2]), 4).tolist() == [1, 0, 2, 0]
    masks = np.array([[[0, 0], [1, 255]], [[1, 1], [1, 1]]], np.uint8)
    assert class_counts(masks, 3).tolist() == [2, 5, 0]
    assert count_classes(masks, ["a", "b", "c"]) == {"a": 2, "b": 5, "c": 0}


def test_inverse_frequency() -> None:
    weights = class_weights(np.array([0] * 8 + [1] * 2), 2, "images")
    assert weights.dtype == np.float32
    assert weights.tolist() == pytest.approx([0.4, 1.6])  # 1/0.8 to 1/0.2, mean 1
    assert class_weights(np.array([0, 0, 2]), 3, "images").tolist() == pytest.approx(
        [2 / 3, 1, 4 / 3]
    )


def test_median_frequency() -> None:
    # Pixels of a class over all labelled pixels of the images that contain it.
    masks = np.array([[[0, 0], [0, 2]], [[0, 0], [0, 255]], [[2, 2], [1, 255]]], np.uint8)
    frequency = np.array([6 / 7, 1 / 3, 3 / 7])
    expected = np.median(frequency) / frequency
    weights = class_weights(masks, 3, "pixels")
    assert weights.tolist() == pytest.approx((expected / expected.mean()).tolist())


def test_missing_classes_are_rejected(loaded: Make) -> None:
    data = loaded(3, labels=[0, 2, 0])
    with pytest.raises(MediaError, match="'b' has no usable image to train on"):
        require_every_class(data, ["a", "b", "c"], "to train on")


def test_classes_are_sampled_equally_often() -> None:
    labels = np.array([0] * 80 + [1] * 15 + [2] * 5)
    order = balanced_order(labels, np.random.default_rng(0), 100)
    counts = np.bincount(labels[order])
    assert sorted(counts.tolist()) == [33, 33, 34]
    repeats = np.bincount(order, minlength=100)
    assert repeats[:80].max() == 1
    assert set(repeats[80:95].tolist()) <= {2, 3}
    assert set(repeats[95:].tolist()) <= {6, 7}
