import errno
import hashlib
import json
import os
import sys
from pathlib import Path

import pytest

from faceswap.core.errors import MediaError, StorageFullError
from faceswap.core.files import (
    atomic_directory,
    atomic_path,
    atomic_write,
    regular_file,
    reserve,
    sha256_file,
    storage_errors,
    user_path,
    write_json,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_atomic_write_replaces_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.bin"
    atomic_write(path, b"one")
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert names(path.parent) == ["file.bin"]


def test_failure_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.mp4"
    atomic_write(path, b"old")

    def write_half() -> None:
        with atomic_path(path) as temporary:
            assert temporary.suffix == ".mp4"
            temporary.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file.mp4"]


def test_directory_replaces_whole(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for content in ("one", "two"):
        with atomic_directory(path) as temporary:
            (temporary / content).write_text(content)
    assert names(path) == ["two"]
    assert names(tmp_path) == ["model"]


def test_directory_failure_keeps_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with atomic_directory(path) as temporary:
        (temporary / "a").write_text("a")

    def write_half() -> None:
        with atomic_directory(path) as temporary:
            (temporary / "b").write_text("b")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert names(path) == ["a"]
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_error_names_the_path(tmp_path: Path, code: int) -> None:
    path = tmp_path / "file.bin"

    def write_half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"half")
            raise OSError(code, "full")

    with pytest.raises(StorageFullError, match=r"file\.bin"):
        write_half()
    assert names(tmp_path) == []


def test_other_errors_pass(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), storage_errors(tmp_path):
        raise PermissionError(errno.EACCES, "denied")


def test_json_and_hash(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    value = {"name": "Zoë", "numbers": [1, 2.5, None]}
    write_json(path, value)
    assert json.loads(path.read_text(encoding="utf-8")) == value
    assert "Zoë" in path.read_text(encoding="utf-8")
    assert sha256_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_temporary_names_fit_where_the_name_does(tmp_path: Path) -> None:
    path = tmp_path / ("長い名前の動画" * 11 + "長長長長長長.mp4")
    assert len(os.fsencode(path.name)) > 250
    atomic_write(path, b"content")
    with atomic_directory(path.with_suffix("")) as temporary:
        (temporary / "a").touch()
    assert path.read_bytes() == b"content"


def test_special_files_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    with pytest.raises(MediaError, match="pipe, device or socket"):
        regular_file(pipe)
    with pytest.raises(MediaError):
        regular_file(Path("/dev/zero"))
    file = tmp_path / "file"
    file.touch()
    assert regular_file(file) == file


def test_reserved_space_is_on_the_disk(tmp_path: Path) -> None:
    path = tmp_path / "cache.npy"
    reserve(path, 3_000_000)
    assert path.stat().st_size == 3_000_000
    assert path.stat().st_blocks * 512 >= 3_000_000


def test_a_typed_path_begins_at_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/run") == tmp_path / "run"
    assert user_path(Path("~")) == tmp_path
    for text in ("run/~", "~nobody-of-that-name/run", "/a/b"):
        assert user_path(text) == Path(text)


def watch_syncs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files and folders that are flushed, and of files that are renamed, in order."""
    seen: list[str] = []
    rename = os.rename

    def sync(descriptor: int) -> None:
        seen.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")

    def replace(source: Path, target: Path) -> None:
        seen.append(f"{Path(source).name} -> {Path(target).name}")
        rename(source, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    return seen


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/fd")
def test_a_file_takes_its_name_after_its_content_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watch_syncs(monkeypatch)
    atomic_write(tmp_path / "state.json", b"{}")
    temporary = seen[0].removeprefix("sync ")
    assert temporary.startswith(".tmp-")
    assert seen == [
        f"sync {temporary}",
        f"{temporary} -> state.json",
        f"sync {tmp_path.name}",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/fd")
def test_all_files_of_a_directory_are_flushed_before_it_takes_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = watch_syncs(monkeypatch)
    with atomic_directory(tmp_path / "model") as temporary:
        (temporary / "weights").write_bytes(b"1")
        (temporary / "inner").mkdir()
        (temporary / "inner" / "more").write_bytes(b"2")
        assert seen == []
    assert {"sync weights", "sync inner", "sync more"} <= set(seen)
    assert seen[-1] == f"sync {tmp_path.name}"
