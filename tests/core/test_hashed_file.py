import os
import stat
from pathlib import Path

import pytest

from faceswap.core.errors import MediaError, SourceChangedError
from faceswap.core.hashed_file import HashedFile

NANOSECONDS = ("st_atime_ns", "st_mtime_ns", "st_ctime_ns")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"first")
    return path


def never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_again(_path: Path) -> str:
        raise AssertionError

    monkeypatch.setattr("faceswap.core.hashed_file.sha256_file", read_again)


def test_an_unchanged_file_is_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = HashedFile.of(file)
    never_read(monkeypatch)
    hashed.check()


def test_a_touched_file_is_read_again_once(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = HashedFile.of(file)
    os.utime(file, (1, 1))
    hashed.check()
    never_read(monkeypatch)
    hashed.check()


def test_on_another_machine_its_file_system_has_another_number(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed, found = HashedFile.of(file), file.stat()
    fields = [*found]
    fields[stat.ST_DEV] += 1
    elsewhere = os.stat_result(fields, {name: getattr(found, name) for name in NANOSECONDS})
    monkeypatch.setattr(Path, "stat", lambda *_, **__: elsewhere)
    assert Path.stat(file).st_dev != found.st_dev
    never_read(monkeypatch)
    hashed.check()


def test_the_same_content_is_unchanged(file: Path) -> None:
    hashed = HashedFile.of(file)
    os.utime(file, (1, 1))
    hashed.check()
    file.unlink()
    file.write_bytes(b"first")
    hashed.check()


def test_other_content_of_the_same_size_and_time_is_found(file: Path) -> None:
    hashed, times = HashedFile.of(file), file.stat()
    file.write_bytes(b"other")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(SourceChangedError, match="replaced or changed while it was read"):
        hashed.check()


def test_a_file_that_is_gone(file: Path) -> None:
    hashed = HashedFile.of(file)
    file.unlink()
    with pytest.raises(SourceChangedError, match="was removed while it was read"):
        hashed.check()


@pytest.mark.skipif(os.name == "nt", reason="no named pipes")
def test_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MediaError, match="found a pipe"):
        HashedFile.of(tmp_path / "pipe")
    with pytest.raises(MediaError, match="cannot be read"):
        HashedFile.of(tmp_path / "absent")
