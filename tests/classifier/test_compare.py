import json
from collections.abc import Callable
from pathlib import Path

import pytest

from classifier.evaluation.comparison import short_names

Run = Callable[..., int | str | None]


def test_compare_two_runs_on_the_same_images(
    classifier: Run,
    colour_run: Path,
    perceptron_model: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page, numbers = tmp_path / "page.html", tmp_path / "numbers.json"
    more = ("--data", colours, "--split", "all", "--resamples", 200, "-o", page, "--json", numbers)
    assert classifier("compare", colour_run, perceptron_model, *more) == 0
    output = capsys.readouterr()
    assert "8" in output.out
    assert "lenet5" in output.out
    assert "36 of these images were used to train lenet" in output.err
    first, other = json.loads(numbers.read_text())
    assert first["parameters"] == 61_326 + 85
    assert first["epochs"] == 8
    assert first["score"] == pytest.approx(first["score"])
    assert other["epochs"] is None
    assert other["score"] is None
    assert first["evaluated"]["accuracy"]["value"] == pytest.approx(44 / 45)
    difference = other["difference_to_first"]["accuracy"]
    assert difference["value"] == pytest.approx(
        other["evaluated"]["accuracy"]["value"] - first["evaluated"]["accuracy"]["value"]
    )
    assert difference["low"] <= difference["value"] <= difference["high"] < 0
    assert "difference_to_first" not in first
    text = page.read_text(encoding="utf-8")
    assert text.count("image/svg+xml") == 4
    assert "difference to first" in text


def test_compare_without_data_and_invalid_input(
    classifier: Run,
    colour_run: Path,
    square_run: Path,
    perceptron_model: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert classifier("compare", colour_run, perceptron_model) == 0
    assert "validated on different images" in capsys.readouterr().err
    assert classifier("compare", square_run) == 0
    assert "mean IoU" in capsys.readouterr().out
    assert classifier("compare", colour_run, square_run) == 2
    assert "Compare runs of the same task" in capsys.readouterr().err
    assert classifier("compare", colour_run, colour_run) == 2


def test_run_names_are_shortened_uniquely() -> None:
    assert short_names([Path("/a/x"), Path("/a/y")]) == ["x", "y"]
    assert short_names([Path("/a/x"), Path("/b/x")]) == ["a/x", "b/x"]
