"""Faces that are lost within a shot fade; short gaps are bridged."""

from collections.abc import Collection, Sequence

import numpy as np
import pytest

from faceswap.conversion.faces.fading import LONGEST_GAP, FoundFaces, OtherFaces, show_faces
from faceswap.conversion.faces.shots import Changes, Place
from faceswap.geometry.mean_face import MEAN_FACE

SIZE = 80.0
CLIP = 0, 100
Found = tuple[int, int, float]
"""Frame, track and position of a face."""


def found_faces(faces: Sequence[Found], to: Sequence[int] | None = None) -> FoundFaces:
    """Faces of tracks with the targets ``to``; those of a track with target -1 stay as they are."""
    ordered = sorted(faces)
    frames, tracks, places = (np.array(column) for column in zip(*ordered, strict=True))
    landmarks = (
        SIZE * MEAN_FACE[None, :, :2] + np.stack([places, np.full(len(places), 100)], 1)[:, None]
    )
    targets = np.zeros(len(frames), np.int64) if to is None else np.array(to)[tracks]
    sizes = np.full(len(frames), SIZE, np.float32)
    landmarks, swapped = landmarks.astype(np.float32), targets >= 0
    return FoundFaces(
        frames[swapped],
        tracks[swapped],
        targets[swapped],
        landmarks[swapped],
        sizes[swapped],
        OtherFaces.of(frames[~swapped][::-1], landmarks[~swapped][::-1]),
    )


def track(frames: range, number: int = 0, start: float = 200.0, motion: float = 0.0) -> list[Found]:
    return [(frame, number, start + motion * frame) for frame in frames]


def no_changes(frames: Collection[int], places: Sequence[Place]) -> Changes:
    return Changes(set(), set())


def shown(
    faces: Sequence[Found],
    cuts: Collection[int] = (),
    fade: int = 4,
    excluded: Collection[tuple[int, int]] = (),
    to: Sequence[int] | None = None,
    covered: Collection[int] = (),
) -> dict[int, list[float]]:
    """Opacity of each face by frame."""

    def changes(frames: Collection[int], places: Sequence[Place]) -> Changes:
        new = {i for i, (frame, _) in enumerate(places) if frame in covered}
        return Changes({*frames} & {*cuts}, new)

    found = show_faces(found_faces(faces, to), changes, CLIP, fade, excluded)
    opacity: dict[int, list[float]] = {}
    for frame, value in zip(found.frames.tolist(), found.opacity.tolist(), strict=True):
        opacity.setdefault(frame, []).append(round(value, 6))
    return opacity


def test_a_face_fades_where_its_track_begins_and_ends_within_a_shot():
    opacity = shown(track(range(20, 41)))
    assert sorted(opacity) == list(range(20, 41))
    assert [opacity[frame] for frame in range(20, 25)] == [[0.2], [0.4], [0.6], [0.8], [1.0]]
    assert [opacity[frame] for frame in range(36, 41)] == [[1.0], [0.8], [0.6], [0.4], [0.2]]
    assert all(opacity[frame] == [1.0] for frame in range(24, 37))


def test_nothing_fades_at_the_ends_of_the_clip_and_at_cuts():
    assert {*map(tuple, shown(track(range(*CLIP))).values())} == {(1.0,)}
    both = [*track(range(10, 50), 0), *track(range(50, 70), 1, start=400)]
    opacity = shown(both, cuts=(10, 50, 70))
    assert {*map(tuple, opacity.values())} == {(1.0,)}
    assert shown(both)[49] == [0.2]


def test_a_track_shorter_than_its_fades_stays_faint():
    assert shown(track(range(30, 33))) == {30: [0.2], 31: [0.4], 32: [0.2]}


def test_a_fade_of_no_frames_changes_nothing():
    assert {*map(tuple, shown(track(range(20, 41)), fade=0).values())} == {(1.0,)}


@pytest.mark.parametrize("gap", [1, LONGEST_GAP])
def test_a_short_gap_is_bridged_in_full(gap):
    after = range(40 + gap, 100)
    found = show_faces(
        found_faces([*track(range(40), motion=1), *track(after, motion=1)]),
        no_changes,
        CLIP,
        4,
    )
    assert found.frames.tolist() == list(range(100))
    assert (found.opacity == 1).all()
    # Halfway between the faces around it.
    for frame in range(40, 40 + gap):
        assert (found.before[frame], found.after[frame]) == (39, 40)
        assert found.time[frame] == pytest.approx((frame - 39) / (gap + 1))
    assert (found.time[:40] == 0).all()
    assert (found.before == found.after)[[*range(40), *range(40 + gap, 100)]].all()


def test_the_fade_of_joined_runs_is_that_of_the_whole():
    opacity = shown([*track(range(20, 40)), *track(range(43, 45))])
    assert [opacity[frame] for frame in (40, 41, 42)] == [[1.0], [0.8], [0.6]]
    assert [opacity[frame] for frame in (43, 44)] == [[0.4], [0.2]]


@pytest.mark.parametrize(
    ("reason", "after", "options"),
    [
        ("too long", track(range(41 + LONGEST_GAP, 100)), {}),
        ("it moved", track(range(45, 100), start=200 + 0.6 * SIZE), {}),
        ("a cut", track(range(48, 100)), {"cuts": (44,)}),
        ("a cut at its end", track(range(45, 100)), {"cuts": (45,)}),
        ("a deleted face", track(range(45, 100)), {"excluded": {(42, 0)}}),
        (
            "another face is there",
            [*track(range(45, 100)), *track(range(41, 44), 1)],
            {"to": (0, 1)},
        ),
        (
            "a face that is not swapped is there",
            [*track(range(45, 100)), *track(range(41, 44), 1)],
            {"to": (0, -1)},
        ),
        ("of another identity", track(range(45, 100), 1), {"to": (0, 1)}),
    ],
)
def test_other_gaps_are_not_bridged(reason, after, options):
    opacity = shown([*track(range(40)), *after], **options)
    assert 44 not in opacity, reason
    assert opacity[39] == [0.2]


@pytest.mark.parametrize(
    "other",
    [track(range(30, 40), 1), track(range(45, 60), 1), track(range(30, 60), 1, start=300)],
    ids=["before", "after", "beside"],
)
def test_faces_elsewhere_that_are_not_swapped_do_not_keep_a_gap_open(other):
    opacity = shown([*track(range(40)), *track(range(45, 100)), *other], to=(0, -1))
    assert opacity == {frame: [1.0] for frame in range(100)}


def test_a_face_that_gets_another_track_does_not_fade_between():
    opacity = shown([*track(range(50), 0), *track(range(50, 100), 1, start=205)])
    assert {*map(tuple, opacity.values())} == {(1.0,)}
    apart = shown([*track(range(50), 0), *track(range(50, 100), 1, start=235)])
    assert (apart[49], apart[50]) == ([0.2], [0.2])


def test_a_still_face_found_late_is_shown_from_the_cut_on():
    still = shown([*track(range(52, 80))], cuts=(50, 82))
    assert sorted(still) == list(range(50, 82))
    assert {*map(tuple, still.values())} == {(1.0,)}
    assert min(shown(track(range(3, 80)))) == 0
    for faces, cuts in (
        (track(range(52, 80), motion=6), (50,)),
        (track(range(54, 80)), (50,)),
        ([*track(range(52, 80)), *track(range(49, 52), 1)], (50,)),
    ):
        opacity = shown(faces, cuts, to=(0, 1))
        assert opacity[max(52, min(frame for frame, number, _ in faces if number == 0))] == [0.2]
    covered = shown([*track(range(52, 80)), *track(range(49, 52), 1)], cuts=(50,), to=(0, -1))
    assert min(covered) == 52
    deleted = shown(track(range(52, 80)), cuts=(50,), excluded={(51, 0)})
    assert min(deleted) == 52


def test_every_part_of_a_clip_asks_for_the_same_cuts():
    asked: list[set[int]] = []

    places_asked: list[int] = []

    def changes(frames: Collection[int], places: Sequence[Place]) -> Changes:
        asked.append({*frames})
        places_asked.extend(frame for frame, _ in places)
        return Changes(set(), set())

    show_faces(found_faces([*track(range(30)), *track(range(60, 100))]), changes, CLIP, 4)
    assert places_asked == [0, 60, 30, 100]
    # Around the ends of the runs, and no frame besides; nothing precedes the first.
    assert asked == [{*range(30, 34), *range(57, 61)}]


def test_a_face_that_is_covered_at_once_does_not_fade():
    """The frame's own face would be seen through it."""
    opacity = shown([*track(range(40)), *track(range(70, 100))], covered=(40, 70))
    assert {*map(tuple, opacity.values())} == {(1.0,)}
    assert shown([*track(range(40)), *track(range(70, 100))], covered=(40,))[70] == [0.2]


def test_a_clip_without_faces():
    none = np.zeros(0, np.int64)
    empty = FoundFaces(none, none, none, np.zeros((0, 68, 2), np.float32), np.zeros(0, np.float32))
    assert len(show_faces(empty, no_changes, CLIP, 4).frames) == 0
