import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from faceswap.geometry.mesh_shape import (
    LEFT_EYE,
    LOWER_LIDS,
    LOWER_LIP,
    PUPILS,
    RIGHT_EYE,
    RIGID,
    UPPER_LIDS,
    fit_shape,
    neutral_mesh,
    with_irises,
)
from faceswap.geometry.similarity import Similarity, fit_similarity
from tests.meshes import face_mesh

TURNS = Rotation.from_euler("yxz", [[30, 0, 0], [-20, 10, 5], [0, -15, -30]], degrees=True)
POSE = Similarity(
    TURNS.as_matrix(), np.array([[5.0, 7, 1], [300, 200, -4], [0, 0, 0]]), np.array([80.0, 33, 1])
)


def expressions():
    """Displacements of 3 faces that leave the rigid points where they are."""
    moved = np.random.default_rng(0).normal(0, 0.02, (3, 478, 3))
    moved[:, RIGID] = 0
    return moved


def test_a_known_similarity_is_found():
    points = np.random.default_rng(1).normal(size=(3, 20, 3))
    found = fit_similarity(points, POSE.apply(points))
    for value, expected in zip(found, POSE, strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-9)
    np.testing.assert_allclose(found.undo(found.apply(points)), points, atol=1e-9)


def test_a_mirrored_face_is_not_reflected_back():
    points = np.random.default_rng(1).normal(size=(20, 3))
    found = fit_similarity(points, points * [-1, 1, 1])
    assert np.linalg.det(found.rotation) == pytest.approx(1)


def test_pose_and_expression_are_those_that_were_applied():
    neutral, moved = face_mesh(), expressions()
    shape = fit_shape(POSE.apply(neutral + moved), neutral)
    np.testing.assert_allclose(shape.pose.rotation, POSE.rotation, atol=1e-9)
    np.testing.assert_allclose(shape.pose.scale, POSE.scale, atol=1e-7)
    np.testing.assert_allclose(shape.expression, moved, atol=1e-9)
    np.testing.assert_allclose(shape.meshes(), POSE.apply(neutral + moved), atol=1e-7)


def test_the_neutral_mesh_is_that_of_the_frames_at_rest():
    closed, open_ = face_mesh(opening=0.0), face_mesh(opening=0.2)
    straight = Similarity(np.eye(3), np.array([50.0, 60, 0]), np.array(90.0))
    frames = np.concatenate(
        [
            np.stack([straight.apply(closed)] * 10),
            np.stack([straight.apply(open_)] * 25),
            *[POSE.apply(np.stack([closed] * 3))] * 5,  # closed, but turned
        ]
    )
    found = neutral_mesh(frames)
    placed = fit_similarity(found, closed).apply(found)
    np.testing.assert_allclose(placed, closed, atol=1e-9)


def test_a_rolled_head_is_at_rest_too():
    c, s = np.cos(np.radians(35)), np.sin(np.radians(35))
    rolled = Similarity(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]), np.zeros(3), np.array(90.0))
    frames = [rolled.apply(face_mesh())] * 20 + [90 * face_mesh(opening=0.1)] * 20
    found = neutral_mesh(np.stack(frames))
    placed = fit_similarity(found, face_mesh()).apply(found)
    np.testing.assert_allclose(placed, face_mesh(), atol=1e-9)


def test_a_single_mesh_is_the_neutral_one():
    meshes = 80 * face_mesh(0.1)[None] + [100, 50, 0]
    neutral = neutral_mesh(meshes)
    shape = fit_shape(meshes, neutral)
    np.testing.assert_allclose(shape.expression, 0, atol=1e-9)
    np.testing.assert_allclose(shape.meshes(), meshes, atol=1e-6)


def test_the_same_person_shows_itself():
    neutral = face_mesh()
    shape = fit_shape(POSE.apply(neutral + expressions()), neutral)
    np.testing.assert_allclose(shape.shown_by(neutral).meshes(), shape.meshes(), atol=1e-9)


@pytest.mark.parametrize("eyes", [0.05, 0.12])
def test_closed_lids_and_open_lips_are_so_on_another_face(eyes):
    own, other = face_mesh(eyes=0.08), 1.1 * face_mesh(eyes=eyes)
    blinking = face_mesh(eyes=0.0, opening=0.1)
    shown = fit_shape(blinking[None], own).shown_by(other)
    mesh = shown.neutral + shown.expression[0]
    assert np.abs(mesh[UPPER_LIDS] - mesh[LOWER_LIDS]).max() < 1e-9
    # The rest moves as far as on the own face.
    moved = mesh[LOWER_LIP] - other[LOWER_LIP]
    np.testing.assert_allclose(moved, (blinking - own)[LOWER_LIP], atol=1e-9)


def test_eyes_at_rest_look_ahead():
    mesh = face_mesh().copy()
    mesh[PUPILS, 0] += 0.05  # in all of the footage
    neutral = neutral_mesh(80 * np.stack([mesh] * 12) + [200, 150, 0])
    for eye in (LEFT_EYE, RIGHT_EYE):
        middle = neutral[list(eye.corners), 0].mean()
        assert neutral[eye.iris[0], 0] == pytest.approx(middle, abs=1e-6)
    shape = fit_shape(80 * mesh[None], neutral)
    np.testing.assert_allclose(shape.expression[0, PUPILS, 0], 0.05, atol=2e-3)


def test_completing_a_mesh_is_linear_and_puts_irises_into_the_eyes():
    mesh, moved = face_mesh()[:468], expressions()[0, :468]
    completed = with_irises(mesh)
    np.testing.assert_allclose(with_irises(mesh + moved), completed + with_irises(moved))
    assert completed.shape == (478, 3)
    np.testing.assert_allclose(completed[PUPILS[0]], mesh[LEFT_EYE.contour].mean(0))
