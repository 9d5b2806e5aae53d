from dataclasses import replace

import numpy as np
import pytest

from faceswap.tracking.gaps import fill_gaps
from faceswap.tracking.smoothing import smooth
from tests.tracking.faces import face
from tests.tracking.tracked import numbers

SHAPE = np.random.default_rng(3).uniform(0, 200, (478, 3)).astype(np.float32)
STEP = np.array([8, -4, 1], np.float32)


def clip(present, track=0, shift=0.0):
    """A face that moves uniformly and is found in some of the frames."""
    return [
        (f"frame {i}", [face(SHAPE + shift + i * STEP, track)] if found else [])
        for i, found in enumerate(present)
    ]


def test_a_short_gap_is_filled_between_its_neighbours():
    frames = clip([1, 1, 0, 0, 0, 1, 1])
    out = list(fill_gaps(frames, 3))
    assert [item for item, _ in out] == [item for item, _ in frames]
    assert [[f.filled for f in faces] for _, faces in out] == [
        [i in (2, 3, 4)] for i in range(len(frames))
    ]
    for i, (_, (found,)) in enumerate(out):
        np.testing.assert_allclose(found.landmarks.dense_mesh(), SHAPE + i * STEP, atol=1e-3)
        np.testing.assert_allclose(found.landmarks.points, (SHAPE + i * STEP)[:68, :2], atol=1e-3)
        np.testing.assert_array_equal(found.box, found.landmarks.box)
        assert found.track == 0
    assert out[3][1][0].landmarks.presence == 0
    assert frames[3][1] == []  # what was given is not changed


@pytest.mark.parametrize(("longest", "filled"), [(0, 0), (1, 1), (2, 3), (3, 6), (9, 6)])
def test_gaps_up_to_the_longest_are_filled(longest, filled):
    frames = clip([0, 1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0])
    out = [f for _, faces in fill_gaps(frames, longest) for f in faces]
    assert sum(f.filled for f in out) == filled


def test_a_face_with_another_number_is_another_face():
    frames = clip([1, 1, 0, 0, 0]) + clip([1, 1], track=1)
    assert not any(f.filled for _, faces in fill_gaps(frames) for f in faces)


def test_faces_of_a_frame_stay_in_the_order_of_their_tracks():
    one, other = clip([1, 0, 0, 1, 1]), clip([1, 1, 1, 0, 1], track=1, shift=500)
    frames = [(i, [*a, *b]) for i, ((_, a), (_, b)) in enumerate(zip(one, other, strict=True))]
    assert [numbers(faces) for _, faces in fill_gaps(frames)] == [[0, 1]] * 5


def test_a_gap_in_which_another_track_has_the_face_stays():
    one, other = clip([1, 0, 0, 1, 1]), clip([0, 1, 0, 0, 0], track=1)
    frames = [(i, [*a, *b]) for i, ((_, a), (_, b)) in enumerate(zip(one, other, strict=True))]
    assert [numbers(faces) for _, faces in fill_gaps(frames)] == [[0], [1], [0], [0], [0]]


def test_faces_without_a_mesh_are_filled_too():
    frames = clip([1, 0, 1])
    bare = [
        (i, [replace(f, landmarks=replace(f.landmarks, mesh=None)) for f in faces])
        for i, faces in frames
    ]
    _, (_, (filled,)), _ = fill_gaps(bare)
    assert filled.landmarks.mesh is None
    np.testing.assert_allclose(filled.landmarks.points, (SHAPE + STEP)[:68, :2], atol=1e-3)


def test_frames_are_held_only_while_a_face_is_lost():
    taken = []
    present = [0] * 5 + [1] * 5 + [0] * 9 + [1] * 3

    def source():
        for i, entry in enumerate(clip(present)):
            taken.append(i)
            yield i, entry[1]

    ahead = [len(taken) - 1 - item for item, _ in fill_gaps(source(), 3)]
    assert ahead[:10] == [0] * 10
    assert max(ahead) == 3
    assert ahead[-4:] == [0] * 4


def test_filled_faces_carry_the_smoothing_across_the_gap():
    noise = np.random.default_rng(0).normal(0, 0.3, (9, *SHAPE.shape))
    frames = [(i, [] if i == 4 else [face(SHAPE + one)]) for i, one in enumerate(noise)]
    smoothed = [faces[0].landmarks.points for _, faces in smooth(fill_gaps(frames))]
    steps = np.linalg.norm(np.diff(smoothed, axis=0), axis=2).mean(axis=1)
    assert steps[2:6].max() < 0.5


@pytest.mark.parametrize("start", range(12))
def test_a_run_that_starts_a_few_frames_before_a_gap_gives_the_same_faces(start):
    """As an extraction that is resumed does, for all frames but those first ones."""
    longest = 3
    frames = clip([1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1])
    whole = list(fill_gaps(frames, longest))
    part = list(fill_gaps(frames[start:], longest))[longest:]
    assert [numbers(f) for _, f in part] == [numbers(f) for _, f in whole[start + longest :]]
