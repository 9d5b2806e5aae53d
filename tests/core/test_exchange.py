from pathlib import Path

import pytest

from faceswap.core import files
from faceswap.core.exchange import exchange
from faceswap.core.files import atomic_directory, clear_leftovers


def make(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "file").write_text(content)
    return path


def test_directories_exchange_their_names(tmp_path: Path) -> None:
    one, other = make(tmp_path / "one", "1"), make(tmp_path / "other", "2")
    if not exchange(one, other):
        pytest.skip("the system cannot")
    assert (one / "file").read_text() == "2"
    assert (other / "file").read_text() == "1"
    with pytest.raises(FileNotFoundError):
        exchange(one, tmp_path / "nothing")


@pytest.mark.parametrize("able", [True, False])
def test_a_directory_is_replaced_as_a_whole(tmp_path: Path, monkeypatch, able: bool) -> None:
    if not able:
        monkeypatch.setattr(files, "exchange", lambda one, other: False)
    path = make(tmp_path / "model", "old")
    (path / "only in the old one").touch()
    with atomic_directory(path) as temporary:
        (temporary / "file").write_text("new")
    assert [file.name for file in path.iterdir()] == ["file"]
    assert (path / "file").read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("names", [None, {"model"}])
def test_a_directory_put_aside_gets_its_name_back(tmp_path: Path, names: set[str] | None) -> None:
    make(tmp_path / ".replaced-model", "old")
    clear_leftovers(tmp_path, names)
    assert (tmp_path / "model" / "file").read_text() == "old"
    # But not over its replacement.
    make(tmp_path / ".replaced-model", "older")
    clear_leftovers(tmp_path, names)
    assert (tmp_path / "model" / "file").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]
    # Nor where another output holds its lock.
    make(tmp_path / ".replaced-other", "old")
    clear_leftovers(tmp_path, {"model"})
    assert (tmp_path / ".replaced-other").is_dir()
