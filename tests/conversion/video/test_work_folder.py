"""The folder of an unfinished conversion."""

import json
from pathlib import Path

import pytest

from faceswap.conversion.video.segments import Segment
from faceswap.conversion.video.work_folder import SegmentRecord, WorkFolder
from faceswap.core.errors import MediaError
from faceswap.core.files import name_key
from faceswap.core.locks import hold_file

SEGMENT = Segment(0, 2)
RECORD = SegmentRecord([], 1, 0, 0, [], 0, [])


@pytest.fixture
def work(tmp_path) -> WorkFolder:
    folder = WorkFolder(tmp_path / ".work-a", ".mp4")
    folder.open("key")
    folder.write(SEGMENT, RECORD)
    return folder


def change(work: WorkFolder, **values: object) -> None:
    path = work.path / "conversion.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_segments_of_the_same_conversion_are_kept(work):
    work.open("key")
    assert work.read(SEGMENT) == RECORD


@pytest.mark.parametrize("damage", ["key", "absent", "text", "format"])
def test_another_or_a_damaged_folder_is_replaced(work, tmp_path, damage):
    path = work.path / "conversion.json"
    if damage == "absent":
        path.unlink()
    elif damage == "text":
        path.write_text("{")
    elif damage == "format":
        change(work, format="else")
    work.open("other" if damage == "key" else "key")
    assert work.read(SEGMENT) is None
    assert [file.name for file in work.path.iterdir()] == ["conversion.json"]
    assert list(tmp_path.iterdir()) == [work.path]


def test_a_folder_of_a_newer_version_is_kept(work):
    change(work, version=2)
    with pytest.raises(MediaError, match="version 2"):
        work.open("key")
    assert work.read(SEGMENT) == RECORD


def test_a_folder_that_cannot_be_read_is_kept(work, monkeypatch):
    def fail(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", fail)
        with pytest.raises(PermissionError):
            work.open("key")
    assert work.read(SEGMENT) == RECORD


def test_what_a_killed_process_left_is_removed(work, tmp_path):
    left = [
        work.path / f".tmp-{name_key(name)}-01234567.mp4"
        for name in ("joined.mp4", work.video(Segment(0, 0)).name)
    ]
    aside = tmp_path / f".tmp-{name_key(work.path.name)}-01234567"
    segment = work.path / f".tmp-{name_key(work.video(SEGMENT).name)}-01234567.mp4"
    for file in (*left, segment, aside):
        file.touch()
    work.open("key")
    assert not any(file.exists() for file in (*left, aside))
    assert segment.exists()  # of whoever holds that segment


def test_a_folder_with_leftovers_only_is_removed(tmp_path):
    work = WorkFolder(tmp_path / ".work-a", ".mp4")
    work.open("key")
    for name in (".lock-01234567", ".lock-01234567-holder", ".tmp-01234567-01234567.mp4"):
        (work.path / name).touch()
    work.remove_empty()
    assert not work.path.exists()


def test_a_folder_with_a_segment_is_not_empty(work):
    with hold_file(work.video(SEGMENT), "a test"):
        work.remove_empty()
    assert work.read(SEGMENT) == RECORD
