import ctypes
import errno
from pathlib import Path

import pytest

from faceswap.core import exchange as exchange_module
from faceswap.core import files
from faceswap.core.exchange import exchange
from faceswap.core.files import atomic_directory, name_key
from faceswap.core.leftovers import clear_leftovers


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


def put_aside(path: Path, content: str) -> Path:
    folder = path.with_name(f".replaced-{name_key(path.name)}")
    folder.mkdir()
    make(folder / path.name, content)
    return folder


@pytest.mark.parametrize("names", [None, {"model"}])
def test_a_directory_put_aside_gets_its_name_back(tmp_path: Path, names: set[str] | None) -> None:
    put_aside(tmp_path / "model", "old")
    clear_leftovers(tmp_path, names)
    assert (tmp_path / "model" / "file").read_text() == "old"
    # But not over its replacement.
    put_aside(tmp_path / "model", "older")
    clear_leftovers(tmp_path, names)
    assert (tmp_path / "model" / "file").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]
    # Nor where another output holds its lock.
    other = put_aside(tmp_path / "other", "old")
    clear_leftovers(tmp_path, {"model"})
    assert other.is_dir()


def test_the_longest_name_can_be_replaced_in_two_steps(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(files, "exchange", lambda one, other: False)
    path = make(tmp_path / ("m" * 255), "old")
    with atomic_directory(path) as temporary:
        (temporary / "file").write_text("new")
    assert (path / "file").read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM])
def test_what_a_file_system_cannot_do_is_no_error(tmp_path: Path, monkeypatch, number: int) -> None:
    def refuse(one: bytes, other: bytes) -> int:
        ctypes.set_errno(number)
        return -1

    monkeypatch.setattr(exchange_module, "_function", lambda: refuse)
    assert not exchange(tmp_path / "one", tmp_path / "other")
    # On macOS these two differ, and both mean "not supported".
    assert {errno.ENOTSUP, errno.EOPNOTSUPP} <= exchange_module.NOT_SUPPORTED
