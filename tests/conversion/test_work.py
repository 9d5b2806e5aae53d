"""Conversion as the work of an engine, done part by part in any order."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from faceswap.conversion import pipeline
from faceswap.conversion.output.names import name_outputs
from faceswap.conversion.settings import ConvertConfig, EncodeConfig
from faceswap.conversion.setup import ConvertSetup
from faceswap.conversion.sharded import join_segments
from faceswap.conversion.video import conversion
from faceswap.conversion.video.segments import plan_segments
from faceswap.conversion.work import ConvertItem, ConvertWork, FindFacesWork, SharedVideo
from faceswap.core.errors import NoFacesError, OutputBusyError, OutputExistsError
from faceswap.engines.work import Plan
from faceswap.extraction import pipeline as extraction_pipeline
from faceswap.media.sources import find_sources
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.identity import open_identity
from tests.conversion.test_sharded import HOLD, child
from tests.conversion.video.test_conversion import packets
from tests.extraction.short_segments import cut_short
from tests.footage import plain_picture, write_clip

FRAMES, LENGTH = 40, 4


@pytest.fixture(autouse=True)
def short(monkeypatch) -> None:
    cut_short(monkeypatch, 8, 4)
    monkeypatch.setattr(conversion, "plan_segments", lambda table: plan_segments(table, LENGTH))


@pytest.fixture
def setup(run) -> ConvertSetup:
    return ConvertSetup(run, ConvertConfig(), open_identity(), to="bob", device="cpu")


def item(clip: Path, output: Path) -> ConvertItem:
    (source,) = find_sources([clip])
    return ConvertItem(source, name_outputs(source, output))


def do(work: FindFacesWork | ConvertWork, one: ConvertItem) -> tuple[Plan, Any]:
    """Each part by a process that has done nothing before, the last one first."""
    plan = work.plan(one)
    results = [replace(work).run(one, part) for part in reversed(plan.parts)]
    return plan, replace(work).finish(one, plan.facts, results)


def test_parts_in_any_order_give_what_one_process_gives(setup, clip, tmp_path):
    whole, parts = (item(clip, tmp_path / name / "out.mp4") for name in ("whole", "parts"))
    report = setup.job(whole.source, whole.outputs).run()
    faces, searched = do(FindFacesWork(replace(setup)), parts)
    plan, found = do(ConvertWork(replace(setup)), parts)
    assert len(faces.parts) >= 1
    assert len(plan.parts) > 1
    assert searched == found.frames_now == report.frames
    assert packets(parts.outputs.path) == packets(whole.outputs.path)
    known, expected = (read_provenance(each.outputs.path) for each in (parts, whole))
    assert (known.state, known.conversion) == ("intact", expected.conversion)
    assert {f.name for f in (tmp_path / "parts").iterdir()} == {"out.mp4", "out.mp4.json"}
    again, kept = do(ConvertWork(replace(setup)), parts)
    assert not again.parts
    assert (kept.frames, kept.frames_now) == (report.frames, 0)
    assert not FindFacesWork(replace(setup)).plan(parts).parts


def test_segments_that_are_done_are_not_done_again(setup, clip, tmp_path):
    one = item(clip, tmp_path / "out.mp4")
    do(FindFacesWork(replace(setup)), one)
    work = ConvertWork(replace(setup))
    plan = work.plan(one)
    done = work.run(one, plan.parts[0])
    assert done.frames == plan.parts[0].frames
    assert work.run(one, plan.parts[0]).frames == 0
    assert len(work.plan(one).parts) == len(plan.parts) - 1


def test_a_video_without_faces_leaves_nothing(setup, tmp_path):
    clip = write_clip(tmp_path / "plain.mp4", 12, plain_picture)
    one = item(clip, tmp_path / "out" / "out.mp4")
    with pytest.raises(NoFacesError):
        do(FindFacesWork(replace(setup)), one)
    assert not [*tmp_path.glob("out/*")]


def test_a_video_whose_joining_process_was_killed_at_its_end_is_complete(setup, clip, tmp_path):
    one = item(clip, tmp_path / "out" / "out.mp4")
    do(FindFacesWork(replace(setup)), one)
    plan, report = do(ConvertWork(replace(setup)), one)
    # Overwritten: the segments are gone, so it was this run that joined them.
    for overwrite in (False, True):
        repeated = ConvertWork(replace(setup), overwrite).finish(one, plan.facts, [])
        assert (repeated.frames, repeated.frames_now) == (report.frames, 0)
        assert {f.name for f in one.outputs.path.parent.iterdir()} == {"out.mp4", "out.mp4.json"}


def test_what_other_settings_left_unfinished_is_begun_anew(setup, clip, tmp_path):
    one = item(clip, tmp_path / "out.mp4")
    other = replace(setup, config=ConvertConfig(encode=EncodeConfig(crf=30)))
    do(FindFacesWork(replace(other)), one)
    before = ConvertWork(replace(other))
    before.run(one, before.plan(one).parts[0])
    plan = FindFacesWork(replace(setup)).plan(one)
    assert sum(part.frames for part in plan.parts) == FRAMES
    with pytest.raises(OutputExistsError, match="other settings"):
        before.plan(one)


def test_what_another_process_has_in_its_hands_is_not_begun_anew(setup, clip, tmp_path):
    one = item(clip, tmp_path / "out.mp4")
    FindFacesWork(replace(setup)).plan(one)
    changed = replace(setup, config=ConvertConfig(encode=EncodeConfig(crf=30)))
    with (
        child(HOLD, one.outputs.work / "a part") as holder,
        pytest.raises(OutputBusyError, match=f"process {holder.pid}"),
    ):
        FindFacesWork(changed).plan(one)


def test_a_process_that_is_late_leaves_another_conversion_alone(setup, clip, tmp_path):
    one = item(clip, tmp_path / "out.mp4")
    do(FindFacesWork(replace(setup)), one)
    plan, report = do(ConvertWork(replace(setup)), one)
    late = SharedVideo.of(setup.job(one.source, one.outputs), plan.facts)
    changed = replace(setup, config=ConvertConfig(encode=EncodeConfig(crf=30)))
    assert FindFacesWork(changed, overwrite=True).plan(one).parts
    before = sorted(one.outputs.work.rglob("*"))
    found = join_segments(late.job, late.video, late.plan, 0, 0.0, assigned=False, overwrite=False)
    assert found is not None
    assert (found.frames, found.frames_now) == (report.frames, 0)
    assert sorted(one.outputs.work.rglob("*")) == before


def test_a_video_is_hashed_where_it_is_planned_alone(setup, clip, tmp_path, monkeypatch):
    one = item(clip, tmp_path / "out.mp4")
    do(FindFacesWork(replace(setup)), one)
    work = ConvertWork(replace(setup))
    plan = work.plan(one)
    for module in (pipeline, extraction_pipeline):
        monkeypatch.setattr(module, "hash_source", lambda source: pytest.fail("hashed again"))
    assert work.run(one, plan.parts[0]).frames == plan.parts[0].frames
