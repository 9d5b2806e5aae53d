"""Extraction as the work of an engine, done part by part in any order."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from faceswap.core.errors import FacesetError, MediaError, NoFacesError, StorageFullError
from faceswap.engines.work import Part, PartResult
from faceswap.extraction.moments import Moment
from faceswap.extraction.people_options import PeopleOptions
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.work import ExtractWork
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.writer import FacesetWriter
from faceswap.media.images import write_image
from faceswap.media.sources import Source, find_sources
from faceswap.provenance.subject import Subject
from tests.extraction.short_segments import cut_short
from tests.facesets.test_killed_faceset import content
from tests.footage import moving_portrait, plain_picture, write_clip

FRAMES, KEYS = 70, (13, 24, 38, 51)
SETTINGS = ExtractSettings()


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Source:
    clip = write_clip(
        tmp_path_factory.mktemp("clips") / "clip.mp4", FRAMES, moving_portrait, keys=KEYS
    )
    return find_sources([clip])[0]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    cut_short(monkeypatch, 10, 5)


def work(folder: Path, **changes: object) -> ExtractWork:
    first = ExtractWork(
        folder,
        SETTINGS,
        (None, None),
        PeopleOptions("off"),
        subject=None,
        device="cpu",
        overwrite=False,
        run_name="run",
    )
    return replace(first, **changes)


def run(made: ExtractWork, source: Source, parts: Sequence[Part]) -> list[PartResult]:
    """What came of parts, each done by a process that has done nothing before."""
    return [replace(made).run(source, part) for part in parts]


def test_parts_in_any_order_give_what_one_process_gives(source, tmp_path):
    extract_source(source, tmp_path / "whole" / "clip", SETTINGS)
    made = work(tmp_path / "parts")
    plan = made.plan(source)
    assert [part.frames for part in plan.parts] == [29, 27, 14]
    results = run(made, source, plan.parts[::-1])
    assert [result.frames for result in results] == [14, 27, 29]
    report = replace(made).finish(source, plan.facts, results)
    assert (report.faces, report.frames, report.frames_now) == (FRAMES, FRAMES, FRAMES)
    assert content(tmp_path / "parts" / "clip") == content(tmp_path / "whole" / "clip")


def test_what_is_done_is_not_planned_and_not_done_again(source, tmp_path):
    made = work(tmp_path)
    plan = made.plan(source)
    run(made, source, plan.parts[:1])
    assert [part.content for part in made.plan(source).parts] == [
        part.content for part in plan.parts[1:]
    ]
    results = run(made, source, plan.parts)
    assert [result.frames for result in results] == [0, 27, 14]
    made.finish(source, plan.facts, results)
    before = content(tmp_path / "clip")
    again = made.plan(source)
    assert not again.parts
    report = made.finish(source, again.facts, ())
    assert (report.frames, report.frames_now) == (FRAMES, 0)
    # A process that was killed just after it had finished.
    assert made.finish(source, plan.facts, results).faces == FRAMES
    assert content(tmp_path / "clip") == before


def test_a_faceset_is_replaced_once(source, tmp_path):
    extract_source(source, tmp_path / "clip", replace(SETTINGS, crop_size=256))
    made = work(tmp_path, overwrite=True)
    plan = made.plan(source)
    first = run(made, source, plan.parts[:2])
    assert len(made.plan(source).parts) == 1  # planned again, since the first planner was lost
    made.finish(source, plan.facts, [*first, *run(made, source, plan.parts[2:])])
    extract_source(source, tmp_path / "whole" / "clip", SETTINGS)
    assert content(tmp_path / "clip") == content(tmp_path / "whole" / "clip")


def test_a_replaced_faceset_is_whole_after_a_kill_at_its_end(source, tmp_path, monkeypatch):
    extract_source(source, tmp_path / "clip", replace(SETTINGS, crop_size=256))
    made = work(tmp_path, overwrite=True)
    plan = made.plan(source)
    results = run(made, source, plan.parts)
    with monkeypatch.context() as killed:
        killed.setattr(FacesetWriter, "_remove_merged_segments", lambda writer: None)
        made.finish(source, plan.facts, results)
    segments = sorted((tmp_path / "clip" / "segments").glob("*.parquet"))
    segments[-1].unlink()  # killed after the first of them was removed
    assert replace(made).finish(source, plan.facts, results).faces == FRAMES
    extract_source(source, tmp_path / "whole" / "clip", SETTINGS)
    assert content(tmp_path / "clip") == content(tmp_path / "whole" / "clip")


def test_a_span_and_a_subject_are_those_of_the_command(source, tmp_path):
    span = tuple(Moment(Fraction(at), is_frame=True) for at in (20, 50))
    made = work(tmp_path, span=span, subject=Subject("Grace", "public-domain"))
    plan = made.plan(source)
    made.finish(source, plan.facts, run(made, source, plan.parts))
    faceset = Faceset.open(tmp_path / "clip")
    assert [face.frame for face in faceset.faces()] == list(range(20, 50))
    assert faceset.record["subject"]["name"] == "Grace"


def test_photos_are_one_part(tmp_path):
    for number in range(3):
        write_image(tmp_path / "photos" / f"{number}.png", moving_portrait(9 * number))
    (photos,) = find_sources([tmp_path / "photos"])
    made = work(tmp_path / "faces")
    plan = made.plan(photos)
    assert [part.content for part in plan.parts] == [None]
    made.finish(photos, plan.facts, run(made, photos, plan.parts))
    extract_source(photos, tmp_path / "whole" / "photos", SETTINGS)
    assert content(tmp_path / "faces" / "photos") == content(tmp_path / "whole" / "photos")


def test_a_source_without_faces_leaves_nothing(tmp_path):
    clip = write_clip(tmp_path / "plain.mp4", 30, plain_picture)
    (plain,) = find_sources([clip])
    made = work(tmp_path / "faces")
    plan = made.plan(plain)
    with pytest.raises(NoFacesError, match="No face was found"):
        made.finish(plain, plan.facts, run(made, plain, plan.parts))
    assert not (tmp_path / "faces" / "plain").exists()


def test_no_space_for_a_copy_of_footage_concerns_one_machine(tmp_path, monkeypatch):
    @contextmanager
    def full(_source: Source, _folder: Path) -> Iterator[Source]:
        raise StorageFullError("The disk is full.")
        yield

    monkeypatch.setattr("faceswap.extraction.work.fetched", full)
    at_url = Source(tmp_path / "a.mp4", "video", "a", (tmp_path / "a.mp4",), "memory://a.mp4")
    made = work(tmp_path / "faces")
    with pytest.raises(MediaError, match=r"no space for a copy of a in .* on "):
        run(made, at_url, made.plan(at_url).parts)


def test_photos_that_cannot_be_read_leave_nothing(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.png").write_bytes(b"damaged")
    (photos,) = find_sources([tmp_path / "photos"])
    made = work(tmp_path / "faces")
    plan = made.plan(photos)
    with pytest.raises(MediaError, match=r"1\.png"):
        run(made, photos, plan.parts)
    assert not (tmp_path / "faces" / "photos").exists()


def test_a_part_of_a_process_that_seemed_dead_changes_nothing(source, tmp_path):
    made = work(tmp_path)
    plan = made.plan(source)
    made.finish(source, plan.facts, run(made, source, plan.parts))
    before = content(tmp_path / "clip")
    assert [result.frames for result in run(made, source, plan.parts)] == [0, 0, 0]
    assert content(tmp_path / "clip") == before


def test_a_late_part_leaves_a_faceset_that_was_replaced_alone(source, tmp_path):
    extract_source(source, tmp_path / "clip", SETTINGS)
    made = work(tmp_path, overwrite=True)
    plan = made.plan(source)
    made.finish(source, plan.facts, run(made, source, plan.parts))
    before = content(tmp_path / "clip")
    with pytest.raises(FacesetError, match="Another process has ended the replacement"):
        run(made, source, plan.parts)
    assert content(tmp_path / "clip") == before


def test_a_late_part_of_footage_at_a_url_leaves_a_replaced_faceset_alone(
    source, tmp_path, monkeypatch
):
    @contextmanager
    def copied(_source: Source, _folder: Path) -> Iterator[Source]:
        yield source

    monkeypatch.setattr("faceswap.extraction.work.fetched", copied)
    at_url = replace(source, origin="memory://clip.mp4")
    extract_source(source, tmp_path / "clip", SETTINGS)
    (tmp_path / "clip" / "images" / "000000-0.jpg").write_bytes(b"changed")
    made = work(tmp_path, overwrite=True)
    plan = made.plan(at_url)
    made.finish(at_url, plan.facts, run(made, at_url, plan.parts))
    before = content(tmp_path / "clip")
    assert b"changed" not in before.values()
    with pytest.raises(FacesetError, match="Another process has ended the replacement"):
        run(made, at_url, plan.parts)
    assert content(tmp_path / "clip") == before


def test_a_late_part_of_a_source_without_faces_leaves_nothing(tmp_path):
    (plain,) = find_sources([write_clip(tmp_path / "plain.mp4", 30, plain_picture)])
    made = work(tmp_path / "faces")
    plan = made.plan(plain)
    with pytest.raises(NoFacesError):
        made.finish(plain, plan.facts, run(made, plain, plan.parts))
    assert [result.frames for result in run(made, plain, plan.parts)] == [0] * len(plan.parts)
    assert not (tmp_path / "faces" / "plain").exists()


def test_a_join_that_is_repeated_after_it_found_no_face_says_the_same(tmp_path):
    (plain,) = find_sources([write_clip(tmp_path / "plain.mp4", 30, plain_picture)])
    made = work(tmp_path / "faces")
    plan = made.plan(plain)
    results = run(made, plain, plan.parts)
    for _ in range(2):
        with pytest.raises(NoFacesError, match="No face was found"):
            made.finish(plain, plan.facts, results)
