"""Every notebook runs from its first cell to its last, and shows the figure."""

import base64
import importlib
import io
from pathlib import Path

import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell
from PIL import Image

from classifier.lessons import TOPICS
from classifier.lessons.notebook import make_notebook

PAGES = Path(__file__).resolve().parents[3] / "docs" / "learn"

# Lessons of more than 15 seconds are shortened, as a reader would: by a cell before the last one.
FEWER_STEPS = {
    "trajectory": 200,
    "dense-or-convolution": 15,
    "classic-networks": 100,
    "autoencoder": 150,
    "denoising": 200,
    "variational": 200,
    "lstm": 200,
    "representation": 100,
    "transfer": 30,
    "tiramisu": 40,
    "nicolas-caging": 10,
    "deepfakes": 60,
    "v1": 20,
    "v2": 6,
    "v3": 6,
    "muffin": 20,
}
_SHORTEN = """\
from dataclasses import replace
from functools import partial

LESSON = replace(LESSON, compute=partial(compute, steps={steps}))"""


def run_notebook(name: str, folder: Path, steps: int | None = None) -> tuple[list[str], bytes]:
    """Lines and figure of the last cell of a notebook, with a changed number of steps if given."""
    topic = TOPICS[name]
    made = make_notebook(name, importlib.import_module(topic.module), topic.title.english)
    if steps is not None:
        made.cells.insert(-1, new_code_cell(_SHORTEN.format(steps=steps)))
    client = NotebookClient(made, timeout=580, resources={"metadata": {"path": str(folder)}})
    outputs = client.execute().cells[-1].outputs
    printed = "".join(str(each.text) for each in outputs if each.get("name") == "stdout")
    (shown,) = [each for each in outputs if each.output_type == "execute_result"]
    return printed.splitlines(), base64.b64decode(shown.data["image/png"])


def printed_on_page(name: str) -> list[str]:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    return text.split("\n```\n", 2)[1].splitlines()


def test_a_notebook_prints_and_draws_what_the_page_shows(tmp_path: Path) -> None:
    lines, figure = run_notebook("neuron", tmp_path)
    assert lines == printed_on_page("neuron")
    page = PAGES / "figures" / "neuron.png"
    with Image.open(io.BytesIO(figure)) as found, Image.open(page) as expected:
        difference = np.asarray(found.convert("RGB")) - np.asarray(expected.convert("RGB"), float)
    assert np.abs(difference).mean() < 2


@pytest.mark.slow
@pytest.mark.parametrize("name", TOPICS)
def test_every_notebook_runs(name: str, tmp_path: Path) -> None:
    lines, figure = run_notebook(name, tmp_path, FEWER_STEPS.get(name))
    # Numbers differ between machines in their last digits.
    assert len(lines) == len(printed_on_page(name))
    with Image.open(io.BytesIO(figure)) as image:
        assert image.width == 1050
