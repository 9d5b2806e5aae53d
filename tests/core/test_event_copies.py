"""The harness finds what it is made for: states between two changes."""

import sys
from pathlib import Path

import pytest

from faceswap.core.files import atomic_write
from tests.core.event_copies import repeat_everywhere

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
    found = repeat_everywhere(write_in_place, check, tmp_path / "one" / "out")
    assert found.changes == ["os.mkdir ", "open a", "open b"]
    found = repeat_everywhere(write_whole, check, tmp_path / "two" / "out")
    assert [change.split()[0] for change in found.changes[1:4]] == [
        "open",
        "os.rename",
        "os.remove",
    ]
    found = repeat_everywhere(write_in_place, check, tmp_path / "three" / "out", ignored=["a"])
    assert found.changes == ["os.mkdir ", "open b"]


def test_every_wrong_state_is_found(tmp_path: Path) -> None:
    bad = repeat_everywhere(write_in_place, check, tmp_path / "bad" / "out")
    assert bad.points == 3
    assert list(bad.wrong) == ["2: open b"]
    good = repeat_everywhere(write_whole, check, tmp_path / "good" / "out")
    assert 4 < good.points <= len(good.changes)
    assert not good.wrong
    few = repeat_everywhere(write_whole, check, tmp_path / "few" / "out", most=2)
    assert few.points == 2
