"""Class and file names of any bytes, scripts and length go through all verbs."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

Run = Callable[..., int | str | None]

QUICK = ("--model", "lenet5", "--epochs", 1, "--set", "device=cpu", "--set", "data.batch_size=4")


def test_names_of_any_kind(classifier: Run, tmp_path: Path) -> None:
    names = ["小狗", r"$\frac$", "[red]", os.fsdecode(b"caf\xe9"), "x" * 150]
    random = np.random.default_rng(0)
    root = tmp_path / "data"
    try:
        for name in names:
            (root / name).mkdir(parents=True)
            for number in range(2):
                pixels = random.integers(0, 256, (32, 32, 3), np.uint8)
                file = root / name / os.fsdecode(b"\xff%d.png" % number)
                Image.fromarray(pixels).save(file)
    except OSError:
        pytest.skip("this file system allows no such names")
    run = tmp_path / "run"
    assert classifier("train", root, "-o", run, *QUICK) == 0
    out = tmp_path / "out"
    assert classifier("evaluate", run, root, "-o", out, "--resamples", 10, "--split", "all") == 0
    record = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert set(record["classes"]) == {"小狗", r"$\frac$", "[red]", r"caf\xe9", "x" * 150}
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "小狗" in page
    for form in ("csv", "json", "parquet"):
        assert classifier("predict", run, root, "-o", out / f"rows.{form}") == 0
    rows = pq.read_table(out / "rows.parquet").to_pylist()
    assert sum(r"caf\xe9" in row["path"] for row in rows) == 2
    assert classifier("explain", run, root / names[-1], "-o", out / "e", "--class", "x" * 150) == 0
    assert classifier("features", run, root, "-o", out / "f", "--map", "pca") == 0
