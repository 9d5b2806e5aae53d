import errno
import os
from pathlib import Path

import numpy as np
import pytest

from faceswap.core.mapped_arrays import create_mapped_array


def test_the_file_is_what_numpy_reads(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    array = create_mapped_array(path, values.shape, np.float32)
    assert not array.any()
    array[:] = values
    array.flush()
    assert np.array_equal(np.load(path), values)
    assert np.array_equal(np.load(path, mmap_mode="r"), values)


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="no reservation of space here")
def test_a_full_disk_is_an_error_before_the_first_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        create_mapped_array(tmp_path / "a.npy", (2, 3), np.uint8)


@pytest.mark.parametrize("fallocate", ["here", "absent", "not supported"])
def test_its_space_is_taken_before_it_is_written(tmp_path: Path, monkeypatch, fallocate) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    if fallocate == "absent":
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    elif fallocate == "not supported":
        monkeypatch.setattr(os, "posix_fallocate", unsupported, raising=False)
    path = tmp_path / "a.npy"
    create_mapped_array(path, (3, 500, 1000), np.float32)
    assert path.stat().st_blocks * 512 >= 3 * 500 * 1000 * 4
