import pytest
import torch

from classifier.data.dataset import IGNORE_INDEX
from classifier.training.confusion import count_pairs, scores


def test_confusion_matrix_and_its_metrics():
    labels = torch.tensor([0, 0, 0, 0, 1, 1, 2])
    predicted = torch.tensor([0, 0, 0, 1, 1, 0, 1])
    logits = torch.nn.functional.one_hot(predicted, 4).float()
    counts = count_pairs(logits, labels)
    assert counts.tolist() == [[3, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    found = scores(counts)
    assert found.accuracy == pytest.approx(4 / 7)
    assert found.balanced_accuracy == pytest.approx((3 / 4 + 1 / 2 + 0) / 3)  # class 2 never occurs
    assert found.mean_iou == pytest.approx((3 / 5 + 1 / 4 + 0) / 3)


def test_ignore_index_applies_to_pixels_but_not_to_image_labels():
    logits = torch.zeros(1, 2, 2, 2)
    logits[:, 1] = 1
    labels = torch.tensor([[[1, IGNORE_INDEX], [0, IGNORE_INDEX]]])
    assert count_pairs(logits, labels).tolist() == [[0, 1], [0, 1]]
    many = torch.zeros(1, 300)
    many[0, 255] = 1
    assert count_pairs(many, torch.tensor([255]))[255, 255] == 1


def test_empty_confusion_matrix_has_zero_accuracy():
    assert vars(scores(torch.zeros(3, 3))) == {
        "accuracy": 0,
        "balanced_accuracy": 0,
        "mean_iou": 0,
    }
