import csv
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from classifier.evaluation.prediction import find_images

Run = Callable[..., int | str | None]


def test_json_lines_of_a_folder(
    classifier: Run, colour_run: Path, colours: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classifier("predict", colour_run, colours / "blue", "--json", "--batch-size", 4) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(row["path"]).name for row in rows] == [f"{n:02d}.png" for n in range(14)]
    for row in rows:
        assert row["class"] == "blue"
        assert (
            row["probability"] == row["probabilities"]["blue"] == max(row["probabilities"].values())
        )
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5)


def test_paths_from_stdin_as_csv(
    classifier: Run,
    colour_run: Path,
    colours: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paths = [colours / "red" / "00.png", colours / "crème brûlée" / "01.png"]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{paths[0]}\n\n{paths[1]}\n"))
    assert classifier("predict", colour_run, "-", "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["class"] for row in rows] == ["red", "crème brûlée"]
    assert list(rows[0]) == ["path", "class", "probability", "blue", "crème brûlée", "red"]
    assert float(rows[1]["crème brûlée"]) == float(rows[1]["probability"])


def test_unreadable_files_are_counted(
    classifier: Run,
    colour_run: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken, missing = tmp_path / "broken.png", tmp_path / "missing.jpg"
    broken.write_bytes(b"no image")
    good, output = colours / "red" / "00.png", tmp_path / "rows.json"
    arguments = ("predict", colour_run, broken, good, missing, "--json", "-o", output)
    assert classifier(*arguments) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"Cannot read {broken}: not an image" in printed.err
    assert f"Cannot read {missing}: no such file" in printed.err
    assert "2 of 3 files could not be read" in printed.err
    (line,) = output.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["class"] == "red"

    output.unlink()
    assert classifier("predict", colour_run, broken, missing, "--json", "-o", output) == 2
    assert "None of the 2 files" in capsys.readouterr().err
    assert not output.exists()
    assert classifier("predict", colour_run, tmp_path / "x", "--json", "--csv") == 2
    (tmp_path / "empty").mkdir()
    assert classifier("predict", colour_run, tmp_path / "empty") == 2


def test_masks_have_the_size_of_the_images(
    classifier: Run,
    square_run: Path,
    squares: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert classifier("predict", square_run, squares / "images") == 2
    assert "-o DIRECTORY" in capsys.readouterr().err
    large = tmp_path / "large.png"
    image = Image.open(squares / "images" / "a_00.png")
    image.resize((96, 80), Image.Resampling.NEAREST).save(large)
    folder = tmp_path / "out"
    inputs = (squares / "images", large)
    assert classifier("predict", square_run, *inputs, "-o", folder, "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 17
    last = Image.open(rows[-1]["mask"])
    assert (last.size, last.mode) == ((96, 80), "P")
    labels, small = np.asarray(last), np.asarray(Image.open(rows[0]["mask"]))
    assert set(np.unique(labels)) <= {0, 1}
    assert (labels[::2, ::2] == small).mean() > 0.9
    truth = np.asarray(Image.open(squares / "masks" / "a_00.png"))
    assert (small == truth).mean() > 0.85
    assert rows[0]["fractions"]["square"] == pytest.approx((small == 1).mean(), abs=1e-5)
    assert Image.open(rows[-1]["overlay"]).size == (96, 80)


def test_equal_file_names_get_unique_outputs(tmp_path: Path) -> None:
    for name in ("a/x.png", "b/x.png", "b/x.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / name)
    found = find_images([tmp_path / "a", tmp_path / "b", tmp_path / "a" / "x.png"])
    assert [str(file.name) for file in found] == ["x", "x-2", "x-3", "x-4"]
    assert [str(file.name) for file in find_images([tmp_path])] == ["a/x", "b/x", "b/x-2"]


def test_the_suffix_of_the_output_chooses_its_form(
    classifier: Run, colour_run: Path, colours: Path, tmp_path: Path
) -> None:
    names = [tmp_path / f"rows.{suffix}" for suffix in ("csv", "json", "jsonl", "parquet", "txt")]
    for output in names:
        assert classifier("predict", colour_run, colours / "blue", "-o", output) == 0
    table, array, lines, parquet, text = names
    rows = json.loads(array.read_text(encoding="utf-8"))
    assert len(rows) == 14
    assert [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()] == rows
    assert pq.read_table(parquet).to_pylist() == rows
    with table.open(encoding="utf-8", newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["class"] for row in read] == [row["class"] for row in rows]
    assert [float(row["red"]) for row in read] == [row["probabilities"]["red"] for row in rows]
    assert len(text.read_text(encoding="utf-8").splitlines()) == 14


def test_outputs_that_are_refused(
    classifier: Run,
    colour_run: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "mine.csv").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for arguments, words in (
        (("-o", tmp_path / "rows.xls"), "ending in .csv, .json"),
        (("-o", tmp_path / "rows.csv", "--json"), "--json and the suffix of rows.csv contradict"),
        (("-o", tmp_path / "rows.json", "--csv"), "--csv and the suffix"),
        (("-o", tmp_path / "mine.csv"), "exists already"),
        (("-o", tmp_path / "file" / "rows.csv"), "found a file"),
        (("-o", tmp_path / ("x" * 300 + ".csv")), "longer than"),
    ):
        assert classifier("predict", colour_run, colours / "blue", *arguments) == 2
        assert words in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mine.csv"]
    assert (tmp_path / "mine.csv").read_text() == "mine"
    arguments = ("-o", tmp_path / "mine.csv", "--overwrite")
    assert classifier("predict", colour_run, colours / "blue", *arguments) == 0
    assert (tmp_path / "mine.csv").read_text(encoding="utf-8").startswith("path,class")


def test_masks_of_others_are_not_replaced(
    classifier: Run, square_run: Path, squares: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "out" / "overlays" / "a_00.png"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert classifier("predict", square_run, squares / "images", "-o", tmp_path / "out") == 2
    assert mine.read_text() == "mine"
    assert not (tmp_path / "out" / "masks").exists()


def test_own_output_is_not_predicted(
    classifier: Run, square_run: Path, squares: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(squares / "images", photos)
    for number in (1, 2):
        more = ("-o", photos / "out", "--overwrite")
        assert classifier("predict", square_run, photos, *more) == 0, number
        assert len(list((photos / "out" / "masks").iterdir())) == 16


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_names_that_are_no_files_are_skipped(
    classifier: Run,
    colour_run: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    names = (tmp_path / "pipe.png", tmp_path / ("x" * 300 + ".png"), colours / "red" / "00.png")
    assert classifier("predict", colour_run, *names) == 0
    printed = capsys.readouterr()
    assert "pipe.png: not a regular file" in printed.err
    assert ".png: File name too long" in printed.err
    assert printed.out.startswith(str(names[-1]))
