"""The benchmark of training says which share of the machine's matrix products is used."""

import importlib
from pathlib import Path

import pytest
from torch import nn

from faceswap.core.config import load_config
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.registry import models
from faceswap.training.monitoring.step_report import StepReport
from faceswap.training.settings import TrainConfig
from tests.meshes import add_meshes

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("benchmarks.training")


def pointwise(identities, width=4):
    """One convolution of one pixel for all identities, and one for each."""
    decoders = {name: nn.Conv2d(width, 3, 1) for name in identities}
    return FaceAutoencoder(nn.Conv2d(3, width, 1), nn.Identity(), decoders, 16, 16)


@pytest.fixture
def faces(make_faceset, tmp_path, monkeypatch):
    monkeypatch.setitem(models._entries, "pointwise", pointwise)
    return [add_meshes(make_faceset(tmp_path / name)) for name in ("alice", "bob")]


def test_a_step_is_the_products_of_forward_and_backward(benchmark, faces, tmp_path):
    config = ["model.name=pointwise", "training.device=cpu", "training.precision=fp32"]
    config += ["loss.l1=1", "loss.dssim=0", "training.batch=4", "data.minimum=4"]
    identities = {"alice": [faces[0]], "bob": [faces[1]]}

    def flops(*overrides):
        settings = load_config(TrainConfig, "faceswap", None, [*config, *overrides])
        return benchmark.step_flops(settings, identities, tmp_path / "run")

    def of_network(*overrides):
        """Those of four more channels: the changes of colour and the losses stay the same."""
        return flops(*overrides, "model.options.width=8") - flops(*overrides)

    layer = 2 * 16 * 16 * 3 * 4  # a multiplication and an addition for each pixel and weight
    # The encoder needs no gradient of the faces.
    face, swap = (2 + 3) * layer, 3 * layer
    assert of_network() == 2 * 4 * face
    assert of_network("data.match=0.5", "loss.swap=1") == 2 * (4 * face + 2 * swap)
    assert flops("adversarial.power=0.1") > flops()  # the discriminator


def shares(lines, title):
    """Throughput over limit in the precision of a training, and the share that was printed."""
    first = next(n for n, line in enumerate(lines) if line.startswith(title))
    last = next(n for n in range(first, len(lines)) if lines[n].startswith("  share"))
    speed, limit, share = (lines[n][36:].split()[0] for n in (first, last - 1, last))
    return float(speed) / float(limit), float(share.rstrip("%")) / 100


def test_the_share_is_the_throughput_over_the_limit(
    benchmark, faces, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(benchmark, "ClassicNetwork", lambda: nn.Conv2d(3, 3, 1))
    monkeypatch.setattr(benchmark, "matmul_peak", lambda dtype, device: 1e12)
    recipe = tmp_path / "two.yaml"
    recipe.write_text(
        "model: {name: pointwise}\n"
        "data: {minimum: 4}\n"
        "training: {precision: fp32, device: cpu}\n"
        "phases:\n"
        "- {name: rough, share: 0.5}\n"
        "- {name: sharp, set: {adversarial.power: 0.1}}\n"
    )
    benchmark.benchmark_training(faces, ["small", str(recipe)], 2, 2)
    lines = capsys.readouterr().out.splitlines()
    for title in ("train small", "train two, rough", "train two, sharp"):
        expected, share = shares(lines, title)
        assert expected > 0
        assert share == pytest.approx(expected, rel=0.05, abs=0.001)


def test_steps_before_the_timed_ones_do_not_count(benchmark, faces, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "ClassicNetwork", lambda: nn.Conv2d(3, 3, 1))
    monkeypatch.setattr(benchmark, "matmul_peak", lambda dtype, device: 1e12)

    def train(config, identities, run, *, callbacks):
        for step in range(config.output.log_every, config.training.steps + 1, 3):
            callbacks.on_step(StepReport(step, 1.0, 1.0, {}, 0.1, 10.0 * step, 0.0))

    monkeypatch.setattr(benchmark, "run_training", train)
    benchmark.benchmark_training(faces, ["small"], 3, 2)
    lines = capsys.readouterr().out.splitlines()
    (speed,) = [line.split()[2] for line in lines if line.startswith("train small")]
    assert float(speed) == 60.0
