from pathlib import Path

import numpy as np
import pytest

from classifier.lessons.images import chihuahua
from classifier.lessons.images.chihuahua import Rule, balanced_accuracy, majority, tune_rule
from classifier.lessons.material.stand_ins import relight, stand_ins
from faceswap.core.errors import MediaError
from faceswap.core.seeding import generator
from faceswap.media.images import write_image
from tests.classifier.lessons.drawing import check_figure


def test_the_network_beats_the_rules_on_test_pictures() -> None:
    result = chihuahua.compute(pictures=(160, 100), steps=120)
    assert result.network.test > result.program.test + 0.1
    assert result.program.train > result.program.test
    assert result.pictures == (160, 100)
    row, column = result.corner
    assert 0 <= row <= 24
    assert 0 <= column <= 24
    assert "Program, the majority of the rules" in chihuahua.describe(result)[-2]
    check_figure(chihuahua.LESSON, result)


def test_measures_of_a_picture_of_two_colours() -> None:
    picture = np.zeros((1, 3, 32, 32), np.uint8)
    picture[0, :, :, :16] = np.array([150, 75, 30])[:, None, None]  # brown on the left half
    brown, dark, edges = chihuahua.measure(picture)[0]
    assert brown == 0.5
    assert dark == 0.5
    assert edges > 0.01
    assert chihuahua.measure(np.full((1, 3, 32, 32), 90, np.uint8))[0, 2] < 1e-6


def test_a_rule_is_tuned_to_separate_what_a_threshold_separates() -> None:
    measures = np.array([[0.1, 0, 0], [0.2, 0, 0], [0.6, 0, 0], [0.7, 0, 0]], np.float32)
    rule = tune_rule("brown", measures, np.array([1, 1, 0, 0]))
    assert (rule.threshold, rule.above) == (pytest.approx(0.6), 0)
    assert rule.answer(measures).tolist() == [1, 1, 0, 0]


def test_the_majority_of_three_rules_decides() -> None:
    rules = (Rule("brown", 0.5, 1), Rule("dark", 0.5, 1), Rule("edges", 0.5, 0))
    measures = np.array([[1, 1, 1], [1, 0, 1], [0, 0, 0]], np.float32)
    assert majority(rules, measures).tolist() == [1, 0, 0]


def test_balanced_accuracy_does_not_reward_the_larger_class() -> None:
    assert balanced_accuracy(np.zeros(10, np.int64), np.array([0] * 9 + [1])) == 0.5


def test_light_changes_pictures_but_not_their_content() -> None:
    pictures = np.tile(np.linspace(20, 120, 32).astype(np.uint8)[:, None, None], (3, 1, 32, 3))
    lit = relight(pictures, generator(0, "light"))
    assert lit.shape == pictures.shape
    means = lit.astype(float).mean((1, 2))
    assert np.ptp(means, axis=0).min() > 3  # no two in the same light
    rows = lit.astype(float).mean((2, 3))
    assert (np.diff(rows[:, ::8], axis=1) > 0).all()


def test_own_photos_of_two_classes(tmp_path: Path) -> None:
    windows = stand_ins(("rocket", "retina"), (24, 2), 40, seed=1).train
    for number, image in enumerate(windows.images):
        name = ("rocket", "retina")[windows.labels[number]]
        (tmp_path / name).mkdir(exist_ok=True)
        write_image(tmp_path / name / f"{number}.png", image.transpose(1, 2, 0))
    result = chihuahua.compute(data=tmp_path, steps=2)
    assert result.classes == ("retina", "rocket")
    assert sum(result.pictures) == 24
    check_figure(chihuahua.LESSON, result, "retina", "rocket")


def test_few_own_photos_are_shown_more_than_once(tmp_path: Path) -> None:
    for name, shade in (("dark", 20), ("light", 200)):
        (tmp_path / name).mkdir()
        for number in range(4):
            noise = np.random.default_rng(number).integers(0, 40, (32, 32, 3))
            write_image(tmp_path / name / f"{number}.png", (shade + noise).astype(np.uint8))
    result = chihuahua.compute(data=tmp_path, steps=2)
    assert len(result.shown) == 12
    assert (result.shown[:6].mean((1, 2, 3)) < 100).all()
    assert (result.shown[6:].mean((1, 2, 3)) > 100).all()
    check_figure(chihuahua.LESSON, result, "dark", "light")


def test_three_classes_are_refused(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).mkdir()
        for number in range(4):
            pixels = np.full((32, 32, 3), 40 * number + 20, np.uint8)
            write_image(tmp_path / name / f"{number}.png", pixels)
    with pytest.raises(MediaError, match="two classes"):
        chihuahua.compute(data=tmp_path)
