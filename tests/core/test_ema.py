import pytest
import torch
from torch import nn

from faceswap.core.ema import EMA


def test_weights_and_batch_norm_statistics_are_averaged():
    linear, norm = nn.Linear(2, 2), nn.BatchNorm1d(2)
    mean = EMA(nn.Sequential(linear, norm), 0.9)
    assert norm.running_var is not None
    assert norm.num_batches_tracked is not None
    expected = linear.weight.detach().clone()
    variance = 1.0
    for step in (0, 1, 1000):
        linear.weight.data.add_(1)
        norm.running_var.add_(2)
        norm.num_batches_tracked.add_(1)
        mean.update(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * linear.weight.detach()
        variance = decay * variance + (1 - decay) * norm.running_var[0].item()
    state = mean.module.state_dict()
    assert torch.allclose(state["0.weight"], expected)
    assert state["1.running_var"][0].item() == pytest.approx(variance)
    assert state["1.num_batches_tracked"] == 3


def test_the_network_itself_is_not_changed():
    module = nn.Linear(2, 2)
    before = module.weight.detach().clone()
    mean = EMA(module, 0.5)
    mean.update(0)
    assert torch.equal(module.weight, before)
    assert module.weight.requires_grad
    assert not any(p.requires_grad for p in mean.module.parameters())
    assert not mean.module.training
