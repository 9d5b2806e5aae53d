"""Which faces are selected, and how many are left out by what."""

import json

import numpy as np
import pytest

from faceswap.core.errors import ConfigError
from faceswap.extraction.open_segment import OpenSegment
from faceswap.extraction.segments import Segment
from faceswap.extraction.selection import Selection, Selector, parse_range
from faceswap.geometry.alignment import head_pose
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.landmarkers import FaceLandmarks
from faceswap.tracking.tracks import TrackedFace


def face(size: float, track: int = 0, yaw: float = 0, roll: float = 0, presence: float = 0.9):
    a, b = np.radians([yaw, roll])
    turn = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])
    tilt = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    points = (MEAN_FACE @ (tilt @ turn).T)[:, :2] * size + 500
    landmarks = FaceLandmarks(points.astype(np.float32), None, presence)
    return TrackedFace(track, landmarks.box, 0.9, landmarks)


def fault(made: TrackedFace, **conditions) -> str | None:
    pose = head_pose(made.landmarks.points)
    return Selection(**conditions).fault_of(pose, made.landmarks.presence)


@pytest.mark.parametrize(
    ("made", "conditions", "expected"),
    [
        (face(23), {}, "min_size"),
        (face(25), {}, None),
        (face(101), {"max_size": 100}, "max_size"),
        (face(99), {"max_size": 100}, None),
        (face(99, presence=0.4), {"min_presence": 0.5}, "min_presence"),
        (face(99, presence=0.6), {"min_presence": 0.5}, None),
        (face(99, yaw=30), {"yaw": (-20, 20)}, "yaw"),
        (face(99, yaw=30), {"yaw": (20, None)}, None),
        (face(99, yaw=-30), {"yaw": (None, 0)}, None),
        (face(99, roll=40), {"roll": (-30.0, 30.0)}, "roll"),
        (face(99), {"pitch": (30, None)}, "pitch"),
    ],
)
def test_the_first_condition_that_is_not_met(made, conditions, expected):
    assert fault(made, **conditions) == expected


def test_what_is_left_out_is_counted():
    selector = Selector(Selection(yaw=(-20, 20), min_sharpness=50), follows=True)
    found = list(selector.select([face(10), face(80), face(80, yaw=60), face(15)]))
    assert [number for number, _, _ in found] == [1]
    assert "max_faces" not in selector.left_out
    assert found[0][2].scale == pytest.approx(80, rel=0.01)
    assert selector.is_sharp(50)
    assert not selector.is_sharp(49)
    assert selector.left_out == {"min_size": 2, "yaw": 1, "min_sharpness": 1}


def tracks(selector: Selector, *faces: TrackedFace) -> list[int]:
    return [chosen.track for _, chosen, _ in selector.select(faces)]


def test_the_largest_faces_keep_their_places():
    selector = Selector(Selection(max_faces=1), follows=True)
    assert tracks(selector, face(100, 0), face(90, 1)) == [0]
    assert tracks(selector, face(95, 0), face(105, 1)) == [0]  # hardly larger
    assert tracks(selector, face(80, 0), face(120, 1)) == [1]
    assert tracks(selector, face(105, 0), face(100, 1)) == [1]
    assert tracks(selector, face(105, 0)) == [0]
    assert selector.left_out == {"max_faces": 4}


def test_faces_of_photos_have_no_places_to_keep():
    selector = Selector(Selection(max_faces=2), follows=False)
    assert tracks(selector, face(100, 0), face(90, 1), face(95, 2)) == [0, 2]
    assert tracks(selector, face(95, 0), face(105, 1), face(96, 2)) == [1, 2]


def test_a_segment_begins_with_the_places_of_the_frames_before_it():
    opened = OpenSegment(
        Segment(3, 5, 9), Selector(Selection(max_faces=1, yaw=(-20, 20)), follows=True)
    )
    assert opened.next_frame == 0
    opened.look([face(80, 0), face(105, 1)])
    opened.look([face(100, 0, yaw=50), face(90, 1)])
    opened.look([face(100, 0), face(90, 1)])  # hardly larger
    assert opened.selector.left_out == {}  # they belong to the segment before
    assert (opened.next_frame, opened.rows) == (0, [])
    assert tracks(opened.selector, face(105, 0), face(95, 1)) == [1]
    assert opened.selector.left_out == {"max_faces": 1}


def test_a_segment_counts_the_frames_between_its_processed_ones():
    opened = OpenSegment(Segment(3, 5, 20), Selector(Selection(), follows=True))
    assert [opened.advance(index) for index in (6, 9, 12)] == [2, 3, 3]
    assert opened.next_frame == 13


def test_the_record_is_json():
    record = Selection(yaw=(-20, None)).record()
    assert json.loads(json.dumps(record)) == record
    assert record["yaw"] == [-20, None]
    assert {name for name, value in record.items() if value is not None} == {"min_size", "yaw"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, None), ("-30:30", (-30, 30)), ("20:", (20, None)), (":-1.5", (None, -1.5))],
)
def test_ranges(text, expected):
    assert parse_range(text, "--yaw") == expected


@pytest.mark.parametrize("text", ["", "30", "30:20", "a:b", "nan:", "-inf:3", "1:2:3", "1e9:"])
def test_other_ranges_are_refused(text):
    with pytest.raises(ConfigError, match="--yaw"):
        parse_range(text, "--yaw")
