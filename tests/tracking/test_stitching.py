"""Tracks of segments that were tracked apart from each other, joined by their overlap."""

import json
from collections.abc import Mapping

import numpy as np
import pytest

from faceswap.tracking.stitching import SegmentTracks, Sighting, stitch

Places = Mapping[int, float]
"""Place of the face of each track in a frame."""


def seen(*frames: Places, first: int = 100) -> tuple[Sighting, ...]:
    """Faces of 40 pixels in consecutive frames."""
    return tuple(
        Sighting(frame, track, np.array([x, 50, x + 40, 90], np.float32))
        for frame, places in enumerate(frames, start=first)
        for track, x in places.items()
    )


def stitched(
    earlier: tuple[Sighting, ...],
    later: tuple[Sighting, ...],
    tracks: tuple[set[int], set[int]] = (set(), set()),
) -> dict[int, int]:
    """Numbers of the tracks of the second of two segments."""
    first, second = map(frozenset, tracks)
    numbers = stitch([SegmentTracks(first, (), earlier), SegmentTracks(second, later, ())])
    assert numbers[0] == {track: track for track in SegmentTracks(first, (), earlier).numbers()}
    return numbers[1]


def test_a_face_in_the_overlap_keeps_its_number():
    earlier = seen({3: 10, 7: 200}, {3: 12, 7: 203})
    later = seen({0: 201, 1: 11}, {0: 202, 1: 12})
    assert stitched(earlier, later) == {0: 7, 1: 3}


def test_a_new_face_gets_a_number_that_no_track_has():
    earlier, later = seen({3: 10}), seen({0: 300, 1: 10})
    # Tracks that ended before the overlap have numbers, too.
    assert stitched(earlier, later, ({3, 9}, {0, 1, 4})) == {0: 10, 1: 3, 4: 11}


def test_numbers_of_the_first_segment_stay_and_have_no_gap_filled():
    (numbers,) = stitch([SegmentTracks(frozenset({5, 2}), (), seen({8: 10}))])
    assert numbers == {2: 2, 5: 5, 8: 8}
    assert stitched(seen({8: 10}), seen({0: 90}), ({5, 2}, {0})) == {0: 9}


def test_two_faces_that_swap_places_keep_their_numbers():
    ways = [(10 + 20 * i, 130 - 20 * i) for i in range(7)]
    earlier = seen(*({0: left, 1: right} for left, right in ways))
    later = seen(*({1: left, 0: right} for left, right in ways))
    assert stitched(earlier, later) == {1: 0, 0: 1}


def test_most_frames_decide():
    # The later tracker took the other face for two frames, when they were close to each other.
    earlier = seen(*[{0: 10, 1: 100}] * 5)
    later = seen(*[{0: 100, 1: 10}] * 2, *[{0: 10, 1: 100}] * 3)
    assert stitched(earlier, later) == {0: 0, 1: 1}
    later = seen(*[{0: 100, 1: 10}] * 3, *[{0: 10, 1: 100}] * 2)
    assert stitched(earlier, later) == {0: 1, 1: 0}


def test_a_track_is_joined_to_one_track_only():
    # A face that was lost in the overlap and found again has two tracks before, or after it.
    broken = seen(*[{0: 10}] * 3, *[{}] * 2, *[{1: 10}] * 4)
    whole = seen(*[{6: 10}] * 9)
    assert stitched(whole, broken) == {1: 6, 0: 7}
    assert stitched(broken, whole) == {6: 1}


@pytest.mark.parametrize("later", [seen({}, {}, {0: 10}), seen({0: 60}, {0: 50}), ()])
def test_a_face_that_was_lost_in_the_overlap_is_another(later):
    assert stitched(seen({0: 10}, {0: 12}, {}), later, (set(), {0})) == {0: 1}


def test_faces_are_compared_in_the_same_frame_only():
    earlier, later = seen({0: 10}, {0: 90}), seen({0: 90}, {0: 10})
    assert stitched(earlier, later) == {0: 1}


def test_a_face_is_followed_through_three_segments():
    segments = [
        SegmentTracks(frozenset({0, 1}), (), seen({1: 10}, {1: 12})),
        # 0 goes on; 2 is new, and 1 was there in the overlap only.
        SegmentTracks(
            frozenset({0, 2}), seen({0: 10, 1: 200}, {0: 12}), seen({0: 80, 2: 300}, first=200)
        ),
        SegmentTracks(frozenset({0, 1, 5}), seen({0: 301, 1: 81}, first=200), ()),
    ]
    first, second, third = stitch(segments)
    assert first == {0: 0, 1: 1}
    assert second == {0: 1, 1: 2, 2: 3}
    assert third == {0: 3, 1: 1, 5: 4}


def test_an_empty_segment_ends_all_tracks():
    face = frozenset({0})
    segments = [SegmentTracks(face, (), seen({0: 10})), SegmentTracks(), SegmentTracks(face)]
    assert stitch(segments) == [{0: 0}, {}, {0: 1}]
    assert stitch([]) == []


def test_the_first_segment_may_be_empty():
    tracks = SegmentTracks(frozenset({4, 6}), seen({4: 10}))
    assert stitch([SegmentTracks(), tracks]) == [{}, {4: 0, 6: 1}]


def test_no_two_tracks_of_a_segment_have_one_number():
    rng = np.random.default_rng(3)
    for _ in range(50):
        around = [
            seen(*({t: float(rng.integers(0, 200)) for t in range(5)} for _ in range(6)))
            for _ in range(8)
        ]
        pairs = zip(around[::2], around[1::2], strict=True)
        numbers = stitch(SegmentTracks(frozenset(range(7)), *pair) for pair in pairs)
        for each in numbers:
            assert len({*each.values()}) == len(each) == 7


def test_a_sighting_makes_a_round_trip_through_json():
    box = np.array([0.1, -3.7, 1e5 / 3, 77], np.float32)
    sighting = Sighting(123456789, 42, box)
    again = Sighting.from_json(json.loads(json.dumps(sighting.to_json())))
    assert (again.frame, again.track) == (123456789, 42)
    assert isinstance(again.frame, int)
    assert isinstance(again.track, int)
    assert again.box.dtype == np.float32
    np.testing.assert_array_equal(again.box, box)
