"""An extraction stopped before any of its changes is resumed to what it would have been."""

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import FacesetError
from faceswap.core.locks import hold_folder
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.record import read_record
from faceswap.facesets.rows import mask_columns
from faceswap.facesets.segments import SegmentRecord, segment_file, write_segment
from faceswap.facesets.writer import FacesetWriter
from faceswap.media.images import encode_image
from tests.core.event_copies import repeat_everywhere
from tests.facesets import written
from tests.facesets.written import SOURCE, row

FRAMES = 5
SEGMENTS = ((0, 2), (2, 4), (4, None))
EXTRACTOR = written.EXTRACTOR | {"maskers": ["hull", "eyes"]}
OLD_SETTINGS = EXTRACTOR | {"detector": "e", "maskers": ["hull", "mesh"]}


def extract(
    output: Path,
    extractor: dict = EXTRACTOR,
    overwrite: bool = False,
    faces: int = 1,
    level: int = 0,
    first: int = 0,
) -> None:
    """Writes a faceset in segments as ``extract_source`` does.

    Faces are in the frames from ``first`` on; ``level`` is the grey level of the crops.
    """
    with hold_folder(output, "the extraction"):
        writer = FacesetWriter(output, SOURCE, extractor, overwrite=overwrite)
        if writer.complete:
            return
        for begin, end in SEGMENTS:
            if writer.has_segment(begin, end):
                continue
            frames = range(begin, FRAMES if end is None else end)
            rows = [
                store(writer, row(frame, face), extractor["maskers"], level + frame)
                for frame in frames
                for face in range(faces if frame >= first else 0)
            ]
            record = SegmentRecord(frames.stop, len(frames))
            writer.write_segment(begin, end, rows, record)
        if not writer.finish(frames=FRAMES, damage=""):
            writer.discard()


def store(writer: FacesetWriter, one: dict, maskers: Sequence[str], grey: int) -> dict:
    """Stores crop and masks of a face; returns its row."""
    writer.begin()
    columns = mask_columns(maskers)
    one |= dict.fromkeys(columns, one["image"])
    masks = [(folder, 255) for folder in columns.values()]
    for folder, value in (("images", grey), *masks):
        picture = np.full((32, 32), value, np.uint8)
        (writer.path / folder / one["image"]).write_bytes(encode_image(picture, ".png"))
    return one


def overwrite(output: Path) -> None:
    extract(output, overwrite=True)


def extract_no_face(output: Path) -> None:
    extract(output, faces=0)


def old_complete(output: Path) -> None:
    # More faces in each frame, so that stale crops would be left.
    extract(output, OLD_SETTINGS, faces=2, level=100)


def old_of_same_settings(output: Path) -> None:
    extract(output, faces=2, level=100)


def old_unfinished(output: Path) -> None:
    old_complete(output)
    record = output / "faceset.json"
    record.write_text(record.read_text().replace('"complete": true', '"complete": false'))
    for first, end in SEGMENTS[:2]:
        table = pq.read_table(output / "faces.parquet").slice(2 * first, 4)
        write_segment(segment_file(output, first, end), table, SegmentRecord(first + 2, 2))


def content(output: Path) -> dict[str, bytes]:
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file()
    }


KillEach = Callable[[Callable, Callable, Path | None, Callable], int]


@pytest.fixture(params=["some", pytest.param("any", marks=pytest.mark.slow)])
def kill_each(request, tmp_path) -> KillEach:
    """A function that kills a job at some changes, or at any; see ``kill``."""
    return partial(kill, tmp_path, 16 if request.param == "some" else None)


def kill(
    tmp_path: Path,
    most: int | None,
    job: Callable,
    repeated: Callable,
    start: Path | None,
    check: Callable,
) -> int:
    """Runs a job from the states that another one leaves when it is killed; returns its changes."""
    output = tmp_path / "runs" / "faces"
    if start is not None:
        shutil.copytree(start, output)
    errors: list[str | None] = []

    def repeat(output: Path) -> None:
        try:
            repeated(output)
            errors.append(None)
        except FacesetError as failed:
            errors.append(failed.message)

    def check_repeated(output: Path) -> None:
        if errors:  # not yet after the job that was not killed
            check(output, output.with_name("whole"), errors[-1])

    figures = repeat_everywhere(job, check_repeated, output, repeated=repeat, most=most)
    assert len(errors) == figures.points > 2
    assert not figures.wrong
    return len(figures.changes)


def check_whole(output: Path, whole: Path, error: str | None) -> None:
    assert error is None, error
    assert content(output) == content(whole)


def test_a_new_faceset_is_complete_after_a_kill_at_any_change(tmp_path, kill_each):
    assert kill_each(extract, extract, None, check_whole) > 40
    assert len(Faceset.open(tmp_path / "runs" / "whole").trainable()) == FRAMES


def test_a_source_without_faces_leaves_nothing_after_a_kill_at_any_change(tmp_path, kill_each):
    def check(output: Path, whole: Path, error: str | None) -> None:
        assert error is None, error
        assert not output.exists() or not list(output.iterdir())

    assert kill_each(extract_no_face, extract_no_face, None, check) > 15


@pytest.mark.parametrize("old", [old_complete, old_of_same_settings, old_unfinished])
def test_overwrite_without_a_face_keeps_the_old_faceset(tmp_path, old, kill_each):
    start = tmp_path / "start"
    old(start)
    extract(start, faces=0, overwrite=True)
    before = content(start)

    def overwrite_without_face(output: Path) -> None:
        extract(output, faces=0, overwrite=True)

    def check(output: Path, whole: Path, error: str | None) -> None:
        assert content(output) == content(whole) == before

    old(tmp_path / "again")
    assert content(tmp_path / "again") == before
    kill_each(overwrite_without_face, overwrite_without_face, start, check)


def test_faces_only_at_the_end_replace_a_faceset_killed_at_any_change(tmp_path, kill_each):
    start = tmp_path / "start"
    old_of_same_settings(start)

    def late(output: Path, overwrite: bool = True) -> None:
        extract(output, overwrite=overwrite, first=3)

    def resume(output: Path) -> None:
        late(output, overwrite=False)

    before = content(start)

    def check(output: Path, whole: Path, error: str | None) -> None:
        assert error is None, error
        assert content(output) in (before, content(whole))

    kill_each(late, resume, start, check)
    assert len(Faceset.open(tmp_path / "runs" / "whole").trainable()) == FRAMES - 3


@pytest.mark.parametrize("old", [old_complete, old_of_same_settings, old_unfinished])
def test_overwrite_killed_and_repeated_without_it_is_the_old_or_the_new_faceset(
    tmp_path, old, kill_each
):
    start = tmp_path / "start"
    old(start)
    before, seen = content(start), set()

    def check(output: Path, whole: Path, error: str | None) -> None:
        now = content(output)
        if now == content(whole):
            assert error is None, error
            seen.add("new")
        elif old is old_unfinished:
            # An earlier state of it, which its own settings would resume.
            assert error is not None
            assert "other settings" in error
            assert not read_record(output)["complete"]
            assert {name: now[name] for name in now} == {name: before[name] for name in now}
            assert set(before) - set(now) <= {n for n in before if n.startswith("segments/")}
            seen.add("old")
        else:
            assert now == before
            assert (error is None) == (old is old_of_same_settings)
            seen.add("old")

    assert kill_each(overwrite, extract, start, check) > 40
    assert seen == {"old", "new"}


def test_overwrite_repeated_is_the_new_faceset(tmp_path, kill_each):
    start = tmp_path / "start"
    old_complete(start)
    kill_each(overwrite, overwrite, start, check_whole)


def test_the_old_faceset_is_refused_before_it_is_touched(tmp_path):
    old_complete(tmp_path / "faces")
    before = content(tmp_path / "faces")
    with pytest.raises(FacesetError, match="other settings"):
        extract(tmp_path / "faces")
    assert content(tmp_path / "faces") == before
