"""Frozen parts: nothing of them changes, whatever else a training does."""

import json
from contextlib import contextmanager

import pytest
import torch
from safetensors.torch import load_file

from faceswap.core.processes import open_accelerator
from faceswap.training.build import run_training
from faceswap.training.optimizers.by_name import OPTIMIZERS
from faceswap.training.optimizers.muon import split_hidden
from tests.training.tiny import configured, same, tiny

PHASES = [
    {"name": "all", "share": 0.5},
    {"name": "some", "share": 0.25, "set": {"training.freeze": ["encoder", "decoder.bob"]}},
    {"name": "again"},
]
LIMITS = ("optimizer.clip=0.5", "optimizer.auto_clip=50", "optimizer.lr_dropout=0.5")
GAN = (
    *("adversarial.power=0.1", "adversarial.true_face=0.1", "adversarial.dims=4"),
    *("data.match=0.5", "adversarial.swaps=true"),
)


@pytest.fixture
def run(tmp_path):
    """Folder of a run."""
    return tmp_path / "run"


def train(faces, run, *overrides):
    """Trains in phases, of which the one from step 4 to 6 freezes two parts."""
    phases = f"phases={json.dumps(PHASES)}"
    given = (phases, "training.steps=8", "output.keep=9", "optimizer.weight_decay=0.1", *overrides)
    run_training(configured(*given), faces, run)


def tensors(run, step, group):
    """Tensors in a checkpoint."""
    return load_file(run / "checkpoints" / f"step-{step:08}" / f"{group}.safetensors")


def changed(before, after):
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


def is_frozen(name):
    return name.startswith(("encoder.", "decoders.1."))


def check_weights(run):
    """Weights of two parts are as they were between the steps 4 and 6, and none later."""
    before, after, last = (tensors(run, step, "model") for step in (4, 6, 8))
    assert changed(before, after) == {name for name in before if not is_frozen(name)}
    assert changed(after, last) == set(before)


def moments(run, step, optimizer):
    """State of an optimizer by the name of the parameter."""
    model = tiny(("alice", "bob"))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    hidden, others = split_hidden(model)
    ordered = [*hidden, *others] if optimizer == "muon" else list(model.parameters())
    found = {}
    for key, value in tensors(run, step, "optimizer").items():
        kind, _, rest = key.partition(".")
        if kind == "state":
            number, _, what = rest.partition(".")
            found[f"{names[id(ordered[int(number)])]} {what}"] = value
    return found


@pytest.mark.parametrize("limits", [(), LIMITS], ids=["plain", "limited"])
@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_neither_weights_nor_moments_change_in_a_phase(faces, run, optimizer, limits):
    rate = "optimizer.lr=1.0" if optimizer == "prodigy" else "optimizer.lr=1e-3"
    train(faces, run, f"optimizer.name={optimizer}", rate, *limits)
    check_weights(run)
    before, after, last = (moments(run, step, optimizer) for step in (4, 6, 8))
    touched = changed(before, after)
    assert touched
    assert not {name for name in touched if is_frozen(name)}
    assert any(is_frozen(name) for name in changed(after, last))


def test_discriminators_learn_beside_frozen_parts(faces, run):
    train(faces, run, *GAN, "optimizer.name=adamw")
    check_weights(run)
    for name in ("faces", "codes"):
        group = f"discriminator_{name}"
        weights = [tensors(run, step, group) for step in (4, 6)]
        assert changed(*weights) == set(weights[0])


def test_discriminators_do_not_train_what_is_frozen_throughout(faces, tmp_path):
    frozen = "training.freeze=[encoder, inter]"
    for name, settings in (("plain", ()), ("run", GAN)):
        given = configured("training.steps=4", "output.keep=9", frozen, *settings)
        run_training(given, faces, tmp_path / name)
    before, after = (tensors(tmp_path / "run", step, "model") for step in (0, 4))
    assert changed(before, after) == {name for name in before if name.startswith("decoders.")}
    assert not same(tensors(tmp_path / "plain", 4, "model"), after)


@pytest.fixture
def with_scaler(monkeypatch):
    """Lets trainings on the CPU compute in fp16, with a gradient scaler."""
    scales = []

    @contextmanager
    def opened(*arguments, **options):
        with open_accelerator(*arguments, **options) as accelerator:
            accelerator.state._mixed_precision = "fp16"
            accelerator.native_amp = True
            # It doubles every two steps.
            accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=2)
            yield accelerator
            scales.append(accelerator.scaler.get_scale())

    monkeypatch.setattr("faceswap.training.build.open_accelerator", opened)
    return scales


@pytest.mark.parametrize("limits", [(), LIMITS, GAN], ids=["plain", "limited", "gan"])
def test_a_gradient_scaler_leaves_frozen_parts_as_they_are(faces, run, with_scaler, limits):
    train(faces, run, "optimizer.name=adamw", *limits)
    check_weights(run)
    assert with_scaler == [64.0 * 2**4]  # no step was skipped
