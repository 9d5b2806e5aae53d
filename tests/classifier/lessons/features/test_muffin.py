from typing import Any

import numpy as np
import pytest
import torch

from classifier.lessons.features import muffin
from classifier.lessons.material.few_examples import METHODS, after_cifar, sample_examples
from tests.classifier.lessons.drawing import check_figure

LEAST: dict[str, Any] = {
    "examples": 5,
    "repeats": 1,
    "steps": 8,
    "windows": 60,
    "test_pictures": 60,
}


def test_confusion_and_mistakes_agree_with_the_accuracy() -> None:
    result = muffin.compute(pretraining=5, **LEAST)
    assert result.confusion.sum() == 60
    assert result.confusion.sum(1).tolist() == [30, 30]
    best = result.accuracy[result.best]
    assert best[0] == pytest.approx(np.trace(result.confusion) / 60)
    assert best.mean() == max(result.accuracy[method].mean() for method in METHODS)
    wrong = 60 - np.trace(result.confusion)
    assert len(result.mistakes.labels) == min(wrong, 6)
    assert (np.diff(result.mistakes.confidence) <= 0).all()
    assert (result.mistakes.answers != result.mistakes.labels).all()
    assert (result.right.answers == result.right.labels).all()
    assert result.right.labels[:2].tolist() in ([0, 1], [1, 0])  # in turn
    assert result.right.heat.shape == (len(result.right.labels), 32, 32)
    assert f"{wrong} mistakes in 60" in muffin.describe(result)[-1]
    check_figure(muffin.LESSON, result)


def test_a_figure_without_mistakes() -> None:
    result = muffin.compute(pretraining=1, **LEAST)
    task_like = muffin.Explained(
        result.right.pictures[:0],
        result.right.heat[:0],
        result.right.labels[:0],
        result.right.answers[:0],
        result.right.confidence[:0],
    )
    clean = muffin.MuffinResult(
        result.summary,
        result.classes,
        result.examples,
        result.accuracy,
        result.best,
        np.diag([30, 30]),
        result.right,
        task_like,
    )
    assert muffin.describe(clean)[-1] == "0 mistakes in 60 test pictures"
    check_figure(muffin.LESSON, clean)


@pytest.mark.usefixtures("shared_weights")
def test_examples_of_own_photos_are_as_many_of_each_class(shared_data) -> None:
    task = after_cifar(shared_data / "chihuahua_muffin", 0)
    assert task.classes == ("chihuahua", "muffin")
    chosen = sample_examples(task.train[1].numpy(), 10, 0, 0)
    assert torch.bincount(task.train[1][chosen]).tolist() == [10, 10]
