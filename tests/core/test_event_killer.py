"""The harness finds what it is made for: states between two changes."""

import sys
from pathlib import Path

import pytest

from faceswap.core.files import atomic_write
from tests.core.event_killer import kill_everywhere, record_changes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/fd")


def write_in_place(output: Path) -> None:
    """Wrong: a kill between the two files leaves a pair that a repetition takes for complete."""
    output.mkdir(exist_ok=True)
    if (output / "a").exists():
        return
    (output / "a").write_text("1")
    (output / "b").write_text("1")


def write_whole(output: Path) -> None:
    """Right: each file is complete or absent, and the second is made up for."""
    for name in ("a", "b"):
        if not (output / name).exists():
            atomic_write(output / name, b"1")


def check(output: Path) -> None:
    found = {path.name: path.read_text() for path in output.glob("[ab]")}
    assert found == {"a": "1", "b": "1"}


def test_changes_are_counted(tmp_path: Path) -> None:
    changes = record_changes(write_in_place, tmp_path / "out")
    assert changes == ["os.mkdir ", "open a", "open b"]
    whole = record_changes(write_whole, tmp_path / "whole")
    assert [change.split()[0] for change in whole[1:6]] == [
        *("open", "os.fsync", "os.rename", "os.fsync", "os.remove")
    ]
    assert record_changes(write_in_place, tmp_path / "other", ignored=["a"])[1:] == ["open b"]


def test_every_wrong_state_is_found(tmp_path: Path) -> None:
    bad = kill_everywhere(write_in_place, check, tmp_path / "bad")
    assert bad.points == 3
    assert list(bad.wrong) == ["2: open b"]
    good = kill_everywhere(write_whole, check, tmp_path / "good")
    assert good.points == len(good.changes)
    assert not good.wrong
    assert kill_everywhere(write_whole, check, tmp_path / "few", most=2).points == 2
