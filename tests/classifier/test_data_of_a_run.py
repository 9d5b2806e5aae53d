"""Runs are resumed with the same data only, whatever the names, sizes and times say."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.data import open_dataset
from classifier.data.contents import digest_contents, digest_states
from classifier.training import run_directory

Classifier = Callable[..., int | str | None]
QUICK = ("--model", "lenet5", "--epochs", "1", "--set", "data.batch_size=4", "--set", "device=cpu")


@pytest.fixture
def bitmaps(tmp_path: Path) -> Path:
    """Two classes of six images; all files have one size."""
    random = np.random.default_rng(0)
    for name in ("green", "red"):
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for number in range(6):
            values = random.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(values).save(folder / f"{number}.bmp")
    return tmp_path / "data"


def edit(data: Path, *, keep_time: bool = False) -> None:
    target = data / "red" / "1.bmp"
    before = target.stat()
    with target.open("r+b") as file:
        file.write((data / "green" / "1.bmp").read_bytes())
    if keep_time:
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("keep_time", [False, True])
def test_files_edited_in_place_are_seen(
    bitmaps: Path, tmp_path: Path, classifier: Classifier, capsys, *, keep_time: bool
) -> None:
    train = ("train", bitmaps, "-o", tmp_path / "run", *QUICK)
    assert classifier(*train) == 0
    edit(bitmaps, keep_time=keep_time)
    capsys.readouterr()
    assert classifier(*train) not in (0, None)
    assert "images has other content under the same names and sizes" in " ".join(
        capsys.readouterr().err.split()
    )
    assert classifier(*train, "--allow-changes") == 0
    assert classifier(*train) == 0


def test_files_edited_in_place_are_seen_by_a_cross_validation(
    bitmaps: Path, tmp_path: Path, classifier: Classifier, capsys
) -> None:
    command = ("cross-validate", bitmaps, "-o", tmp_path / "cv", "--folds", 2, *QUICK)
    assert classifier(*command) == 0
    assert classifier(*command) == 0
    edit(bitmaps)
    capsys.readouterr()
    assert classifier(*command) not in (0, None)
    assert "other content" in " ".join(capsys.readouterr().err.split())


def test_copies_and_touched_files_are_the_same_data(
    bitmaps: Path, tmp_path: Path, classifier: Classifier
) -> None:
    options = ("-o", tmp_path / "run", *QUICK)
    assert classifier("train", bitmaps, *options) == 0
    copy = shutil.copytree(bitmaps, tmp_path / "copy", copy_function=shutil.copyfile)
    assert classifier("train", copy, *options) == 0
    (copy / "red" / "2.bmp").touch()
    assert classifier("train", copy, *options) == 0


def test_runs_of_older_versions_resume(
    bitmaps: Path, tmp_path: Path, classifier: Classifier
) -> None:
    train = ("train", bitmaps, "-o", tmp_path / "run", *QUICK)
    assert classifier(*train) == 0
    manifest = tmp_path / "run" / "manifest.json"
    document = json.loads(manifest.read_text())
    (source,) = document["data"]["images"]
    recorded = {key: source.pop(key) for key in ("states_sha256", "content_sha256")}
    manifest.write_text(json.dumps(document))
    assert classifier(*train) == 0
    (source,) = json.loads(manifest.read_text())["data"]["images"]
    assert {key: source[key] for key in recorded} == recorded


def test_contents_are_read_again_only_if_files_were_written(
    bitmaps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = open_dataset(bitmaps)
    first = run_directory.describe_dataset(dataset, None)
    assert "content_sha256" not in first["images"][0]
    first["images"][0]["content_sha256"] = digest_contents(dataset)
    with monkeypatch.context() as patch:
        patch.setattr(run_directory, "digest_contents", None)
        assert run_directory.describe_dataset(dataset, first) == first
    before = digest_states(dataset)
    (bitmaps / "red" / "1.bmp").touch()
    assert digest_states(dataset) != before
    again = run_directory.describe_dataset(dataset, first)
    assert again["images"][0]["content_sha256"] == first["images"][0]["content_sha256"]


def test_unreadable_files_have_a_digest(bitmaps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> str:
        raise PermissionError

    monkeypatch.setattr("classifier.data.contents.sha256_file", fail)
    assert len(digest_contents(open_dataset(bitmaps))) == 64
