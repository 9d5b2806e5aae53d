import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from classifier.data import open_dataset
from classifier.evaluation.cross_validation import make_folds, write_folds
from faceswap.core.errors import MediaError, OutputExistsError, TrainingError

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
    for path in write_folds(make_folds(dataset, 3, seed=0), None, tmp_path)[0]:
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


def test_folds_of_other_data_are_not_reused(halves: Path, tmp_path: Path) -> None:
    output = tmp_path / "cv"
    dataset = open_dataset(halves)
    lists, _ = write_folds(make_folds(dataset, 3, seed=0), None, output)
    before = [path.read_bytes() for path in lists]
    lists[1].unlink()  # killed while it wrote the lists
    assert write_folds(make_folds(dataset, 3, seed=0), None, output) == (lists, None)
    assert [path.read_bytes() for path in lists] == before
    with pytest.raises(MediaError, match="holds 3 folds, not 2"):
        write_folds(make_folds(dataset, 2, seed=0), None, output)
    with pytest.raises(MediaError, match="holds 3 folds, not 4"):
        write_folds(make_folds(dataset, 4, seed=0), None, output)
    with pytest.raises(MediaError, match="other data or of another seed"):
        write_folds(make_folds(dataset, 3, seed=1), None, output)
    (halves / "above" / "0.png").rename(halves / "above" / "new.png")
    with pytest.raises(MediaError, match="other data or of another seed"):
        write_folds(make_folds(open_dataset(halves), 3, seed=0), None, output)
    assert [path.read_bytes() for path in lists] == before


def test_results_of_others_are_not_replaced(halves: Path, tmp_path: Path) -> None:
    (tmp_path / "cross-validation.json").write_text("mine")
    with pytest.raises(OutputExistsError, match=r"cross-validation\.json exists already"):
        write_folds(make_folds(open_dataset(halves), 3, seed=0), None, tmp_path)
    assert not list(tmp_path.glob("fold-*.csv"))


@pytest.mark.parametrize("fold", [1, 3])
def test_folders_of_others_are_refused_before_anything_is_written(
    halves: Path, tmp_path: Path, fold: int
) -> None:
    output = tmp_path / "cv"
    mine = output / f"fold-{fold}" / "mine"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(TrainingError, match=f"fold-{fold} exists and is not the folder of a"):
        write_folds(make_folds(open_dataset(halves), 3, seed=0), None, output)
    assert [path for path in output.rglob("*") if path.is_file()] == [mine]


def test_labels_follow_the_class_file(
    halves: Path, tmp_path: Path, classifier: Callable[..., int | str | None]
) -> None:
    (halves / "classes.txt").write_text("beside it\nabove\n")
    command = ("cross-validate", halves, "-o", tmp_path / "cv", "--folds", 2)
    assert classifier(*command, "--epochs", 1, "--set", "device=cpu") == 0
    rows = pq.read_table(tmp_path / "cv" / "predictions.parquet").to_pylist()
    assert {(Path(row["path"]).parent.name, row["label"]) for row in rows} == {
        ("above", "above"),
        ("beside it", "beside it"),
    }
    record = json.loads((tmp_path / "cv" / "cross-validation.json").read_text())
    assert list(record["classes"]) == ["beside it", "above"]


def test_class_order_of_a_list_is_kept(halves: Path, tmp_path: Path) -> None:
    dataset = replace(open_dataset(halves), classes=("beside it", "above"))
    members = make_folds(dataset, 3, seed=0)
    (first, *_), order = write_folds(members, None, tmp_path / "cv")
    assert open_dataset(first, "", order).classes == ("beside it", "above")
    (tmp_path / "cv" / "classes.txt").unlink()  # killed before it wrote them
    assert write_folds(members, None, tmp_path / "cv")[1] == order
    assert (tmp_path / "cv" / "classes.txt").read_text() == "beside it\nabove\n"
    mine = tmp_path / "classes.txt"
    mine.write_text("mine")
    with pytest.raises(OutputExistsError, match=r"classes\.txt exists already"):
        write_folds(members, None, tmp_path)
    assert mine.read_text() == "mine"
    assert not list(tmp_path.glob("fold-*.csv"))


def test_colours_and_unlabelled_pixels_of_masks_are_kept(tmp_path: Path) -> None:
    root = tmp_path / "data"
    for name in ("images", "masks"):
        (root / name).mkdir(parents=True)
    (root / "classes.csv").write_text(
        "index,name,colour\n0,sky,#ff0000\n1,void,#000000\n2,road,#0000ff\n"
    )
    mask = np.array([[[255, 0, 0], [0, 0, 0]], [[0, 0, 255], [255, 0, 0]]], np.uint8)
    for number in range(4):
        Image.new("RGB", (2, 2)).save(root / "images" / f"{number}.png")
        Image.fromarray(mask).save(root / "masks" / f"{number}.png")
    dataset = open_dataset(root)
    lists, order = write_folds(make_folds(dataset, 2, seed=0), None, tmp_path)
    for listed in lists:
        fold = open_dataset(listed, "", order)
        assert (fold.classes, fold.ignore_index) == (("sky", "road"), 1)
        assert {s.code for s in fold.samples} == {s.code for s in dataset.samples}
