"""The benchmark of training says which share of the machine's matrix products is used."""

import importlib
from pathlib import Path

import pytest
from torch import nn

from faceswap.models.autoencoder import FaceAutoencoder
from tests.meshes import add_meshes

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("benchmarks.training")


def test_a_step_is_the_products_of_forward_and_backward(benchmark):
    decoders = {name: nn.Conv2d(4, 3, 1) for name in ("alice", "bob")}
    model = FaceAutoencoder(nn.Conv2d(3, 4, 1), nn.Identity(), decoders, 8, 8)
    layer = 2 * 8 * 8 * 3 * 4  # a multiplication and an addition for each pixel and weight
    # The encoder needs no gradient of the faces.
    face, swap = (2 + 3) * layer, 3 * layer
    assert benchmark.step_flops(model, 4, 0) == 2 * 4 * face
    assert benchmark.step_flops(model, 4, 2) == 2 * (4 * face + 2 * swap)


@pytest.mark.parametrize("recipe", ["small", "classic"])
def test_the_share_is_the_throughput_over_the_limit(
    benchmark, recipe, make_faceset, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(benchmark, "ClassicNetwork", lambda: nn.Conv2d(3, 3, 1))
    monkeypatch.setattr(benchmark, "matmul_peak", lambda dtype, device: 1e11)
    faces = [add_meshes(make_faceset(tmp_path / name)) for name in ("alice", "bob")]
    benchmark.benchmark_training(faces, recipe, 2, 2)
    lines = capsys.readouterr().out.splitlines()
    speed = next(line for line in lines if line.startswith("train "))
    limit = next(line for line in lines if line.startswith("matmul limit in torch.float32"))
    share = next(line for line in lines if line.startswith("share"))
    expected = float(speed[36:].split()[0]) / float(limit[36:].split()[0])
    assert float(share[36:].split("%")[0]) == pytest.approx(100 * expected, abs=1)
    assert expected > 0
