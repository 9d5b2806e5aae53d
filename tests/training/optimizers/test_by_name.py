"""Each optimizer learns, and continues from a checkpoint to the bit."""

import copy
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from faceswap.core.errors import ConfigError
from faceswap.core.optimizer_state import flatten_optimizer, restore_optimizer
from faceswap.core.training_state import Progress, TrainingState
from faceswap.models.convolution import Conv2d, Output
from faceswap.training.build import run_training
from faceswap.training.optimizers.by_name import OPTIMIZERS, Hyperparameters, make_optimizer
from tests.training.tiny import configured, same, weights

RATES = {"lion": 3e-3, "prodigy": 1.0}
NAMES = sorted(OPTIMIZERS)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        Conv2d(3, 8), nn.ReLU(), Output(8, 4), nn.Flatten(), nn.Linear(4 * 8 * 8, 16)
    )


def optimizer_of(name: str, model: nn.Module) -> torch.optim.Optimizer:
    return make_optimizer(name, model, Hyperparameters(RATES.get(name, 1e-2), (0.9, 0.99)))


def loss_of(model: nn.Module) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(8, 3, 8, 8, generator=generator)
    return (model(images) - torch.randn(8, 16, generator=generator)).square().mean()


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> float:
    """Loss before the last step."""
    loss = torch.tensor(float("nan"))
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        optimizer.step()
    return loss.item()


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_falls(name: str) -> None:
    model = network()
    before = loss_of(model).item()
    assert train(model, optimizer_of(name, model), 80) < 0.5 * before


@pytest.mark.parametrize("name", NAMES)
def test_the_saved_state_is_the_whole_state(name: str) -> None:
    model = network()
    optimizer = optimizer_of(name, model)
    train(model, optimizer, 13)  # past the steps at which SOAP turns its preconditioners
    tensors, values = copy.deepcopy(flatten_optimizer(optimizer))
    other = copy.deepcopy(model)
    resumed = optimizer_of(name, other)
    restore_optimizer(resumed, tensors, json.loads(json.dumps(values)))
    for steps in (1, 12):
        assert train(model, optimizer, steps) == train(other, resumed, steps)
    assert same(model.state_dict(), other.state_dict())


def test_prodigy_keeps_its_estimate_and_takes_new_settings(tmp_path: Path) -> None:
    def state(model: nn.Module, decay: float) -> TrainingState[Progress]:
        optimizer = make_optimizer("prodigy", model, Hyperparameters(1.0, weight_decay=decay))
        return TrainingState(tmp_path, model, optimizer, None, None, 2, "")

    first = state(network(), 0.0)
    assert first.optimizer is not None
    train(first.model, first.optimizer, 20)
    estimate = first.optimizer.param_groups[0]["d"]
    assert estimate > 1e-5  # it began with 1e-6
    first.save(Progress(20))
    second = state(network(), 0.1)
    second.load(Progress)
    assert second.optimizer is not None
    group = second.optimizer.param_groups[0]
    assert (group["d"], group["step"], group["weight_decay"]) == (estimate, 21, 0.1)


def test_a_rollback_restores_all_that_prodigy_estimates(tmp_path: Path) -> None:
    model = network()
    optimizer = make_optimizer("prodigy", model, Hyperparameters(1.0))
    state = TrainingState(tmp_path, model, optimizer, None, None, 2, "")
    train(model, optimizer, 20)

    def estimates() -> dict[str, float]:
        values = optimizer.param_groups[0]
        return {name: float(value) for name, value in values.items() if name.startswith("d_")}

    state.save(Progress(20))
    before = estimates()
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, float("nan"))
    optimizer.step()
    assert estimates() != before
    state.roll_back(Progress(21))
    assert estimates() == before


@pytest.mark.parametrize("name", NAMES)
def test_steps_with_a_gradient_scaler_are_those_without(name: str) -> None:
    plain, scaled = network(), network()
    train(plain, optimizer_of(name, plain), 3)
    optimizer, scaler = optimizer_of(name, scaled), torch.amp.GradScaler("cpu", init_scale=1024.0)
    for _ in range(3):
        optimizer.zero_grad()
        scaler.scale(loss_of(scaled)).backward()
        scaler.step(optimizer)
        scaler.update()
    # Scaled by a power of two, gradients lose nothing.
    assert same(plain.state_dict(), scaled.state_dict())


@pytest.mark.parametrize("name", NAMES)
def test_a_run_with_it_resumes_to_the_bit(name, faces, tmp_path) -> None:
    settings = (f"optimizer.name={name}", f"optimizer.lr={RATES.get(name, 2e-3)}")
    run_training(configured("training.steps=14", *settings), faces, tmp_path / "whole")
    for steps in (11, 14):
        run_training(configured(f"training.steps={steps}", *settings), faces, tmp_path / "parts")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("lion", Hyperparameters(1e-4, eps=1e-8), "optimizer.eps"),
        ("prodigy", Hyperparameters(5e-5), "factor on its estimate"),
    ],
)
def test_a_setting_that_it_cannot_use_is_an_error(name, values, said) -> None:
    with pytest.raises(ConfigError, match=said):
        make_optimizer(name, network(), values)


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"lion", "muon"}))
def test_eps_is_passed_on(name: str) -> None:
    optimizer = make_optimizer(name, network(), Hyperparameters(1.0, eps=1e-3))
    assert [group["eps"] for group in optimizer.param_groups] == [1e-3]


def test_adam_has_no_weight_decay() -> None:
    optimizer = make_optimizer("adam", network(), Hyperparameters(1e-3, weight_decay=0.5))
    assert optimizer.param_groups[0]["weight_decay"] == 0
