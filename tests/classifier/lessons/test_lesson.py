from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from classifier.lessons import LESSONS, find_lesson
from classifier.lessons.figure import new_figure, save_figure, tile
from classifier.lessons.lesson import Lesson, no_progress
from faceswap.core.errors import ConfigError


def test_topics_are_listed_in_course_order() -> None:
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


def test_unknown_topic_suggests_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        find_lesson("perceptrn")
    assert "'perceptron'" in caught.value.hint


@dataclass(frozen=True)
class ToyResult:
    seed: int
    threads: int


def _compute(seed: int = 7) -> ToyResult:
    return ToyResult(seed, torch.get_num_threads())


def _plot(result: ToyResult) -> Figure:
    figure = new_figure(1.0)
    figure.subplots().plot([0, result.seed])
    return figure


TOY = Lesson("toy", "A toy.", _compute, lambda result: [str(result.seed)], _plot)


def test_run_passes_only_the_arguments_that_compute_takes() -> None:
    assert TOY.run(3, None, no_progress) == ToyResult(3, 1)
    assert TOY.takes("seed")
    assert not TOY.takes("data")
    with pytest.raises(ConfigError, match="toy"):
        TOY.run(3, Path("anything"), no_progress)


def test_figures_are_reproducible_to_the_byte(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        save_figure(TOY.figure(ToyResult(2, 1)), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert (image.mode, image.size) == ("P", (1050, 125))


def test_tile_arranges_images_in_rows() -> None:
    images = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((3, 2, 2), np.uint8)
    sheet = tile(images, 2, gap=1, fill=9)
    assert sheet.tolist() == [
        [0, 0, 9, 1, 1],
        [0, 0, 9, 1, 1],
        [9, 9, 9, 9, 9],
        [2, 2, 9, 9, 9],
        [2, 2, 9, 9, 9],
    ]


def test_figures_of_generated_faces_say_so(tmp_path: Path) -> None:
    assert [name for name, lesson in LESSONS.items() if lesson.synthetic] == ["faceswap"]
    for synthetic in (False, True):
        save_figure(TOY.figure(ToyResult(2, 1)), tmp_path / "toy.png", synthetic=synthetic)
        source_type = b"compositeWithTrainedAlgorithmicMedia"
        assert (source_type in (tmp_path / "toy.png").read_bytes()) == synthetic
