import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from classifier.lessons import TOPICS, find_topic
from classifier.lessons.figure import new_figure, save_figure, tile
from classifier.lessons.language import Text, number, percent, spoken
from classifier.lessons.lesson import Lesson, no_progress
from faceswap.core.errors import ConfigError


def test_every_topic_has_a_page_and_figures_in_both_languages() -> None:
    pages = Path(__file__).resolve().parents[3] / "docs" / "learn"
    contents = (pages / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| .* \[.*\]\((.*)\.md\) \| `", contents, re.MULTILINE) == list(TOPICS)
    for name, topic in TOPICS.items():
        text = (pages / f"{name}.md").read_text(encoding="utf-8")
        assert f"    classifier learn {name}\n" in text
        assert f"](figures/{name}.png)" in text
        assert (pages / "figures" / f"{name}.png").is_file()
        assert (pages / "figures" / "fr" / f"{name}.png").is_file()
        assert topic.title.english.endswith(".")
        assert topic.title.french.endswith(".")


def test_unknown_topic_suggests_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        find_topic("perceptrn")
    assert "'perceptron'" in caught.value.hint


@dataclass(frozen=True)
class ToyResult:
    seed: int
    threads: int


def _compute(seed: int = 7) -> ToyResult:
    return ToyResult(seed, torch.get_num_threads())


def _plot(result: ToyResult) -> Figure:
    figure = new_figure(1.0)
    figure.subplots().plot([0, 0.5 * result.seed])
    return figure


TOY = Lesson(_compute, lambda result: [str(result.seed)], _plot, Text("A toy.", "Un jouet."))


def test_run_passes_only_the_arguments_that_compute_takes() -> None:
    assert TOY.run(3, None, no_progress) == ToyResult(3, 1)
    assert TOY.takes("seed")
    assert not TOY.takes("data")


def test_figures_are_reproducible_to_the_byte(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        TOY.save(ToyResult(2, 1), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert (image.mode, image.size) == ("P", (1050, 166))


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
    shown = [name for name, topic in TOPICS.items() if topic.lesson().synthetic]
    assert shown == [name for name, topic in TOPICS.items() if topic.place.startswith("faces.")]
    for synthetic in (False, True):
        save_figure(TOY.figure(ToyResult(2, 1)), tmp_path / "toy.png", synthetic=synthetic)
        source_type = b"compositeWithTrainedAlgorithmicMedia"
        assert (source_type in (tmp_path / "toy.png").read_bytes()) == synthetic


def test_numbers_have_the_marks_of_the_language() -> None:
    assert (number(1234.56, 1), percent(0.973, 1)) == ("1,234.6", "97.3%")
    with spoken("fr"):
        assert (number(1234.56, 1), percent(0.973, 1)) == ("1\u202f234,6", "97,3\u202f%")
        assert number(-0.5, 1) == "\N{MINUS SIGN}0,5"


def test_ticks_of_french_figures_have_a_comma() -> None:
    labels = []
    for language in ("en", "fr"):
        figure = TOY.figure(ToyResult(1, 1), language)
        (axes,) = figure.axes
        figure.canvas.draw()
        labels.append([label.get_text() for label in axes.get_yticklabels()])
    assert any("." in label for label in labels[0])
    assert [label.replace(".", ",") for label in labels[0]] == labels[1]


def test_numbers_that_axes_write_when_they_are_drawn_are_french_as_well(tmp_path: Path) -> None:
    heard = []

    def plot(_result: ToyResult) -> Figure:
        figure = new_figure(1.0)
        axes = figure.subplots()
        axes.xaxis.set_major_formatter(lambda value, _place: heard.append(number(value)) or "")
        axes.set_xlim(0, 5000)
        return figure

    replace(TOY, plot=plot).save(ToyResult(1, 1), tmp_path / "toy.png", "fr")
    assert "1\u202f000" in heard


def test_the_teachers_page_has_three_questions_with_answers_for_each_lesson() -> None:
    pages = Path(__file__).resolve().parents[3] / "docs" / "learn"
    text = (pages / "teaching.md").read_text(encoding="utf-8")
    table, *lessons = re.split(r"^### ", text, flags=re.MULTILINE)
    assert re.findall(r"\]\((.*?)\.md\) \| \d+ \|", table) == list(TOPICS)
    assert [part.splitlines()[0] for part in lessons] == [
        (pages / f"{name}.md").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        for name in TOPICS
    ]
    for part in lessons:
        assert re.findall(r"^(\d)\. .*\? \*.*\.\*$", part, re.MULTILINE) == ["1", "2", "3"]
