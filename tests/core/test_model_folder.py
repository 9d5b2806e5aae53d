import os
from pathlib import Path

import pytest
import torch

from faceswap.core import files
from faceswap.core.errors import ModelFileError
from faceswap.core.files import atomic_path
from faceswap.core.formats import Format
from faceswap.core.locks import hold_file
from faceswap.core.model_folder import read_metadata, read_weights, save_model_folder

FORM = Format("test-model", 1, ModelFileError)


def save(folder: Path, step: int) -> None:
    save_model_folder(folder, FORM, {"a": torch.full((3,), float(step))}, {"step": step})


def no_links(*args: object, **kwargs: object) -> None:
    raise PermissionError(1, "Operation not permitted")


@pytest.fixture(params=["links", "copies", "two steps"])
def folder(tmp_path: Path, monkeypatch, request) -> Path:
    """A model folder with files of the user, on several kinds of file systems."""
    if request.param == "copies":
        monkeypatch.setattr(os, "link", no_links)
    if request.param == "two steps":
        monkeypatch.setattr(files, "exchange", lambda one, other: False)
    path = tmp_path / "model"
    save(path, 1)
    (path / "big.onnx").write_bytes(b"big")
    (path / "notes").mkdir()
    (path / "notes" / "a.txt").write_text("a")
    (path / "link").symlink_to("big.onnx")
    return path


def test_files_of_the_user_are_kept(folder: Path) -> None:
    save(folder, 2)
    metadata = read_metadata(folder, FORM)
    assert metadata["step"] == 2
    assert read_weights(folder, metadata)["a"].tolist() == [2, 2, 2]
    assert (folder / "big.onnx").read_bytes() == b"big"
    assert (folder / "notes" / "a.txt").read_text() == "a"
    assert (folder / "link").readlink() == Path("big.onnx")
    names = {path.name for path in folder.iterdir()}
    assert names == {"model.json", "model.safetensors", "big.onnx", "notes", "link"}
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_they_are_not_copied(tmp_path: Path) -> None:
    save(tmp_path / "model", 1)
    export = tmp_path / "model" / "big.onnx"
    export.write_bytes(b"big")
    before = export.stat().st_ino
    save(tmp_path / "model", 2)
    assert export.stat().st_ino == before


def test_an_export_survives_the_saves_during_it(folder: Path) -> None:
    export = folder / "export.onnx"
    with (
        hold_file(export, "the export"),
        atomic_path(export) as temporary,
        temporary.open("wb") as file,
    ):
        file.write(b"first half, ")
        file.flush()
        save(folder, 2)
        save(folder, 3)
        file.write(b"second half")
    assert export.read_bytes() == b"first half, second half"
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_what_appears_during_a_save_is_kept(folder: Path, monkeypatch) -> None:
    replace = files._replace_directory

    def late(new: Path, path: Path) -> None:
        (path / "late.onnx").write_bytes(b"late")
        (path / "notes" / "late.txt").write_text("late")
        with atomic_path(path / "big.onnx") as temporary:
            temporary.write_bytes(b"newer")
        replace(new, path)

    monkeypatch.setattr(files, "_replace_directory", late)
    save(folder, 2)
    assert (folder / "late.onnx").read_bytes() == b"late"
    assert (folder / "notes" / "late.txt").read_text() == "late"
    assert (folder / "big.onnx").read_bytes() == b"newer"
    assert read_metadata(folder, FORM)["step"] == 2
