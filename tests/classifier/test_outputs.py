"""No verb replaces a file that it did not make, unless --overwrite is given."""

from collections.abc import Callable
from pathlib import Path

import pytest

from faceswap.core.locks import hold_file, hold_folder

Run = Callable[..., int | str | None]

VERBS = {
    "metrics.json": ("evaluate", "RUN", "DATA", "-o", "OUT"),
    "predictions.parquet": ("evaluate", "RUN", "DATA", "-o", "OUT"),
    "report.html": ("explain", "RUN", "DATA/blue/00.png", "-o", "OUT"),
    "00-red.png": ("explain", "RUN", "DATA/blue/00.png", "-o", "OUT"),
    "map.png": ("features", "RUN", "DATA", "-o", "OUT", "--map", "pca"),
    "x.pt2": ("export", "RUN", "-o", "OUT/x.pt2"),
    "page.html": ("compare", "RUN", "-o", "OUT/page.html"),
    "numbers.json": ("compare", "RUN", "--json", "OUT/numbers.json"),
    "lr.png": ("lr-find", "DATA", "-o", "OUT/lr.png"),
    "table.csv": ("predict", "RUN", "DATA/blue/00.png", "-o", "OUT/table.csv"),
    "neuron.png": ("learn", "neuron", "-o", "OUT"),
    "cross-validation.json": ("cross-validate", "DATA", "-o", "OUT"),
}


def placed(words: tuple[str, ...], run: Path, data: Path, out: Path) -> list[str]:
    """The words of a command with these places."""
    places = {"RUN": run, "DATA": data, "OUT": out}
    parts = [word.partition("/") for word in words]
    return [f"{places.get(first, first)}{slash}{rest}" for first, slash, rest in parts]


@pytest.fixture(params=VERBS)
def name(request: pytest.FixtureRequest) -> str:
    """Name of an output; a verb writes it."""
    return request.param


@pytest.fixture
def write(name: str, classifier: Run, colour_run: Path, colours: Path) -> Run:
    """A function that calls the verb with its output below a folder."""

    def run(out: Path) -> int | str | None:
        return classifier(*placed(VERBS[name], colour_run, colours, out))

    return run


def test_files_of_others_are_kept(
    name: str, write: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine")
    assert write(out) == 2
    assert f"{name} exists already" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    assert write(tmp_path / "file") == 2
    assert "Traceback" not in capsys.readouterr().err
    assert (tmp_path / "file").read_text() == "mine"


def test_an_output_has_one_writer(
    name: str, write: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hold_folder(tmp_path, "another work"), hold_file(tmp_path / name, "another work"):
        assert write(tmp_path) == 2
    assert "another work of process" in capsys.readouterr().err
    assert not (tmp_path / name).exists()


def test_overwrite_replaces(classifier: Run, colour_run: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("old")
    assert classifier("compare", colour_run, "-o", page, "--overwrite") == 0
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_equal_names_of_images_get_files_of_their_own(
    classifier: Run, colour_run: Path, colours: Path, tmp_path: Path
) -> None:
    images = [colours / label / "00.png" for label in ("blue", "red")]
    assert classifier("explain", colour_run, *images, "-o", tmp_path, "--class", "red") == 0
    assert {"00-red.png", "00-2-red.png"} <= {path.name for path in tmp_path.iterdir()}
