"""Adversarial losses of known judgements."""

import math

import pytest
import torch

from faceswap.training.losses.adversarial import authenticity, confusion, recognition, visible


def test_undecided_judgements_cost_log_2_for_each_output():
    judged = [torch.zeros(3, 2, 2), torch.zeros(3, 8, 8)]
    for real in (True, False):
        assert authenticity(judged, real=real).tolist() == pytest.approx([2 * math.log(2)] * 3)


def test_it_is_the_binary_cross_entropy():
    logits = torch.randn(2, 5, 5)
    for real in (True, False):
        expected = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, torch.full_like(logits, float(real)), reduction="none"
        )
        torch.testing.assert_close(authenticity([logits], real=real), expected.flatten(1).mean(1))


def test_the_background_is_not_judged():
    faces, masks = torch.rand(2, 3, 4, 4), torch.zeros(2, 1, 4, 4)
    masks[..., 1:3, 1:3] = 1
    other = torch.where(masks > 0, faces, torch.rand_like(faces))
    assert torch.equal(visible(faces, masks), visible(other, masks))
    assert torch.equal(visible(faces, masks)[..., 1:3, 1:3], (2 * faces - 1)[..., 1:3, 1:3])


def test_codes_that_say_nothing_cause_no_confusion_loss():
    for shape in ((4, 3), (4, 3, 2, 2)):
        logits = torch.randn(4, 1, *shape[2:]).expand(shape)  # the same for each identity
        assert confusion(logits).tolist() == pytest.approx([0] * 4, abs=1e-6)
        assert recognition(logits, torch.tensor([0, 1, 2, 0])).tolist() == pytest.approx(
            [math.log(3)] * 4
        )


def test_confusion_is_the_divergence_from_equal_probabilities():
    probabilities = torch.tensor([[0.8, 0.2]])
    expected = 0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.5 / 0.2)
    assert confusion(probabilities.log()).item() == pytest.approx(expected)
    # Either identity, recognised as surely, costs the same.
    assert confusion(probabilities.flip(1).log()).item() == pytest.approx(expected)
