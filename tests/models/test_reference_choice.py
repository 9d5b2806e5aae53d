from itertools import pairwise, product

import numpy as np
import pytest

from faceswap.models.reference_choice import (
    _CHANGE,
    cheapest_path,
    crossfade,
    describe_halves,
    descriptors,
    distances,
    k_centres,
    plan_references,
)
from tests.meshes import face_mesh


def vectors(count, size=3, seed=0):
    return np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)


def test_centres_cover_every_cluster():
    clusters = np.repeat(100 * vectors(6), 20, 0) + vectors(120, seed=1)
    chosen = k_centres(clusters, 6)
    assert sorted(chosen // 20) == list(range(6))
    # Gonzalez: at most twice the radius of the best choice, here that of a cluster.
    assert distances(clusters, clusters[chosen]).min(1).max() < 2 * 5


def test_more_centres_than_vectors_are_all_vectors():
    assert sorted(k_centres(vectors(5), 9)) == list(range(5))


@pytest.mark.parametrize("previous", [None, 2])
def test_the_path_is_the_cheapest_of_all(previous):
    faces, bank = vectors(5, seed=2), vectors(4, seed=3)
    near, change = distances(faces, bank), _CHANGE * distances(bank, bank)

    def cost(path):
        started = path if previous is None else (previous, *path)
        changes = sum(change[a, b] for a, b in pairwise(started))
        return near[range(5), path].sum() + changes

    best = min(product(range(4), repeat=5), key=cost)
    assert cheapest_path(faces, bank, previous).tolist() == list(best)


def test_a_change_is_spread_and_weights_add_up():
    references, weights = crossfade(np.array([3] * 10 + [1] * 10), 4)
    np.testing.assert_allclose(weights.sum(1), 1)
    of_3 = [float(w[r == 3].sum()) for r, w in zip(references, weights, strict=True)]
    assert of_3[:6] == [1] * 6
    assert of_3[14:] == [0] * 6
    np.testing.assert_allclose(of_3[6:14], np.arange(8, 0, -1) / 9, atol=1e-6)
    assert {tuple(pair) for pair in references} == {(3, 1)}


def test_a_reference_comes_or_goes_without_weight():
    path = np.array([3] * 10 + [1] * 3 + [2] * 9 + [0] + [3] * 7)
    references, weights = crossfade(path, 4)
    np.testing.assert_allclose(weights.sum(1), 1)
    exchanged = np.diff(references, axis=0) != 0
    assert exchanged.any()
    assert not np.minimum(weights[1:], weights[:-1])[exchanged].any()
    # Away from the changes the path itself is shown.
    shown = references[np.arange(len(path)), weights.argmax(1)]
    assert (shown == path)[[0, 5, 11, 17, 22, 29]].all()


def test_without_a_radius_changes_are_sudden():
    references, weights = crossfade(np.array([3, 3, 1]), 0)
    assert weights.tolist() == [[1, 0], [1, 0], [0, 1]]
    assert references[range(3), weights.argmax(1)].tolist() == [3, 3, 1]


def test_roll_does_not_count():
    """Crops are upright, whatever the roll of the head."""
    angle = np.deg2rad(25)
    roll = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    yaw = np.array([[np.cos(0.3), 0, np.sin(0.3)], [0, 1, 0], [-np.sin(0.3), 0, np.cos(0.3)]])
    still = np.zeros((4, 478, 3))
    shown = descriptors(still, np.stack([np.eye(3), roll, yaw, roll @ yaw]), 0)
    apart = distances(shown, shown)
    np.testing.assert_allclose(apart[[0, 2], [1, 3]], 0, atol=1e-4)
    assert apart[0, 2] > 0.01


def test_halves_choose_by_themselves():
    """Eyes from the reference with the same eyes, the mouth from the one with the same mouth."""
    shown = [(0.2, 0.0), (0.0, 0.04), (0.0, 0.0)]
    meshes = [face_mesh(opening, eyes=eyes) for opening, eyes in shown]
    expression = np.stack(meshes) - face_mesh()
    turned = np.repeat(np.eye(3)[None], 3, 0)
    bank = describe_halves(expression, turned)
    face = np.stack([face_mesh(0.2, eyes=0.04) - face_mesh()] * 3)
    chosen, weights = plan_references([describe_halves(face, turned)], bank)
    assert chosen.tolist() == [[1, 1, 0, 0]] * 3
    assert weights.tolist() == [[1, 0, 1, 0]] * 3


def test_a_closed_eye_is_found_at_another_angle():
    """A closed eye that is turned a little beats an open one at the right angle."""
    closing = (face_mesh(eyes=0.0) - face_mesh(eyes=0.05))[None]
    still = np.zeros_like(closing)
    angle = np.deg2rad(12)
    turned = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    bank = describe_halves(np.concatenate([still, closing]), np.stack([np.eye(3), turned]))
    face = describe_halves(closing, np.eye(3)[None])
    assert distances(face[0], bank[0]).argmin() == 1
    assert distances(face[1], bank[1]).argmin() == 0  # the mouth does not care


def test_a_blink_is_not_blended_with_open_eyes():
    closing = face_mesh(eyes=0.0) - face_mesh(eyes=0.05)
    moved = np.zeros((21, *closing.shape))
    moved[8:13] = closing
    straight = np.stack([np.eye(3)] * 21)
    bank = describe_halves(moved[[0, 8]], straight[:2])
    references, weights = plan_references([describe_halves(moved, straight)], bank)
    closed = (weights[:, :2] * (references[:, :2] == 1)).sum(1)
    np.testing.assert_allclose(closed[9:12], 1)
    np.testing.assert_allclose(closed[[*range(7), *range(14, 21)]], 0)
