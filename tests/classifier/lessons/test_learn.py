from pathlib import Path

import nbformat
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from classifier.learn import learn
from classifier.lessons import TOPICS
from faceswap.core.errors import ConfigError

APP = typer.Typer()
APP.command()(learn)


def test_without_a_topic_all_topics_are_listed_in_order() -> None:
    lines = CliRunner().invoke(APP, []).stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(TOPICS)
    assert lines[0].endswith(TOPICS[next(iter(TOPICS))].title.english)
    in_french = CliRunner().invoke(APP, ["list", "--language", "fr"]).stdout.splitlines()
    assert in_french[0].endswith(TOPICS[next(iter(TOPICS))].title.french)


def test_topic_prints_its_description_and_saves_its_figure(tmp_path: Path) -> None:
    result = CliRunner().invoke(APP, ["neuron", "-o", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert result.stdout.startswith("AND (weights 1, 1; threshold 2)")
    with Image.open(tmp_path / "out" / "neuron.png") as image:
        assert image.width == 1050


def test_notebook_has_the_source_in_cells(tmp_path: Path) -> None:
    result = CliRunner().invoke(APP, ["xor", "--notebook", "--seed", "3", "-o", str(tmp_path)])
    assert result.exit_code == 0, result.output
    made = nbformat.read(tmp_path / "xor.ipynb", as_version=4)
    nbformat.validate(made)
    sources = [cell.source for cell in made.cells if cell.cell_type == "code"]
    assert sources[0].startswith("from dataclasses import dataclass\n\nimport numpy as np\n")
    assert sum("def compute(" in source for source in sources) == 1
    assert "seed=3" in sources[-1]
    assert TOPICS["xor"].title.english in made.cells[0].source


@pytest.mark.parametrize(
    "arguments", [["all"], ["xor"], ["lenet", "--notebook"]], ids=["all", "own", "notebook"]
)
def test_data_option_is_rejected_where_unused(arguments: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(APP, [*arguments, "--data", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
