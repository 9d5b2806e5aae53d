import math

import pytest

from faceswap.training.monitoring.swap_score import Likeness, swap_quality
from tests.training.monitoring.seen import seen_face

MOUTHS = (0.0, 0.2, 0.6, 1.0)
ALICE = [seen_face(0, mouth, yaw=10) for mouth in MOUTHS]
BOB = Likeness.of([seen_face(1)] * 3)


def scored(outputs, inputs=ALICE, fidelity=1.0, counts_identity=True):
    return swap_quality(inputs, outputs, BOB, fidelity, counts_identity=counts_identity)


def test_a_perfect_swap():
    swap = scored([seen_face(1, mouth, yaw=10) for mouth in MOUTHS])
    assert (swap.found, swap.identity) == (1, pytest.approx(1))
    assert swap.expression_error == pytest.approx(0, abs=1e-5)
    assert swap.pose_error == pytest.approx(0, abs=1e-3)
    assert swap.score == pytest.approx(1, abs=1e-3)


def test_a_copy_of_the_input_is_no_swap():
    swap = scored(ALICE)
    assert swap.expression_error == swap.pose_error == 0
    assert swap.identity is not None
    assert swap.identity < 0
    assert swap.score == 0
    # Where the recognition network may not judge, the motion is all that counts.
    assert scored(ALICE, counts_identity=False).score == 1


def test_halfway_between_two_people_is_neither():
    swap = scored([seen_face(0.5, mouth, yaw=10) for mouth in MOUTHS])
    assert (swap.identity, swap.score) == (pytest.approx(0, abs=1e-6), pytest.approx(0, abs=0.01))


@pytest.mark.parametrize("degrees", [3.0, 15.0])
def test_a_known_turn_is_the_pose_error(degrees):
    swap = scored([seen_face(1, mouth, yaw=10 + degrees) for mouth in MOUTHS])
    assert swap.pose_error == pytest.approx(degrees, abs=0.3)
    assert swap.score == pytest.approx(math.exp(-degrees / 15) ** (1 / 3), abs=0.02)


def test_a_mouth_that_never_moves_has_an_error_of_its_whole_spread():
    frozen = scored([seen_face(1, 0.3, yaw=10) for _ in MOUTHS])
    # Half of the error is that of the eyes, which move neither here nor there.
    assert frozen.expression_error == pytest.approx(0.5, abs=0.01)
    half = scored([seen_face(1, mouth / 2, yaw=10) for mouth in MOUTHS])
    assert half.expression_error == pytest.approx(0.25, abs=0.01)


def test_another_resting_mouth_is_no_error():
    assert scored(
        [seen_face(1, mouth + 0.2, yaw=10) for mouth in MOUTHS]
    ).expression_error == pytest.approx(0, abs=0.01)


def test_faces_that_hardly_move_are_not_judged_by_the_noise_of_the_landmarks():
    still = [seen_face(0, mouth) for mouth in (0.5, 0.505, 0.51, 0.515)]
    outputs = [seen_face(1, mouth) for mouth in (0.515, 0.51, 0.505, 0.5)]
    noisy = scored(outputs, inputs=still).expression_error
    assert noisy is not None
    assert noisy < 0.2


def test_missing_faces_lower_the_score_by_their_fraction():
    outputs = [seen_face(1, mouth, yaw=10) for mouth in MOUTHS]
    swap = scored([*outputs[:3], None])
    assert swap.found == 0.75
    assert swap.score == pytest.approx(0.75, abs=0.01)
    # Inputs in which nothing is found say nothing about the output.
    assert scored(outputs, inputs=[*ALICE[:3], None]).found == 1


def test_too_few_faces_have_a_score_of_zero_and_no_figures():
    swap = scored([seen_face(1), None, None, None])
    assert (swap.found, swap.score) == (0.25, 0)
    assert swap.identity is swap.expression_error is swap.pose_error is None


def test_the_score_is_proportional_to_the_fidelity():
    outputs = [seen_face(1, mouth, yaw=10) for mouth in MOUTHS]
    assert scored(outputs, fidelity=0.8).score == pytest.approx(0.8, abs=1e-3)
    assert scored(outputs, fidelity=-0.1).score == 0


def test_better_swaps_of_each_kind_have_higher_scores():
    frozen = scored([seen_face(1, 0.3, yaw=10) for _ in MOUTHS])
    turned = scored([seen_face(1, mouth, yaw=40) for mouth in MOUTHS])
    alike = scored([seen_face(0.7, mouth, yaw=10) for mouth in MOUTHS])
    perfect = scored([seen_face(1, mouth, yaw=10) for mouth in MOUTHS])
    assert max(frozen.score, turned.score, alike.score) < perfect.score
