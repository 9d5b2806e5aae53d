from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from classifier.learn import learn
from classifier.lessons import LESSONS
from faceswap.core.errors import ConfigError

APP = typer.Typer()
APP.command()(learn)


def test_without_a_topic_all_topics_are_listed_in_order() -> None:
    lines = CliRunner().invoke(APP, []).stdout.splitlines()
    assert [line.split()[0] for line in lines] == list(LESSONS)


def test_topic_prints_its_description_and_saves_its_figure(tmp_path: Path) -> None:
    result = CliRunner().invoke(APP, ["neuron", "-o", str(tmp_path / "out")])
    assert result.exit_code == 0
    assert result.stdout.startswith("AND (weights 1, 1; threshold 2)")
    assert (tmp_path / "out" / "neuron.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("topic", ["all", "xor"])
def test_data_option_is_rejected_where_unused(topic: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(APP, [topic, "--data", str(tmp_path)])
    assert isinstance(result.exception, ConfigError)
