"""Temporary folders, also those of killed processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from faceswap.core.scratch import scratch_folder

HOLD = """
import sys
from faceswap.core.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "clip.mp4").write_bytes(b"footage")
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _temporary(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def test_a_folder_is_removed_with_its_content(tmp_path):
    with scratch_folder() as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").touch()
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    left = Path(child.stdout.readline().strip())
    other = tmp_path / "faceswap-demo"
    other.mkdir()
    for folder in (left, other):
        os.utime(folder, (1, 1))
    with scratch_folder():
        assert (left / "clip.mp4").read_bytes() == b"footage"  # it is in use
    child.kill()
    child.communicate()
    os.utime(left)
    with scratch_folder():
        assert left.exists()  # it may be about to be locked
    os.utime(left, (1, 1))
    with scratch_folder():
        assert not left.exists()
    assert list(tmp_path.iterdir()) == [other]
