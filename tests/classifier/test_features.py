import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

Run = Callable[..., int | str | None]


def test_embeddings_probes_and_map(
    classifier: Run,
    colour_run: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("-o", tmp_path, "--neighbours", 3, "--thumbnails")
    assert classifier("features", colour_run, colours, *arguments) == 0
    assert "9 held-out images" in capsys.readouterr().out
    table = pq.read_table(tmp_path / "features.parquet")
    rows = table.to_pylist()
    assert len(rows) == 45
    assert all(len(row["vector"]) == 120 for row in rows)
    assert sum(row["split"] == "validation" for row in rows) == 9
    assert all(Path(row["path"]).parent.name == row["label"] for row in rows)
    # Nearest points on the map have the same colour, except for the misplaced image.
    points = np.array([[row["x"], row["y"]] for row in rows])
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    labels = np.array([row["label"] for row in rows])
    assert (labels[distances.argmin(1)] == labels).mean() > 0.9
    record = json.loads((tmp_path / "probes.json").read_text())
    assert record["dimensions"] == 120
    probes = record["probes"]
    for accuracy in (probes["knn_accuracy"], probes["linear_accuracy"]):
        assert 8 / 9 <= accuracy["value"] <= 1
        assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert (probes["train"], probes["held_out"], probes["neighbours"]) == (36, 9, 3)
    assert Image.open(tmp_path / "map.png").size == (1350, 1125)


def test_data_without_splits_are_split_and_mapped_by_pca(
    classifier: Run,
    perceptron_model: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("features", perceptron_model, colours, "-o", tmp_path, "--map", "pca")
    assert classifier(*arguments) == 0
    assert "20 % of each class" in capsys.readouterr().err
    rows = pq.read_table(tmp_path / "features.parquet").to_pylist()
    points = np.array([[row["x"], row["y"]] for row in rows])
    assert points.mean(0) == pytest.approx([0, 0], abs=1e-4)
    assert points[:, 0].std() > points[:, 1].std()


def test_segmentation_has_embeddings_but_no_probes(
    classifier: Run,
    square_run: Path,
    squares: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert classifier("features", square_run, squares, "-o", tmp_path) == 0
    assert "only the pixels" in capsys.readouterr().err
    rows = pq.read_table(tmp_path / "features.parquet").to_pylist()
    assert len(rows) == 16
    assert rows[0]["label"] is None
    assert json.loads((tmp_path / "probes.json").read_text())["probes"] is None
