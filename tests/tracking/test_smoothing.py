from dataclasses import replace

import numpy as np
import pytest

from faceswap.tracking.smoothing import smooth
from tests.tracking.faces import face

RNG = np.random.default_rng(3)
SHAPE = RNG.uniform(0, 200, (478, 3)).astype(np.float32)


def meshes_of(frames, track=0):
    return np.stack([f.landmarks.mesh for _, faces in frames for f in faces if f.track == track])


def test_jitter_shrinks_by_half():
    jitter = RNG.normal(0, 0.5, (60, 478, 3))
    frames = [(i, [face(SHAPE + noise)]) for i, noise in enumerate(jitter)]
    out = meshes_of(list(smooth(frames)))
    inner = slice(2, -2)
    assert (out[inner] - SHAPE).std() < 0.55 * jitter[inner].std()
    # The 68 points are smoothed like the mesh.
    points = np.stack([f.landmarks.points for _, (f,) in smooth(frames)])
    np.testing.assert_allclose(points, out[:, :68, :2], atol=1e-4)


def acceleration(track):
    """RMS of the second difference in time of (T, N, 2) points."""
    return np.sqrt(np.square(np.diff(track, 2, axis=0)).mean())


def points_of(frames):
    return np.stack([faces[0].landmarks.points for _, faces in frames])


@pytest.mark.parametrize("correlation", [0.0, 0.5])
def test_jitter_of_a_still_head_is_at_most_half_of_the_raw_one(correlation):
    noise = RNG.normal(0, 0.5, (80, *SHAPE.shape))
    for i in range(1, len(noise)):
        noise[i] = correlation * noise[i - 1] + np.sqrt(1 - correlation**2) * noise[i]
    frames = [(i, [face(SHAPE + one)]) for i, one in enumerate(noise)]
    assert acceleration(points_of(smooth(frames))) < 0.5 * acceleration(points_of(frames))


@pytest.mark.parametrize("period", [8, 12, 30])
def test_fast_motion_has_no_lag_and_keeps_its_amplitude(period):
    """A head that shakes by a third of its size."""
    sway = 60 * np.sin(2 * np.pi * np.arange(96) / period)
    noise = RNG.normal(0, 0.4, (96, *SHAPE.shape))
    frames = [
        (i, [face(SHAPE + np.array([x, 0.3 * x, 0]) + one)])
        for i, (x, one) in enumerate(zip(sway, noise, strict=True))
    ]
    out = points_of(smooth(frames))[..., 0].mean(axis=1)
    out -= out.mean()
    match = [np.dot(out[6:-6], np.roll(sway, lag)[6:-6]) for lag in range(-5, 6)]
    assert np.argmax(match) == 5  # no lag
    assert np.dot(out[6:-6], sway[6:-6]) / np.dot(sway[6:-6], sway[6:-6]) > 0.95


def test_points_without_a_mesh_are_smoothed_in_the_same_way():
    noise = RNG.normal(0, 0.5, (9, 478, 3))
    frames = [(i, [face(SHAPE + one)]) for i, one in enumerate(noise)]
    bare = []
    for i, (one,) in frames:
        landmarks = replace(one.landmarks, mesh=None)
        bare.append((i, [replace(one, landmarks=landmarks)]))
    for (_, (ours,)), (_, (theirs,)) in zip(smooth(bare), smooth(frames), strict=True):
        assert ours.landmarks.mesh is None
        np.testing.assert_array_equal(ours.landmarks.points, theirs.landmarks.points)


def test_uniform_motion_passes_at_any_speed():
    frames = [(i, [face(SHAPE + i * np.array([9, -5, 2], np.float32))]) for i in range(12)]
    for (_, (before,)), (_, (after,)) in zip(frames, smooth(frames), strict=True):
        np.testing.assert_allclose(
            after.landmarks.dense_mesh(), before.landmarks.dense_mesh(), atol=1e-3
        )


def test_a_blink_stays():
    frames = []
    for i in range(15):
        mesh = SHAPE.copy()
        # A lid goes down by 5 % of the face's size within two frames.
        mesh[10, 1] += {6: 7.0, 7: 14.0, 8: 7.0}.get(i, 0.0)
        frames.append((i, [face(mesh)]))
    out = meshes_of(list(smooth(frames)))
    assert out[7, 10, 1] - SHAPE[10, 1] > 13.0
    assert abs(out[4, 10, 1] - SHAPE[10, 1]) < 0.3


def test_a_jump_is_not_spread_over_its_neighbours():
    frames = [(i, [face(SHAPE + (40 if i >= 5 else 0))]) for i in range(10)]
    for (_, (before,)), (_, (after,)) in zip(frames, smooth(frames), strict=True):
        np.testing.assert_allclose(
            after.landmarks.dense_mesh(), before.landmarks.dense_mesh(), atol=0.01
        )


def test_order_frames_without_faces_and_other_tracks_are_kept():
    noise = RNG.normal(0, 0.5, (9, 478, 3))
    frames = []
    for i in range(9):
        faces = [face(SHAPE + noise[i], track=0)]
        if i in (3, 4, 5, 7):
            faces.append(face(SHAPE + 300 + noise[i], track=1))
        frames.append((f"frame {i}", faces if i != 6 else []))
    out = list(smooth(frames))
    assert [item for item, _ in out] == [item for item, _ in frames]
    assert [[f.track for f in faces] for _, faces in out] == [
        [f.track for f in faces] for _, faces in frames
    ]
    # Track 1 has a pair around frame 4 only; frame 7 stands alone after a gap.
    for i in (3, 5, 7):
        np.testing.assert_array_equal(
            out[i][1][1].landmarks.dense_mesh(), frames[i][1][1].landmarks.dense_mesh()
        )
    assert (out[4][1][1].landmarks.dense_mesh() != frames[4][1][1].landmarks.dense_mesh()).any()


def test_box_follows_and_the_rest_is_untouched():
    frames = [(i, [face(SHAPE + RNG.normal(0, 1, SHAPE.shape))]) for i in range(5)]
    for (_, (before,)), (_, (after,)) in zip(frames, smooth(frames), strict=True):
        np.testing.assert_array_equal(after.box, after.landmarks.box)
        assert (after.track, after.score) == (before.track, before.score)
        assert after.landmarks.presence == before.landmarks.presence


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("radius", [0, 1, 2, 4])
def test_any_length_comes_out_whole(count, radius):
    frames = [(i, [face(SHAPE + i)]) for i in range(count)]
    assert [item for item, _ in smooth(frames, radius)] == list(range(count))


def test_looks_ahead_by_the_radius_and_no_further():
    taken = []

    def source():
        for i in range(20):
            taken.append(i)
            yield i, [face(SHAPE)]

    for item, _ in smooth(source(), radius=3):
        assert len(taken) <= item + 4
