"""A discriminator's own optimizer."""

import pytest
import torch
from torch import nn

from faceswap.training.discriminators.trained import TrainedDiscriminator


def discriminator(fp16=False):
    return TrainedDiscriminator("faces", lambda: nn.Linear(3, 1), 0, torch.device("cpu"), fp16=fp16)


def weights(of):
    return torch.cat([parameter.detach().flatten() for parameter in of.network.parameters()])


def gradient(of, factor=1.0):
    """Adds a gradient, which is the same at each call but for the factor."""
    of.backward(factor * (of.network(torch.tensor([1.0, 2.0, 3.0])).sum()))


@pytest.mark.parametrize("fp16", [False, True])
def test_the_first_step_of_adam_is_the_learning_rate(fp16):
    for lr in (0.01, 0.001):
        each = discriminator(fp16)
        before = weights(each)
        gradient(each)
        each.update(lr, 0.0)
        torch.testing.assert_close(before - weights(each), torch.full((4,), lr))


def test_a_rate_of_each_step():
    each = discriminator()
    gradient(each)
    each.update(0.01, 0.0)
    before = weights(each)
    gradient(each)
    each.update(0.0, 0.0)
    assert torch.equal(before, weights(each))


@pytest.mark.parametrize("fp16", [False, True])
def test_gradients_are_clipped_before_they_become_moments(fp16):
    found = {}
    for clip in (0.0, 0.5):
        each = discriminator(fp16)
        gradient(each, 10.0)  # of norm 10 sqrt(15)
        each.update(0.01, clip)
        state = [values["exp_avg"].flatten() for values in each._optimizer.state.values()]
        found[clip] = torch.cat(state).norm().item() / 0.5  # the first moment is half of it
    assert found[0.0] == pytest.approx(10 * 15**0.5, rel=1e-3)
    assert found[0.5] == pytest.approx(0.5, rel=1e-3)


def test_gradients_are_discarded_after_a_step():
    each = discriminator()
    gradient(each)
    each.update(0.01, 0.0)
    assert all(parameter.grad is None for parameter in each.network.parameters())
