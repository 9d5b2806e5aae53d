from pathlib import Path

import numpy as np
import pytest

from faceswap.data.balance import EVEN, Balance, face_weights
from faceswap.data.batch_plan import BatchPlan
from faceswap.data.cache import FaceCache
from faceswap.data.choice import FaceChoice
from faceswap.data.sampling import FaceOrder, weighted_round
from faceswap.data.training_crop import CropGeometry
from faceswap.data.traits import FaceTraits
from faceswap.data.warp import WarpRanges


def traits(yaw, pitch=None, mouth=None, sharpness=None, sources=None) -> FaceTraits:
    """Traits of faces with the yaws of a list, and all else alike unless it is given."""
    count = len(yaw)

    def column(values, usual):
        return np.full(count, usual) if values is None else np.asarray(values)

    return FaceTraits(
        np.zeros((count, 68, 2), np.float32),
        np.zeros((count, 104), np.float32),
        np.stack([np.asarray(yaw), column(pitch, 1.0)], 1).astype(np.float32),
        np.stack([column(mouth, 0.001), column(None, 0.051)], 1).astype(np.float32),
        column(sharpness, 500.0).astype(np.float32),
        column(sources, 0).astype(np.int64),
        np.zeros(count, np.int64),
    )


def sums(weights, groups):
    """Fraction of the samples that each group has."""
    return np.bincount(groups, weights) / weights.sum()


def test_all_poses_are_equally_frequent():
    # 70 faces look straight, 20 to the side, 10 farther.
    groups = np.repeat([0, 1, 2], [70, 20, 10])
    weights = face_weights(traits(np.array([1.0, 11.0, 31.0])[groups]), Balance(pose=1.0))
    assert weights.mean() == pytest.approx(1)
    np.testing.assert_allclose(sums(weights, groups), [1 / 3] * 3, atol=1e-6)


def test_a_weaker_balance_lies_between():
    groups = np.repeat([0, 1], [90, 10])
    yaws = np.array([1.0, 21.0])[groups]
    half = sums(face_weights(traits(yaws), Balance(pose=0.5)), groups)
    np.testing.assert_allclose(half, [0.75, 0.25], atol=1e-6)  # sqrt(9) to 1
    none = face_weights(traits(yaws), Balance(pose=0.0, sharpness=1.0))
    np.testing.assert_allclose(none, 1)


def test_yaw_pitch_and_mouth_are_balanced_at_once():
    random = np.random.default_rng(0)
    side, up, opened = (random.random((3, 2000)) < np.array([0.2, 0.3, 0.15])[:, None]).astype(int)
    opened |= side & (random.random(2000) < 0.5)  # not independent of each other
    measured = traits(1 + 30 * side, 1 + 20 * up, 0.001 + 0.1 * opened)
    for balance, balanced in (
        (Balance(pose=1.0, expression=1.0), (side, up, opened)),
        (Balance(pose=1.0), (side, up)),
        (Balance(expression=1.0), (opened,)),
    ):
        weights = face_weights(measured, balance)
        for groups in balanced:
            assert sums(weights, groups)[1] == pytest.approx(0.5, abs=0.01)
    assert sums(face_weights(measured, Balance(pose=1.0)), opened)[1] < 0.4


def test_a_single_rare_face_is_not_all_that_is_seen():
    weights = face_weights(traits([1.0] * 999 + [60.0]), Balance(pose=1.0))
    assert weights[-1] == pytest.approx(8, rel=0.05)
    assert weights[:-1].min() > 0.9
    groups = np.repeat([0, 1, 2], [900, 99, 1])
    weights = face_weights(traits(np.array([1.0, 21.0, 60.0])[groups]), Balance(pose=1.0))
    np.testing.assert_allclose(sums(weights, groups), [0.496, 0.496, 0.008], atol=0.002)


def test_blurred_faces_are_rare_or_absent():
    sharpness = np.array([100.0] * 10 + [400.0] * 90)
    weights = face_weights(traits([1.0] * 100, sharpness=sharpness), Balance(sharpness=1.0))
    np.testing.assert_allclose(weights[:10] / weights[-1], 0.25)
    weights = face_weights(traits([1.0] * 100, sharpness=sharpness), Balance(skip_blurred=0.1))
    assert weights[:10].max() == 0
    np.testing.assert_allclose(weights[10:], 100 / 90)
    both = face_weights(
        traits([1.0] * 50 + [31.0] * 50, sharpness=sharpness),
        Balance(pose=1.0, skip_blurred=0.1),
    )
    assert both[:10].max() == 0
    assert both[:50].sum() == pytest.approx(50)  # what is left of a pose stands for it


def test_sources_of_different_sizes_are_equally_frequent():
    sources = np.repeat([0, 1, 2], [3, 997, 200])
    weights = face_weights(traits([1.0] * 1200, sources=sources), Balance(sources=True))
    np.testing.assert_allclose(sums(weights, sources), [1 / 3] * 3)


def test_a_round_has_each_face_as_often_as_its_weight_says():
    weights = np.array([0.5, 0.5, 2.0, 1.0, 1.0, 0.25, 0.25, 2.5])
    rounds = [weighted_round(3, "alice", number, weights) for number in range(400)]
    counts = np.stack([np.bincount(faces, minlength=8) for faces in rounds])
    assert (counts.sum(1) == 8).all()
    assert (counts >= np.floor(weights)).all()
    assert (counts <= np.ceil(weights)).all()
    np.testing.assert_allclose(counts.mean(0), weights, atol=0.01)


def test_no_face_starves():
    random = np.random.default_rng(1)
    weights = random.random(500) ** 3 + 0.02
    weights *= 500 / weights.sum()
    seen = np.stack(
        [np.bincount(weighted_round(0, "bob", r, weights), minlength=500) > 0 for r in range(300)]
    )
    for face in range(500):
        gaps = np.diff(np.flatnonzero(seen[:, face]), prepend=-1, append=300)
        assert gaps.max() <= np.ceil(2 / weights[face]) + 1


def test_equal_weights_are_sampling_without_replacement():
    faces = weighted_round(0, "alice", 5, np.ones(50))
    assert sorted(faces.tolist()) == list(range(50))


def test_the_order_depends_on_step_and_slot_alone():
    weights = face_weights(traits(np.linspace(-40, 40, 30) ** 3 / 1600), Balance(pose=1.0))

    def order():
        return FaceOrder(1, "alice", 8, 30, weights)

    forwards = order()
    found = {(s, slot): forwards.face(s, slot) for s in range(20) for slot in range(8)}
    backwards = order()
    for (step, slot), face in reversed(found.items()):
        assert backwards.face(step, slot) == face
    counts = np.bincount(list(found.values())[:150], minlength=30)  # five rounds
    assert np.abs(counts / 5 - weights).max() < 0.5


def test_even_sampling_needs_no_traits():
    plan = BatchPlan(0, 4, WarpRanges())
    assert plan.balance == EVEN
    cache, faces = FaceCache(Path("-"), CropGeometry(16, 1.25, 16)), np.arange(12)
    sources = {"alice": cache, "bob": cache}
    training = {"alice": faces, "bob": faces}
    choice = FaceChoice(plan, sources, training, {}, {})
    seen = [choice.place("alice", step, slot) for step in range(3) for slot in range(4)]
    assert sorted(seen) == list(range(12))
