import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from classifier.models.model_file import load_model

Run = Callable[..., int | str | None]


def test_validation_split_of_the_run_is_evaluated(
    classifier: Run,
    colour_run: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert classifier("evaluate", colour_run, colours, "-o", tmp_path, "--resamples", 200) == 0
    output = capsys.readouterr()
    assert "9 images, validation" in output.out
    assert "crème brûlée" in output.out
    assert "Data of the run" in output.err
    assert "Warning" not in output.err

    record = json.loads((tmp_path / "metrics.json").read_text())
    rows = pq.read_table(tmp_path / "predictions.parquet").to_pylist()
    accuracy = record["metrics"]["accuracy"]
    assert accuracy["value"] == sum(row["correct"] for row in rows) / 9
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert record["trained_on"] == 0
    # Training measured the same metrics on the same images.
    recorded = load_model(colour_run).scores
    assert record["metrics"]["balanced_accuracy"]["value"] == pytest.approx(
        recorded["balanced_accuracy"], abs=1e-6
    )
    assert {row["split"] for row in rows} == {"validation"}
    assert all(sum(row["probabilities"]) == pytest.approx(1, abs=1e-5) for row in rows)
    assert all((Path(row["path"]).parent.name == row["label"]) for row in rows)
    assert list(record["classes"]) == ["blue", "crème brûlée", "red"]
    for scores in record["classes"].values():
        assert all(scores[name]["low"] <= scores[name]["high"] for name in ("recall", "f1"))
    assert np.sum(record["confusion"]) == 9

    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Misclassified images" in page
    assert page.count("image/svg+xml") == 3
    assert 'src="http' not in page


def test_training_images_cause_a_warning(
    classifier: Run,
    colour_run: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("--split", "all", "--resamples", 20, "-o", tmp_path)
    assert classifier("evaluate", colour_run, colours, *arguments) == 0
    assert "Warning: 36 of these images were used to train" in capsys.readouterr().err
    rows = pq.read_table(tmp_path / "predictions.parquet").to_pylist()
    wrong = [row for row in rows if not row["correct"]]
    assert [Path(row["path"]).name for row in wrong] == ["wrong.png"]
    assert (wrong[0]["label"], wrong[0]["predicted"]) == ("red", "blue")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "instead of red" in page
    assert "wrong.png" in page


def test_copied_data_with_reordered_classes(
    classifier: Run,
    colour_run: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Data with two of the three classes, so that class indices differ from the network's."""
    other = tmp_path / "other"
    for name in ("crème brûlée", "red"):
        (other / name).mkdir(parents=True)
        for number in range(4):
            colour = (205, 45, 35) if name == "red" else (200, 185, 95)
            Image.new("RGB", (30, 30 + number), colour).save(other / name / f"{number}.png")
    rows_of = tmp_path / "out" / "predictions.parquet"
    first = ("evaluate", colour_run, other, "--resamples", 20)
    assert classifier(*first, "-o", tmp_path / "out") == 0
    output = capsys.readouterr().err
    assert "Not the data of the run" in output
    assert "Warning" not in output
    assert all(row["correct"] for row in pq.read_table(rows_of).to_pylist())

    for number in range(3, 15):
        shutil.copy(colours / "red" / f"{number:02d}.png", other / "red" / f"copy{number}.png")
    assert classifier(*first) == 0
    output = capsys.readouterr().err
    counted = int(output.split("Warning: ")[1].split()[0])
    assert 9 <= counted <= 12  # the copies of training images among 12 copies


def test_segmentation_with_groups(
    classifier: Run,
    square_run: Path,
    squares: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert classifier("evaluate", square_run, squares, "-o", tmp_path, "--resamples", 50) == 0
    assert "All images belong to one group" in capsys.readouterr().err
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert record["images"] == 4
    recorded = load_model(square_run).scores
    assert record["metrics"]["miou"]["value"] == pytest.approx(recorded["mean_iou"], abs=1e-4)
    assert record["metrics"]["miou"]["low"] is None
    rows = pq.read_table(tmp_path / "predictions.parquet").to_pylist()
    assert {row["group"] for row in rows} == {Path(rows[0]["path"]).name[0]}
    assert set(rows[0]) >= {"mean_iou", "pixel_accuracy", "iou_ground", "iou_square"}
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Worst" in page
    assert page.count(": mean IoU ") == 2 * 3  # the two worst and the best; captions and texts
    assert classifier("evaluate", square_run, squares, "--split", "all", "--resamples", 50) == 0
    assert "Intervals resample 4 groups" in capsys.readouterr().err


def test_invalid_input_exits_with_code_2(
    classifier: Run,
    colour_run: Path,
    square_run: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    unknown = tmp_path / "unknown"
    shutil.copytree(colours, unknown)
    (unknown / "red").rename(unknown / "rouge")
    cases = [
        ((colour_run, tmp_path / "none"), "No such file or directory"),
        ((tmp_path, colours), "is not a model"),
        ((colour_run, colours, "--split", "tset"), "Unknown split 'tset'"),
        ((colour_run, colours, "--split", "test"), "has no split 'test'"),
        ((colour_run, unknown), "rouge"),
        ((square_run, colours), "found labels for images"),
        ((colour_run, colours, "--device", "tpu"), "Unknown device 'tpu'"),
    ]
    for arguments, words in cases:
        capsys.readouterr()
        assert classifier("evaluate", *arguments) == 2, arguments
        output = capsys.readouterr().err
        assert words in output
        assert "Traceback" not in output


def test_model_without_its_run(
    classifier: Run,
    perceptron_model: Path,
    colours: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert classifier("evaluate", perceptron_model, colours, "--resamples", 20) == 0
    output = capsys.readouterr()
    assert "it has no run" in output.err
    assert "45 images, all" in output.out


@pytest.mark.parametrize("split", ["", "test"])
def test_images_of_one_class(
    classifier: Run,
    colour_run: Path,
    colours: Path,
    tmp_path: Path,
    split: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(colours / "blue", tmp_path / "data" / split / "blue")
    arguments = ("-o", tmp_path / "out", "--resamples", 20)
    assert classifier("evaluate", colour_run, tmp_path / "data", *arguments) == 0
    assert "14 images" in capsys.readouterr().out
    record = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))
    assert record["metrics"]["accuracy"]["value"] == 1.0
    assert record["metrics"]["auroc"]["value"] is None
