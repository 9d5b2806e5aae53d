import os
from pathlib import Path

import pytest

from faceswap.core.errors import MediaError, SourceChangedError
from faceswap.core.hashed_file import HashedFile


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"first")
    return path


def test_an_unchanged_file_is_not_read_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = HashedFile.of(file)

    def read_again(_path: Path) -> str:
        raise AssertionError

    monkeypatch.setattr("faceswap.core.hashed_file.sha256_file", read_again)
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
