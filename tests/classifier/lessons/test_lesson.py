from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from classifier.lessons import LESSONS, find_lesson
from classifier.lessons.figure import new_figure, save_figure, tile
from classifier.lessons.lesson import Lesson, silent
from faceswap.core.errors import ConfigError


def test_the_topics_stand_in_the_order_of_the_course() -> None:
    assert list(LESSONS) == [
        "neuron",
        "activations",
        "perceptron",
        "xor",
        "mlp",
        "gradient-descent",
        "convolution",
        "lenet",
        "representation",
        "transfer",
        "tiramisu",
        "autoencoder",
        "faceswap",
    ]
    assert all(lesson.title.endswith(".") for lesson in LESSONS.values())


def test_an_unknown_topic_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        find_lesson("perceptrn")
    assert "'perceptron'" in caught.value.hint


@dataclass(frozen=True)
class Seen:
    seed: int
    threads: int


def _compute(seed: int = 7) -> Seen:
    return Seen(seed, torch.get_num_threads())


def _draw(result: Seen) -> Figure:
    figure = new_figure(1.0)
    figure.subplots().plot([0, result.seed])
    return figure


TOY = Lesson("toy", "A toy.", _compute, lambda result: [str(result.seed)], _draw)


def test_run_passes_on_what_the_lesson_takes_and_no_more() -> None:
    assert TOY.run(3, None, silent) == Seen(3, 1)
    assert TOY.takes("seed")
    assert not TOY.takes("data")
    with pytest.raises(ConfigError, match="toy"):
        TOY.run(3, Path("anything"), silent)


def test_figures_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save_figure(TOY.picture(Seen(2, 1)), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert (image.mode, image.size) == ("P", (1050, 125))


def test_tile_puts_images_in_rows() -> None:
    images = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((3, 2, 2), np.uint8)
    sheet = tile(images, 2, gap=1, fill=9)
    assert sheet.tolist() == [
        [0, 0, 9, 1, 1],
        [0, 0, 9, 1, 1],
        [9, 9, 9, 9, 9],
        [2, 2, 9, 9, 9],
        [2, 2, 9, 9, 9],
    ]
