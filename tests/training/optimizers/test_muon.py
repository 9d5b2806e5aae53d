"""Muon against torch's, against the definition, and in a training that is resumed."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from faceswap.core.optimizer_state import flatten_optimizer, restore_optimizer
from faceswap.models.convolution import Conv2d, Output
from faceswap.training.build import run_training
from faceswap.training.from_settings import build_optimizer
from faceswap.training.optimizers.muon import Muon, _iterate, _iterate_gram, orthogonal
from faceswap.training.settings import OptimizerConfig
from tests.training.tiny import configured, same, weights


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def step(optimizer: torch.optim.Optimizer, seed: int) -> None:
    """A step along random gradients, which depend on the shape only."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = random(parameter.numel(), seed=seed).view(parameter.shape)
    optimizer.step()


@pytest.mark.parametrize("shape", [(24, 6), (6, 24), (16, 16)])
def test_singular_values_become_one_and_directions_stay(shape):
    matrices = torch.stack([random(*shape, seed=1), 100 * random(*shape, seed=2)])
    result = orthogonal(matrices)
    assert result.shape == matrices.shape
    assert result.dtype == torch.float32
    for before, after in zip(matrices, result, strict=True):
        values = torch.linalg.svdvals(after)
        assert values.min() > 0.5
        assert values.max() < 1.3
        u, _, vh = torch.linalg.svd(before, full_matrices=False)
        turned = u.T @ after @ vh.T  # diagonal where the singular vectors are the same
        assert (turned - torch.diag(turned.diag())).abs().max() < 0.1


@pytest.mark.parametrize("rank", [64, 8, 1], ids=lambda rank: f"rank {rank}")
def test_gram_matrices_give_the_same(rank):
    matrices = torch.stack([random(64, rank, seed=n) @ random(rank, 256, seed=n) for n in (5, 6)])
    matrices /= torch.linalg.matrix_norm(matrices, keepdim=True)
    expected = _iterate(matrices.double()).float()
    assert (_iterate_gram(matrices) - expected).norm() < 1e-3 * expected.norm()


@pytest.mark.parametrize("shape", [(24, 6), (6, 24)])
def test_matrices_are_trained_as_by_torch(shape):
    ours = [nn.Parameter(random(*shape, seed=seed)) for seed in (3, 4)]
    theirs = [nn.Parameter(parameter.detach().clone()) for parameter in ours]
    optimizer = Muon(ours, [], lr=0.01, weight_decay=0.1)
    oracle = torch.optim.Muon(theirs, lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    start = [parameter.detach().clone() for parameter in ours]
    for number in range(3):
        step(optimizer, number)
        step(oracle, number)
    for begin, our, their in zip(start, ours, theirs, strict=True):
        # Both compute in 16 bits, in another order.
        assert (our - their).norm() < 0.05 * (their - begin).norm()


def test_a_kernel_is_trained_as_the_matrix_of_its_outputs():
    kernel, matrix = nn.Parameter(random(8, 4, 3, 3)), nn.Parameter(random(8, 36))
    with torch.no_grad():
        matrix.copy_(kernel.flatten(1))
    for parameter in (kernel, matrix):
        step(Muon([parameter], [], lr=0.1), 5)
    torch.testing.assert_close(kernel.flatten(1), matrix)


def test_hidden_weights_are_matrices_and_outputs_and_biases_are_not():
    layers = nn.Sequential(Conv2d(3, 8), nn.Linear(8, 4), Output(4, 3))
    optimizer = build_optimizer(layers, OptimizerConfig(name="muon", lr=0.01, beta2=0.9))
    hidden, others = (group["params"] for group in optimizer.param_groups)
    names = {id(parameter): name for name, parameter in layers.named_parameters()}
    assert [names[id(p)] for p in hidden] == ["0.weight", "1.weight"]
    assert [names[id(p)] for p in others] == ["0.bias", "1.bias", "2.weight", "2.bias"]
    assert optimizer.param_groups[1]["betas"] == (0.5, 0.9)


def test_others_are_trained_as_by_adamw():
    ours, theirs = nn.Parameter(random(12)), nn.Parameter(random(12))
    optimizer = Muon([], [ours], lr=0.01, betas=(0.8, 0.9), weight_decay=0.1)
    oracle = torch.optim.AdamW([theirs], lr=0.01, betas=(0.8, 0.9), weight_decay=0.1)
    for number in range(3):
        step(optimizer, number)
        step(oracle, number)
    torch.testing.assert_close(ours, theirs)


def test_parameters_without_a_gradient_stay():
    kernel, bias = nn.Parameter(random(4, 4)), nn.Parameter(random(4))
    before = [parameter.detach().clone() for parameter in (kernel, bias)]
    Muon([kernel], [bias], lr=0.1, weight_decay=0.1).step()
    torch.testing.assert_close([kernel.detach(), bias.detach()], before)


def test_a_restored_optimizer_continues_where_it_was():
    config = OptimizerConfig(name="muon", lr=0.01)
    layers = nn.Sequential(Conv2d(3, 8), Output(8, 4))
    optimizer = build_optimizer(layers, config)
    step(optimizer, 1)
    tensors, values = flatten_optimizer(optimizer)
    other = copy.deepcopy(layers)
    resumed = build_optimizer(other, config)
    restore_optimizer(resumed, copy.deepcopy(tensors), values)
    step(optimizer, 2)
    step(resumed, 2)
    assert same(layers.state_dict(), other.state_dict())


def test_training_with_muon_learns_and_resumes_exactly(faces, tmp_path):
    muon = ("optimizer.name=muon", "optimizer.lr=0.01", "training.batch=8")
    whole = run_training(configured("training.steps=40", *muon), faces, tmp_path / "whole")
    for losses in whole.losses.values():
        assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    for steps in (25, 40):
        run_training(configured(f"training.steps={steps}", *muon), faces, tmp_path / "parts")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
