"""What a training does with a folder that is in use, damaged, or the user's own."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from classifier.models.model_file import load_model
from faceswap.core.locks import hold_folder

Classifier = Callable[..., int | str | None]
SMALL = ("--set", "data.batch_size=8", "--set", "optimizer.lr=3e-3", "--set", "device=cpu")


def test_a_second_training_in_the_same_folder_is_refused(
    halves: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], classifier: Classifier
) -> None:
    output = tmp_path / "run"
    with hold_folder(output, "another training"):
        assert classifier("train", halves, "-o", output, "--epochs", 1, *SMALL) == 2
        assert "another training of process" in capsys.readouterr().err
        assert {path.name for path in output.iterdir()} == {".lock", ".lock-holder"}
    # A start that left its lock file only does not make the folder foreign.
    output.mkdir()
    (output / ".lock").touch()
    assert classifier("train", halves, "-o", output, "--epochs", 1, *SMALL) == 0


def remove_checkpoints(run: Path) -> None:
    shutil.rmtree(run / "checkpoints")


def empty_checkpoints(run: Path) -> None:
    for path in (run / "checkpoints").glob("step-*"):
        shutil.rmtree(path)
    shutil.rmtree(run / "model")
    (run / "history.json").unlink()


def keep_model(run: Path) -> None:
    for path in run.iterdir():
        if path.name != "model":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def remove(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


def empty(name: str) -> Callable[[Path], object]:
    return lambda run: (run / name).write_text("")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (remove_checkpoints, "--weights"),
        (empty_checkpoints, "checkpoints/latest"),
        (keep_model, "not the folder of a training"),
        (remove("manifest.json"), "manifest.json"),
        (empty("manifest.json"), "manifest.json"),
        (remove("config.yaml"), "config.yaml"),
        (empty("config.yaml"), "config.yaml"),
    ],
)
def test_a_run_that_lost_a_part_of_itself_is_not_begun_anew(
    halves: Path, tmp_path: Path, capsys, classifier: Classifier, damage, said: str
) -> None:
    output = tmp_path / "run"
    assert classifier("train", halves, "-o", output, "--epochs", 1, *SMALL) == 0
    damage(output)
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    capsys.readouterr()
    for given in ((), ("--allow-changes",), ("--config", "lenet5")):
        assert classifier("train", halves, "-o", output, "--epochs", 2, *SMALL, *given) == 2
        assert said in capsys.readouterr().err
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before


def test_a_lost_history_and_mark_are_made_up(
    halves: Path, tmp_path: Path, classifier: Classifier
) -> None:
    output = tmp_path / "run"
    command = ("train", halves, "-o", output, "--epochs", 2, *SMALL)
    assert classifier(*command) == 0
    lost = ("history.json", "checkpoints/best", "checkpoints/latest", "model/model.json")
    before = {name: (output / name).read_text() for name in lost}
    for name in lost:
        (output / name).unlink()
    assert classifier(*command) == 0
    assert {name: (output / name).read_text() for name in lost} == before


def test_files_of_the_user_are_neither_replaced_nor_removed(
    halves: Path, tmp_path: Path, capsys, classifier: Classifier
) -> None:
    project = tmp_path / "project"
    (project / "model").mkdir(parents=True)
    (project / "model" / "mywork.txt").write_text("mine")
    for name, text in (("manifest.json", '{"mine": 1}'), ("history.json", "[1]")):
        (project / name).write_text(text)
    (project / "config.yaml").write_text("mine: true")
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    for output in (project, project / "config.yaml", project / "config.yaml" / "run"):
        assert classifier("train", halves, "-o", output, "--epochs", 1, *SMALL) == 2
    assert "project exists and is not the folder of a training" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_files_added_to_the_model_folder_stay_in_it(
    halves: Path, tmp_path: Path, classifier: Classifier
) -> None:
    output = tmp_path / "run"
    assert classifier("train", halves, "-o", output, "--epochs", 1, *SMALL) == 0
    (output / "model" / "notes" / "of").mkdir(parents=True)
    (output / "model" / "notes" / "of" / "mine.txt").write_text("mine")
    (output / "model" / "net.onnx").write_bytes(b"onnx")
    before = load_model(output).digest
    again = ("--set", "optimizer.lr=1e-2")
    assert classifier("train", halves, "-o", output, "--epochs", 9, *SMALL, *again) == 0
    assert load_model(output).digest != before
    assert (output / "model" / "notes" / "of" / "mine.txt").read_text() == "mine"
    assert (output / "model" / "net.onnx").read_bytes() == b"onnx"
