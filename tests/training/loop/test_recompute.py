"""Gradient checkpointing changes the memory of a step, and nothing else."""

import copy

import pytest
import torch
from torch import Tensor

from faceswap.training.build import run_training
from faceswap.training.loop.recompute import recompute_activations
from tests.training.tiny import configured, same, tiny, weights

CHECKPOINTING = "training.checkpointing=true"


def kept_bytes(model, faces: Tensor) -> tuple[int, list[Tensor]]:
    """Bytes that a forward pass keeps besides the weights, and the gradients."""
    owned = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in owned:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    torch.manual_seed(3)  # for the dropout
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = model(faces).face.square().mean()
    loss.backward()
    return sum(kept.values()), [parameter.grad for parameter in model.parameters()]


def test_less_is_kept_and_the_gradients_are_the_same():
    torch.manual_seed(0)
    plain = tiny(("alice", "bob"))
    lean = copy.deepcopy(plain)
    recompute_activations(lean)
    faces = torch.rand(2, 8, 3, 16, 16)
    before, expected = kept_bytes(plain, faces)
    after, gradients = kept_bytes(lean, faces)
    assert after < 0.5 * before
    assert all(map(torch.equal, gradients, expected))
    assert plain.state_dict().keys() == lean.state_dict().keys()


def test_a_training_with_it_has_the_same_weights(faces, tmp_path):
    for name, extra in (("plain", ()), ("lean", (CHECKPOINTING,))):
        config = configured("training.steps=6", "optimizer.ema=0.9", *extra)
        run_training(config, faces, tmp_path / name)
    assert same(weights(tmp_path / "plain"), weights(tmp_path / "lean"))


@pytest.mark.slow
def test_two_processes_have_the_losses_of_one(processes, make_faceset, tmp_path):
    faces = {name: [make_faceset(tmp_path / name)] for name in ("alice", "bob")}
    recipe = {
        "model": {"name": "small", "options": {"size": 32, "code": 16}},
        "training": {"batch": 4, "steps": 4, "precision": "fp32", "checkpointing": True},
        "output": {"log_every": 1},
    }
    one, two = (processes.losses(recipe, faces, tmp_path, number) for number in (1, 2))
    for person in faces:
        assert two[person] == pytest.approx(one[person], rel=1e-4)
