import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from classifier.data import open_dataset
from classifier.evaluation.cross_validation import make_folds, write_list
from faceswap.core.errors import MediaError

QUICK = ("--epochs", "2", "--set", "optimizer.lr=3e-3", "--set", "data.batch_size=8")


@pytest.fixture
def halves(make_halves: Callable[..., Path]) -> Path:
    return make_halves(12, "beside it", noise=4.0)


def test_every_image_is_predicted_once_by_a_network_not_trained_on_it(
    halves: Path, tmp_path: Path, classifier: Callable[..., int | str | None]
) -> None:
    output = tmp_path / "cv"
    command = ("cross-validate", halves, "-o", output, "--folds", 3, *QUICK)
    assert classifier(*command, "--set", "device=cpu") == 0
    rows = pq.read_table(output / "predictions.parquet").to_pylist()
    everything = sorted(str(path.resolve()) for path in halves.rglob("*.png"))
    assert sorted(row["path"] for row in rows) == everything
    record = json.loads((output / "cross-validation.json").read_text())
    assert record["images"] == 24
    assert len(record["folds"]) == 3
    right = sum(row["correct"] for row in rows) / 24
    assert record["metrics"]["accuracy"]["value"] == pytest.approx(right)
    assert right > 0.9
    for number in (1, 2, 3):
        fold = open_dataset(output / f"fold-{number}.csv")
        train = {sample.path for sample in fold.splits["train"]}
        kept = {sample.path for sample in fold.splits["validation"]}
        assert not train & kept
        assert len(train | kept) == 24
    before = (output / "fold-1" / "model" / "model.safetensors").read_bytes()
    assert classifier(*command, "--set", "device=cpu") == 0  # resumed: all folds are complete
    assert (output / "fold-1" / "model" / "model.safetensors").read_bytes() == before


def test_groups_stay_together(halves: Path, tmp_path: Path) -> None:
    dataset = open_dataset(halves, r"(\d)\.png$")
    for number, fold in enumerate(make_folds(dataset, 3, seed=0)):
        path = tmp_path / f"{number}.csv"
        write_list(fold, path)
        read = open_dataset(path)
        groups = [{s.group for s in read.splits[split]} for split in ("train", "validation")]
        assert not groups[0] & groups[1]
        assert read.classes == ("above", "beside it")


def test_idx_files_are_rejected(tmp_path: Path) -> None:
    for name, header, body in (
        ("train-images-idx3-ubyte", (2051, 4, 2, 2), bytes(16)),
        ("train-labels-idx1-ubyte", (2049, 4), bytes([0, 1, 0, 1])),
    ):
        head = b"".join(number.to_bytes(4, "big") for number in header)
        (tmp_path / name).write_bytes(head + body)
    with pytest.raises(MediaError, match="archive"):
        make_folds(open_dataset(tmp_path), 3, seed=0)


def test_a_list_of_another_fold_is_not_reused(halves: Path, tmp_path: Path) -> None:
    first, second, _ = make_folds(open_dataset(halves), 3, seed=0)
    path = tmp_path / "fold-1.csv"
    write_list(first, path)
    before = path.read_bytes()
    write_list(first, path)  # the same fold of a resumed command
    with pytest.raises(MediaError, match="lists another fold"):
        write_list(second, path)
    assert path.read_bytes() == before
