"""Segments over the same frames, each tracked by a tracker of its own."""

from collections.abc import Iterable
from itertools import chain
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from faceswap.extraction.imported_faces import ImportedFace, ImportedFaces
from faceswap.extraction.imported_tracker import ImportedTracker
from faceswap.extraction.networks import Networks
from faceswap.extraction.segment_tracking import SegmentEnd, SegmentTracking, TrackedFrame
from faceswap.extraction.segments import Segment
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.stages import Stages
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.landmarkers import FaceLandmarks
from faceswap.media.frame import Frame
from faceswap.tracking.finder import build_tracker
from faceswap.tracking.settings import TrackerSettings
from faceswap.tracking.tracker import Tracker
from faceswap.tracking.tracks import TrackedFace
from tests.footage import moving_portrait, plain_picture

IMAGE = np.zeros((2, 2, 3), np.uint8)
SEGMENTS = (Segment(0, 0, 13), Segment(10, 13, 23), Segment(20, 23, None))
LEAD = 3


def frames(end: int, first: int = 0, step: int = 1) -> list[Frame]:
    return [Frame(i, i, i / 25, IMAGE) for i in range(first, end) if i % step == 0]


class Script:
    """A tracker that finds the faces that it is told, and numbers them as it sees them.

    Args:
        places: Positions of the processed frames in which each face is seen.
        made: Positions that each tracker was given; the first one is never used.
    """

    settings = TrackerSettings()
    search = SimpleNamespace(detect=lambda images, passes: [[] for _ in images])

    def __init__(self, places: dict[int, Iterable[int]], made: list[list[int]]) -> None:
        self._places = places
        self._made = made
        self._numbers: dict[int, int] = {}
        self._positions: list[int] = []
        made.append(self._positions)

    def anew(self) -> "Script":
        return Script(self._places, self._made)

    def update(self, image: object, position: int, ahead: object) -> list[TrackedFace]:
        self._positions.append(position)
        seen = [place for place, positions in self._places.items() if position in positions]
        for place in seen:
            self._numbers.setdefault(place, len(self._numbers))
        return [_face(self._numbers[place], place) for place in seen]


def _face(track: int, place: int) -> TrackedFace:
    points = (MEAN_FACE[:, :2] * 50 + [100 + 200 * place, 100]).astype(np.float32)
    landmarks = FaceLandmarks(points, None, 0.9)
    return TrackedFace(track, landmarks.box, 0.9, landmarks)


def tracking(
    places: dict[int, Iterable[int]], step: int = 1, fill_gaps: int = 0
) -> tuple[SegmentTracking, list[list[int]]]:
    made: list[list[int]] = []
    script: Any = Script(places, made)
    return SegmentTracking(script, "video", step, fill_gaps, LEAD), made[1:] or made


def shown(events: Iterable[TrackedFrame | SegmentEnd]) -> list[tuple[Segment, Any]]:
    """Index of each frame, and "end"."""
    return [
        (each.segment, each.frame.index if isinstance(each, TrackedFrame) else "end")
        for each in events
    ]


def test_each_segment_has_its_frames_and_those_before_it():
    tracked, made = tracking({0: range(30)})
    events = [*tracked.run(frames(30), SEGMENTS, Stages())]
    for segment in SEGMENTS:
        ends = range(segment.start, segment.end or 30)
        assert [what for of, what in shown(events) if of == segment] == [*ends, "end"]
    assert made[1:] == [[*range(0, 13)], [*range(10, 23)], [*range(20, 30)]]
    assert made[0] == []  # the tracker that all were made from
    # A segment ends before the first frame that it does not have, and the frames are in order.
    indices = [what for _, what in shown(events) if what != "end"]
    assert indices == sorted(indices)
    assert shown(events).index((SEGMENTS[0], "end")) < shown(events).index((SEGMENTS[1], 13))


def test_the_ends_tell_what_two_segments_saw():
    tracked, _ = tracking({0: range(12, 30), 1: range(11), 2: [10, 11, 20]})
    events = tracked.run(frames(30), SEGMENTS, Stages())
    ends = [each for each in events if isinstance(each, SegmentEnd)]
    assert [end.last for end in ends] == [False, False, True]
    around = [
        [[(s.frame, s.track) for s in seen] for seen in (end.before, end.after)] for end in ends
    ]
    # Each tracker numbers the faces as it sees them.
    assert around == [
        [[], [(10, 0), (10, 1), (11, 1), (12, 2)]],
        [[(10, 0), (10, 1), (11, 1), (12, 2)], [(20, 2), (20, 1), (21, 2), (22, 2)]],
        [[(20, 0), (20, 1), (21, 0), (22, 0)], []],
    ]
    boxes = {(s.frame, s.track): s.box for s in ends[0].after}
    np.testing.assert_array_equal(boxes[12, 2], _face(2, 0).box)


@pytest.mark.parametrize("step", [2, 5])
def test_positions_and_overlaps_are_of_processed_frames(step):
    ends = [LEAD * step + 20, LEAD * step + 40]
    segments = [Segment(0, 0, ends[0]), Segment(20, ends[0], ends[1]), Segment(40, ends[1], None)]
    tracked, made = tracking({0: range(90)}, step)
    events = [*tracked.run(frames(90, step=step), segments, Stages())]
    assert made[1:] == [
        [i // step for i in range(90) if i % step == 0 and s.start <= i < (s.end or 90)]
        for s in segments
    ]
    first, second, _ = (each for each in events if isinstance(each, SegmentEnd))
    assert [s.frame for s in first.after] == [s.frame for s in second.before]
    assert len(second.before) == LEAD


@pytest.mark.parametrize(("step", "fill_gaps", "longest"), [(1, 5, 5), (2, 5, 2), (1, 99, 12)])
def test_a_segment_looks_ahead_as_far_as_a_gap_that_is_filled(step, fill_gaps, longest):
    tracked, made = tracking({0: [0, 1, 2, 3, 9]}, step, fill_gaps)
    segment = Segment(0, 0, 5 * step)
    assert tracked.stop(segment) == (5 + longest) * step
    assert tracked.stop(Segment(0, 0, None)) is None
    events = [*tracked.run(frames(40 * step, step=step), [segment], Stages())]
    assert made[1] == [*range(5 + longest)]
    found = [each.faces for each in events if isinstance(each, TrackedFrame)]
    assert len(found) == 5
    assert [[face.filled for face in faces] for faces in found[:4]] == [[False]] * 4
    assert [face.filled for face in found[4]] == ([True] if longest >= 5 else [])


def test_a_gap_across_a_border_is_filled_on_both_sides():
    tracked, _ = tracking({0: [*range(12), *range(15, 30)]}, fill_gaps=5)
    events = [*tracked.run(frames(30), SEGMENTS, Stages())]
    filled = {
        (SEGMENTS.index(each.segment), each.frame.index)
        for each in events
        if isinstance(each, TrackedFrame) and [face.filled for face in each.faces] == [True]
    }
    assert filled == {(0, 12), (1, 12), (1, 13), (1, 14)}


def test_frames_that_only_a_gap_needs_are_no_overlap():
    tracked, _ = tracking({0: range(30), 1: range(14, 30)}, fill_gaps=5)
    events = [*tracked.run(frames(30), SEGMENTS, Stages())]
    first, *_ = (each for each in events if isinstance(each, SegmentEnd))
    assert [(seen.frame, seen.track) for seen in first.after] == [(10, 0), (11, 0), (12, 0)]


def test_segments_after_the_last_frame_are_left_out():
    tracked, made = tracking({0: range(30)})
    events = [*tracked.run(frames(12), SEGMENTS, Stages())]
    assert {segment for segment, _ in shown(events)} == {*SEGMENTS[:2]}
    assert [each.last for each in events if isinstance(each, SegmentEnd)] == [True, True]
    assert len(made) == 3


def test_a_segment_of_which_no_frame_was_decoded_has_an_end():
    tracked, _ = tracking({0: range(60)})
    events = [*tracked.run(frames(60, first=25), SEGMENTS, Stages())]
    assert [what for of, what in shown(events) if of == SEGMENTS[0]] == ["end"]
    assert [what for of, what in shown(events) if of == SEGMENTS[1]] == ["end"]


def test_imported_faces_have_neither_gaps_nor_other_numbers():
    def given(x: float) -> ImportedFace:
        points = (MEAN_FACE[:, :2] * 50 + [100 + x, 100]).astype(np.float32)
        return ImportedFace(FaceLandmarks(points, None, 1.0).box, points)

    faces = ImportedFaces({i: [given(500), given(0)] if i < 15 else [given(0)] for i in range(30)})
    tracker = ImportedTracker(faces, None)
    tracked = SegmentTracking(tracker, "video", 1, 5, LEAD)
    assert tracked.longest_gap == 0
    events = tracked.run(frames(30), SEGMENTS, Stages())
    found = [
        (each.frame.index, [face.track for face in each.faces])
        for each in events
        if isinstance(each, TrackedFrame) and each.segment.owns(each.frame.index)
    ]
    assert found == [(i, [0, 1] if i < 15 else [1]) for i in range(30)]


def test_frames_are_held_no_longer_than_the_tracker_keeps_a_lost_face():
    networks, taken = build_tracker(), []

    class Counting(Tracker):
        def update(self, image, position=None, ahead=None):
            taken.append(position)
            return super().update(image, position, ahead)

        def anew(self):
            return Counting(self.detector, self.landmarker, self.settings)

    pictures = [moving_portrait(0) if i < 2 else plain_picture(0) for i in range(30)]
    shots = [Frame(i, i, i / 25, picture) for i, picture in enumerate(pictures)]
    settings = TrackerSettings(min_similarity=-1)
    tracker = Counting(networks.detector, networks.landmarker, settings)
    tracked = SegmentTracking(tracker, "video", 1, fill_gaps=1000, lead=LEAD)
    held = [
        len(taken) - 1 - each.frame.index
        for each in tracked.run(shots, [Segment(0, 0, None)], Stages())
        if isinstance(each, TrackedFrame)
    ]
    assert max(held) == TrackerSettings.max_lost_frames


def values(events: Iterable[TrackedFrame | SegmentEnd], segment: Segment) -> list[Any]:
    """All that a segment found, bit by bit."""
    found: list[Any] = []
    for each in events:
        if each.segment == segment and isinstance(each, TrackedFrame):
            faces = [(f.track, f.filled, f.score, f.landmarks.mesh.tobytes()) for f in each.faces]  # type: ignore[union-attr]
            found.append((each.frame.index, faces))
        elif each.segment == segment and isinstance(each, SegmentEnd):
            found.append([s.to_json() for s in chain(each.before, each.after)])
    return found


@pytest.mark.parametrize("batch", [1, 8])
def test_a_segment_is_the_same_alone_and_among_others(batch):
    """A face that moves, is covered for some frames, and is another shot from frame 17 on."""
    built = build_tracker()
    settings = TrackerSettings(detect_every=3, batch=batch)
    tracker = Tracker(built.detector, built.landmarker, settings)
    shots = []
    for i in range(27):
        picture = moving_portrait(i).copy()
        if i in (6, 7, 12, 13):
            picture[20:170, 60:200] = 90
        shown = picture if i < 17 else np.ascontiguousarray(255 - picture[:, ::-1])
        shots.append(Frame(i, i, i / 25, shown if i < 18 else 255 - shown))
    segments = (Segment(0, 0, 10), Segment(7, 10, 17), Segment(14, 17, None))
    tracked = SegmentTracking(tracker, "video", 1, 5, LEAD)
    together = [*tracked.run(shots, segments, Stages())]
    for segment in reversed(segments):
        own = shots[segment.start : tracked.stop(segment)]
        alone = values(tracked.run(own, [segment], Stages()), segment)
        assert alone == values(together, segment)
        assert sum(bool(each[1]) for each in alone[:-1]) > 5


def test_the_tracker_knows_how_far_apart_processed_frames_are():
    tracker = Networks.build(ExtractSettings(every=25)).tracker
    assert tracker is not None
    assert tracker.settings.step == 25
    assert tracker.anew().settings == tracker.settings
