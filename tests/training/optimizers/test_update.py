"""Clipping and learning-rate dropout, by themselves and in trainings that resume."""

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from faceswap.core.checkpoint import load_checkpoint
from faceswap.training.build import run_training
from faceswap.training.optimizers.update import GradientNorms, Update, UpdateRule, undo_some
from tests.training.tiny import configured, same, weights


def updated(norms: GradientNorms, gradients: list[float], rule: UpdateRule) -> list[float]:
    """Change of one weight by SGD with a learning rate of 1 for each of some gradients."""
    accelerator = Accelerator(cpu=True)
    weight = nn.Parameter(torch.zeros(1))
    optimizer = accelerator.prepare(torch.optim.SGD([weight]))
    update = Update(accelerator, optimizer, [weight], norms)
    changes = []
    for number, gradient in enumerate(gradients):
        before = weight.item()
        weight.grad = torch.tensor([gradient])
        update(rule, 1.0, (0, number))
        changes.append(before - weight.item())
    return changes


def test_auto_clip_limits_a_norm_to_the_percentile_of_those_so_far() -> None:
    gradients = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.0]
    changes = updated(GradientNorms(), gradients, UpdateRule(auto_clip=30))
    for number, change in enumerate(changes):
        limit = np.percentile(gradients[: number + 1], 30)
        assert change == pytest.approx(min(gradients[number], limit), rel=1e-5)


def test_the_smaller_of_both_limits_holds() -> None:
    assert updated(GradientNorms(), [4.0, 8.0], UpdateRule(clip=2, auto_clip=50)) == (
        pytest.approx([2.0, 2.0], rel=1e-5)
    )
    assert updated(GradientNorms(), [4.0, 8.0], UpdateRule(clip=7, auto_clip=50)) == (
        pytest.approx([4.0, 6.0], rel=1e-5)
    )


def test_norms_are_those_of_gradients_without_the_scale_of_fp16() -> None:
    accelerator = Accelerator(cpu=True)
    accelerator.state._mixed_precision, accelerator.native_amp = "fp16", True
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    weight = nn.Parameter(torch.zeros(1))
    optimizer = accelerator.prepare(torch.optim.SGD([weight]))
    norms = GradientNorms()
    update = Update(accelerator, optimizer, [weight], norms)
    try:
        for number, rule in enumerate((UpdateRule(clip=2.0), UpdateRule(auto_clip=50))):
            accelerator.backward((3.0 * weight).sum())
            update(rule, 1.0, (0, number))
            assert update.figures["training/gradient norm"] == pytest.approx(3.0)
    finally:
        AcceleratorState._reset_state(reset_partial_state=True)
    assert weight.item() == pytest.approx(-5.0)
    assert norms.state_dict() == {"norms": [3.0]}


def test_norms_that_are_not_finite_and_old_ones_do_not_count() -> None:
    norms = GradientNorms()
    assert norms.limit(float("inf"), 50) == float("inf")
    assert norms.limit(2.0, 50) == 2.0
    assert norms.limit(float("nan"), 50) == 2.0
    for _ in range(1000):
        norms.limit(5.0, 50)
    assert norms.state_dict() == {"norms": [5.0] * 1000}


def test_a_fraction_of_the_weights_stays() -> None:
    before, after = torch.zeros(400, 50), torch.ones(400, 50)
    first, same_step, next_step = after.clone(), after.clone(), after.clone()
    undo_some([first], [before], 0.7, (5, 3))
    undo_some([same_step], [before], 0.7, (5, 3))
    undo_some([next_step], [before], 0.7, (5, 4))
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert first.mean().item() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(first, same_step)
    assert (first != next_step).float().mean().item() == pytest.approx(2 * 0.3 * 0.7, abs=0.03)


@pytest.mark.parametrize(
    "setting", ["optimizer.lr_dropout=0.7", "optimizer.auto_clip=20", "optimizer.clip=0.001"]
)
def test_a_resumed_run_is_the_uninterrupted_run(setting, faces, tmp_path) -> None:
    plain = run_training(configured("training.steps=9"), faces, tmp_path / "plain")
    whole = run_training(configured("training.steps=9", setting), faces, tmp_path / "whole")
    assert whole.losses != plain.losses  # it does something
    assert whole.losses["alice"][0] == plain.losses["alice"][0]
    for steps in (6, 9):
        run_training(configured(f"training.steps={steps}", setting), faces, tmp_path / "parts")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_the_norms_of_an_interrupted_run_are_in_its_checkpoint(faces, tmp_path) -> None:
    run_training(configured("training.steps=4", "optimizer.auto_clip=20"), faces, tmp_path / "run")
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoints")
    assert checkpoint is not None
    norms = checkpoint.state["extras"]["gradient norms"]["norms"]
    assert len(norms) == 4
    assert all(norm > 0 for norm in norms)


@pytest.mark.slow
def test_two_processes_leave_the_same_weights_and_clip_alike(processes, faces, tmp_path) -> None:
    recipe = {
        "model": {"name": "small", "options": {"size": 32, "code": 16}},
        # SGD-like: Adam turns the rounding of a sum into a step of full size.
        "optimizer": {"lr": 1e-4, "lr_dropout": 0.7, "auto_clip": 30, "eps": 1e-3},
        "training": {"batch": 4, "steps": 8, "precision": "fp32", "device": "cpu"},
        "output": {"log_every": 1},
    }
    one, two = (processes.losses(recipe, faces, tmp_path, number) for number in (1, 2))
    for person, losses in one.items():
        assert two[person] == pytest.approx(losses, rel=1e-4)
