"""Records in a temporary file."""

import tempfile
import tracemalloc
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from faceswap.conversion.faces import record_file
from faceswap.conversion.faces.record_file import RecordFile
from faceswap.core.errors import OutputError, StorageFullError

KIND = np.dtype([("number", np.int64), ("values", np.float32, 1000)])


@pytest.fixture
def records():
    file = RecordFile(KIND)
    yield file
    file.close()


def numbered(first: int, end: int) -> np.ndarray:
    made = np.zeros(end - first, KIND)
    made["number"] = np.arange(first, end)
    made["values"] = np.arange(first, end)[:, None] / 2
    return made


@pytest.mark.parametrize("numbers", [[], [0], [3, 4, 5], [5, 4, 4], [1, 2, 0, 6, 7]])
def test_records_are_read_by_their_numbers(records, numbers):
    records.append(numbered(0, 5))
    records.append(numbered(5, 8))
    assert len(records) == 8
    found = records.read(np.array(numbers, np.int64))
    assert found.dtype == KIND
    np.testing.assert_array_equal(found["number"], numbers)
    np.testing.assert_array_equal(found["values"][:, -1], np.array(numbers) / 2)


def test_records_may_be_added_after_some_were_read(records):
    records.append(numbered(0, 2))
    assert records.read(np.array([0]))["number"] == 0
    records.append(numbered(2, 4))
    assert records.read(np.array([1, 3]))["number"].tolist() == [1, 3]


def test_a_record_that_was_not_added_is_an_error(records):
    records.append(numbered(0, 2))
    with pytest.raises(AssertionError, match="not added"):
        records.read(np.array([1, 2]))


def test_only_what_is_asked_for_is_in_memory(records):
    tracemalloc.start()
    for first in range(0, 5000, 100):
        records.append(numbered(first, first + 100))
    for number in range(0, 5000, 7):
        assert records.read(np.array([number]))["number"] == number
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5000 * KIND.itemsize / 10


def test_an_unusable_temporary_folder_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(OutputError, match="temporary folder") as raised:
        RecordFile(KIND)
    assert "TMPDIR" in raised.value.hint


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_temporary_folder_is_an_error(monkeypatch):
    monkeypatch.setattr(record_file, "TemporaryFile", partial(Path("/dev/full").open, "r+b", 0))
    with closing(RecordFile(KIND)) as records, pytest.raises(StorageFullError):
        records.append(numbered(0, 1))
