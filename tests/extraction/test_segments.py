"""Where sources are cut into segments."""

from collections.abc import Iterable
from itertools import islice, pairwise

import pytest

import faceswap.extraction.segments as module
from faceswap.core.errors import MediaError
from faceswap.extraction.segments import Segment, plan_segments
from faceswap.media.images import write_image
from faceswap.media.sources import Source, find_sources
from faceswap.tracking.settings import TrackerSettings
from tests.extraction.short_segments import cut_short
from tests.footage import plain_picture, write_clip

FRAMES, KEYS = 60, (7, 13, 31, 33, 52)
LENGTH, LEAD = 10, 3
DEFAULTS = module.LEAD, module.LENGTH


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Source:
    folder = tmp_path_factory.mktemp("clips")
    return find_sources([write_clip(folder / "clip.mp4", FRAMES, plain_picture, keys=KEYS)])[0]


@pytest.fixture(autouse=True)
def short(monkeypatch):
    cut_short(monkeypatch, LENGTH, LEAD)


def spans(segments: Iterable[Segment]) -> list[tuple[int, int, int | None]]:
    return [(segment.start, segment.first, segment.end) for segment in segments]


def test_segments_begin_at_key_frames_and_belong_to_themselves_after_the_lead(source):
    plan = plan_segments(source)
    assert (plan.frames, plan.lead) == (FRAMES, LEAD)
    # 13 is the first key frame from 10 on, 31 that from 23 on; there is none from 41 to 51.
    assert spans(plan.segments) == [
        (0, 0, 16),
        (13, 16, 34),
        (31, 34, 44),
        (41, 44, 55),
        (52, 55, None),
    ]


def test_a_span_is_cut_from_its_first_frame_on(source):
    plan = plan_segments(source, first=5, end=45)
    assert plan.frames == FRAMES
    # No key frame lies from 15 to 24, one from 25 to 34, and none from 41 to 44.
    expected = [(5, 5, 18), (15, 18, 34), (31, 34, 44), (41, 44, None)]
    assert spans(plan.segments) == expected
    assert spans(plan_segments(source, first=20, end=33).segments) == [(20, 20, None)]


@pytest.mark.parametrize("end", [44, 43])
def test_a_segment_without_a_frame_of_its_own_is_none(source, end):
    assert spans(plan_segments(source, first=20, end=end).segments)[-1] == (31, 34, None)
    assert spans(plan_segments(source, first=20, end=45).segments)[-1] == (41, 44, None)


def test_lengths_are_of_processed_frames(source):
    # 20 frames at least, and 6 of them twice.
    plan = plan_segments(source, step=2)
    assert spans(plan.segments) == [(0, 0, 37), (31, 37, 58), (52, 58, None)]
    assert plan.lead == LEAD
    for segment in plan.segments:
        lead = [i for i in range(segment.start, segment.first) if i % 2 == 0]
        assert len(lead) in (0, LEAD)


@pytest.mark.parametrize(("first", "end"), [(100, None), (60, None), (0, 0), (30, 10)])
def test_a_span_without_frames_is_one_segment(source, first, end):
    assert spans(plan_segments(source, first=first, end=end).segments) == [(first, first, None)]


@pytest.mark.parametrize("step", [1, 2, 3, 7])
@pytest.mark.parametrize(("first", "end"), [(0, None), (0, 41), (8, None), (17, 58), (59, 60)])
@pytest.mark.parametrize("lead", [0, 3, 14])
def test_each_frame_belongs_to_exactly_one_segment(source, monkeypatch, step, first, end, lead):
    cut_short(monkeypatch, 4, lead)
    segments = [*plan_segments(source, step, first, end).segments]
    for index in range(FRAMES + 20):
        owners = [segment for segment in segments if segment.owns(index)]
        assert len(owners) == (index >= first)
    for segment in segments:
        assert segment.start <= segment.first
        assert segment.end is None or segment.first < segment.end
    for before, after in pairwise(segments):
        assert before.end == after.first == after.start + lead * step
        assert before.start < after.start
        assert not before.owns(after.first)
    assert segments[0].start == segments[0].first == first
    assert segments[-1].end is None


def test_the_same_file_is_cut_in_the_same_way(source):
    assert plan_segments(source) == plan_segments(find_sources([source.path])[0])


def test_a_video_whose_frames_are_not_known_is_cut_without_an_end(source, tmp_path):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(source.path.read_bytes()[: source.path.stat().st_size * 2 // 3])
    plan = plan_segments(find_sources([cut])[0], step=2, first=4)
    assert (plan.frames, plan.lead) == (None, LEAD)
    assert spans(islice(plan.segments, 3)) == [(4, 4, 30), (24, 30, 50), (44, 50, 70)]
    assert len([*islice(plan.segments, 1000)]) == 1000


def test_photos_are_cut_without_a_lead_and_without_an_end(tmp_path):
    write_image(tmp_path / "photos" / "a.png", plain_picture(0))
    plan = plan_segments(find_sources([tmp_path / "photos"])[0], first=1)
    assert (plan.frames, plan.lead) == (None, 0)
    assert spans(islice(plan.segments, 3)) == [(1, 1, 11), (11, 11, 21), (21, 21, 31)]


def test_what_is_no_video_is_an_error(source, tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"none")
    with pytest.raises(MediaError):
        plan_segments(Source(tmp_path / "a.mp4", "video", "a", (tmp_path / "a.mp4",)))


def test_a_lead_lets_both_trackers_drop_a_lost_face():
    lead, length = DEFAULTS
    assert 2 * TrackerSettings().max_lost_frames <= lead < length
