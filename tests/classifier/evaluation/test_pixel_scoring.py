import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_jaccard_index

from classifier.data.dataset import IGNORE_INDEX
from classifier.evaluation.pixel_scoring import PixelScores, class_iou, count_pixels


def test_metrics_equal_a_calculation_by_hand() -> None:
    labels = np.array([[0, 0, 1], [1, IGNORE_INDEX, IGNORE_INDEX]], np.uint8)
    predicted = np.array([[0, 1, 1], [1, 0, 1]], np.uint8)
    confusion = count_pixels(predicted, labels, 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 2, 0], [0, 0, 0]]
    scores = PixelScores(confusion[None])
    values = scores.values()
    assert values["iou/0"] == pytest.approx(1 / 2)
    assert values["iou/1"] == pytest.approx(2 / 3)
    assert np.isnan(values["iou/2"])
    assert (values["accuracy/0"], values["accuracy/1"]) == (1 / 2, 1)
    assert np.isnan(values["accuracy/2"])
    assert values["miou"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert values["pixel_accuracy"] == pytest.approx(3 / 4)
    assert values["mean_class_accuracy"] == pytest.approx((1 / 2 + 1) / 2)
    assert scores.by_image() == pytest.approx([values["miou"]])


def test_mean_iou_equals_torchmetrics() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, (3, 20, 20)).astype(np.uint8)
    predicted = np.where(random.random(labels.shape) < 0.7, labels, 1).astype(np.uint8)
    labels[:, :3] = IGNORE_INDEX
    counts = np.stack([count_pixels(p, t, 4) for p, t in zip(predicted, labels, strict=True)])
    theirs = multiclass_jaccard_index(
        torch.from_numpy(predicted.astype(np.int64)),
        torch.from_numpy(labels.astype(np.int64)),
        4,
        ignore_index=IGNORE_INDEX,
    )
    assert PixelScores(counts).values()["miou"] == pytest.approx(theirs.item(), abs=1e-6)


def test_weights_equal_repeated_images() -> None:
    counts = np.random.default_rng(1).integers(0, 50, (4, 3, 3))
    weighted = PixelScores(counts).weighted(np.array([[2.0, 0, 1, 0]]))
    repeated = PixelScores(counts[[0, 0, 2]]).values()
    for name, value in repeated.items():
        assert weighted[name][0] == pytest.approx(value), name
    assert class_iou(counts).shape == (4, 3)
