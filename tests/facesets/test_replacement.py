"""An existing faceset is replaced once, however many processes take part, or stays what it is."""

from pathlib import Path

import numpy as np
import pytest

from faceswap.core.errors import FacesetError
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.record import read_record
from faceswap.facesets.replacement import Replacement
from faceswap.facesets.segments import SegmentRecord
from faceswap.facesets.writer import FacesetWriter
from faceswap.media.images import read_image, write_image
from tests.facesets.test_killed_faceset import content
from tests.facesets.written import EXTRACTOR, SOURCE, row, write_faceset

NEW = EXTRACTOR | {"detector": "new"}


def writer(path: Path, run: str = "", extractor: dict = NEW) -> FacesetWriter:
    return FacesetWriter(path, SOURCE, extractor, overwrite=True, run=run)


def store(new: FacesetWriter, first: int, end: int | None, grey: int, faces: int = 1) -> None:
    """Writes a segment of two frames, with crops."""
    rows = []
    for frame in (first, first + 1):
        for face in range(faces):
            new.begin()
            rows.append(row(frame, face))
            for folder in ("images", "masks"):
                picture = np.full((32, 32), grey, np.uint8)
                write_image(new.path / folder / rows[-1]["image"], picture)
    new.write_segment(first, end, rows, SegmentRecord(first + 2, 2))


def finished(path: Path) -> list[tuple[int, int]]:
    """Frames of a finished faceset, with the grey levels of their crops."""
    crops = Faceset.open(path)
    assert not (path / "segments").exists()
    assert sorted(face.image for face in crops.faces()) == sorted(
        file.name for file in (path / "images").iterdir()
    )
    return [(f.frame, int(read_image(path / "images" / f.image).mean())) for f in crops.faces()]


def raise_interrupt() -> None:
    raise KeyboardInterrupt


def unfinished(path: Path) -> None:
    old = FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    store(old, 0, 2, 1)
    store(old, 4, None, 1)


def test_writers_of_a_run_replace_a_faceset_once(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    before = content(path)
    first, second = writer(path, "r"), writer(path, "r")
    assert {name: content(path)[name] for name in before} == before
    store(first, 0, 2, 20)
    assert read_record(path)["extractor"]["detector"] == "new"
    store(second, 2, None, 30)  # which began before the faceset was replaced, and removes no crop
    third = writer(path, "r")
    assert [file.name for file, _ in third.segments()] == [
        "segment-000000000-000000002.parquet",
        "segment-000000002-end.parquet",
    ]
    assert third.finish(frames=4, damage="") == 4
    assert finished(path) == [(0, 20), (1, 20), (2, 30), (3, 30)]


@pytest.mark.parametrize("runs", [("a", "b"), ("", "")])
def test_another_run_replaces_what_the_first_one_wrote(tmp_path, runs):
    path = write_faceset(tmp_path / "clip").path
    first = writer(path, runs[0])
    store(first, 0, 2, 20)
    second = writer(path, runs[1])
    assert second.segments() == []
    store(second, 2, None, 30)
    assert second.finish(frames=4, damage="") == 2
    assert finished(path) == [(2, 30), (3, 30)]


def test_segments_without_faces_before_the_first_face_are_kept(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    before = content(path)
    first, second, third = (writer(path, "r") for _ in range(3))
    store(first, 0, 2, 0, faces=0)
    store(second, 2, 4, 0, faces=0)
    assert {name: content(path)[name] for name in before} == before
    store(third, 4, None, 30)
    assert first.finish(frames=6, damage="") == 2  # it found no face itself
    assert finished(path) == [(4, 30), (5, 30)]


def test_a_run_without_faces_leaves_the_old_faceset(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    before = content(path)
    first, second = writer(path, "r"), writer(path, "r")
    store(first, 0, 2, 0, faces=0)
    store(second, 2, None, 0, faces=0)
    assert second.finish(frames=4, damage="") == 0
    second.discard()
    assert content(path) == before
    assert not (path / "segments").exists()


@pytest.mark.parametrize("run", ["", "r"])
def test_runs_that_were_killed_before_a_face_leave_an_unfinished_faceset(tmp_path, run):
    path = tmp_path / "clip"
    unfinished(path)
    before = content(path)
    store(writer(path, run), 2, 4, 0, faces=0)
    again = writer(path, "another")
    assert again.segments() == []
    again.discard()
    assert content(path) == before


def test_a_run_that_was_killed_as_it_began_leaves_no_segment_of_the_old_faceset(
    tmp_path, monkeypatch
):
    path = tmp_path / "clip"
    unfinished(path)
    new = writer(path)
    new.write_segment(2, 4, [], SegmentRecord(4, 2))
    monkeypatch.setattr(Replacement, "_write", lambda *_, **__: raise_interrupt())
    with pytest.raises(KeyboardInterrupt):
        new.begin()
    assert read_record(path)["extractor"]["detector"] == "new"
    again = FacesetWriter(path, SOURCE, NEW, overwrite=False)
    assert again.segments() == []


@pytest.mark.parametrize("run", ["", "r"])
def test_an_unfinished_faceset_is_what_it_was_after_a_run_without_faces(tmp_path, run):
    path = tmp_path / "clip"
    unfinished(path)
    before = content(path)
    new = writer(path, run)
    assert new.segments() == []
    store(new, 0, None, 0, faces=0)
    new.discard()
    assert content(path) == before


def test_segments_of_other_settings_are_not_taken_for_those_of_an_unfinished_faceset(tmp_path):
    path = tmp_path / "clip"
    unfinished(path)
    store(writer(path), 2, 4, 0, faces=0)  # killed before a face was found
    again = FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False)
    assert [again.has_segment(*span) for span in ((0, 2), (2, 4), (4, None))] == [True, False, True]
    store(again, 2, 4, 5)
    assert again.finish(frames=6, damage="") == 6
    assert finished(path) == [(0, 1), (1, 1), (2, 5), (3, 5), (4, 1), (5, 1)]


def test_segments_of_an_unfinished_faceset_are_no_part_of_the_new_one(tmp_path):
    path = tmp_path / "clip"
    unfinished(path)
    store(writer(path), 2, 4, 7)  # killed after it began
    again = FacesetWriter(path, SOURCE, NEW, overwrite=False)
    assert [again.has_segment(*span) for span in ((0, 2), (2, 4), (4, None))] == [
        False,
        True,
        False,
    ]
    assert again.finish(frames=4, damage="") == 2
    assert finished(path) == [(2, 7), (3, 7)]


@pytest.mark.parametrize("note", ["{", "{}", '{"format": "faceswap-replacement", "version": 9}'])
def test_a_damaged_note_begins_the_replacement_again(tmp_path, note):
    path = write_faceset(tmp_path / "clip").path
    store(writer(path, "r"), 0, 2, 20)
    (path / "segments" / "replaces.json").write_text(note)
    again = writer(path, "r")
    assert again.segments() == []
    store(again, 2, None, 30)
    assert again.finish(frames=4, damage="") == 2
    assert finished(path) == [(2, 30), (3, 30)]


@pytest.mark.parametrize("overwrite", [False, True])
def test_writers_of_a_run_begin_a_new_faceset_once(tmp_path, overwrite):
    path = tmp_path / "clip"
    first = FacesetWriter(path, SOURCE, NEW, overwrite=overwrite, run="r")
    store(first, 0, 2, 20)
    second = FacesetWriter(path, SOURCE, NEW, overwrite=overwrite, run="r")
    assert second.has_segment(0, 2)
    store(second, 2, None, 30)
    assert first.finish(frames=4, damage="") == 4
    assert finished(path) == [(0, 20), (1, 20), (2, 30), (3, 30)]


def test_a_new_run_with_other_settings_needs_overwrite(tmp_path):
    path = tmp_path / "clip"
    store(FacesetWriter(path, SOURCE, EXTRACTOR, overwrite=False, run="r"), 0, 2, 20)
    before = content(path)
    with pytest.raises(FacesetError, match="other settings"):
        FacesetWriter(path, SOURCE, NEW, overwrite=False, run="r")
    assert content(path) == before
