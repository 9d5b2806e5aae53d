"""The benchmark of scaling computes what its assumptions and measurements say."""

import importlib
from pathlib import Path

import pytest
from torch import nn

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.registry import models

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    return importlib.import_module("benchmarks.scaling")


def pointwise(identities, width: int = 4):
    """One convolution of one pixel for all identities, and one for each."""
    decoders = {name: nn.Conv2d(width, 3, 1) for name in identities}
    return FaceAutoencoder(nn.Conv2d(3, width, 1), nn.Identity(), decoders, 16, 16)


def test_a_ring_sends_twice_the_gradients(benchmark):
    assumed = benchmark.Assumptions(gpus=8, inside=100e9, latency=0.0)
    # 7 of 8 parts go round twice.
    assert benchmark.ring_seconds(8e9, 8, assumed, 1e9) == pytest.approx(2 * 7 / 100)
    # The network between machines is slower, and with many processes all goes through twice.
    assert benchmark.ring_seconds(8e9, 512, assumed, 1e9) == pytest.approx(16 * 511 / 512)
    slow = benchmark.Assumptions(latency=1e-3)
    assert benchmark.ring_seconds(0, 3, slow, 1e9) == pytest.approx(4e-3)


def test_what_is_hidden_costs_nothing(benchmark):
    assert benchmark.efficiency(3.0, 1.0, 0.0) == 0.75
    assert benchmark.efficiency(3.0, 1.0, 0.5) == pytest.approx(3 / 3.5)
    assert benchmark.efficiency(3.0, 1.0, 2.0) == 1


def test_operations_are_those_of_forward_and_backward(benchmark, monkeypatch):
    monkeypatch.setitem(models._entries, "pointwise", pointwise)
    model = benchmark.meta_model("pointwise", {})
    layer = 2 * 16 * 16 * 3 * 4
    # The encoder needs no gradient of the faces; swaps are decoded again.
    assert benchmark.face_flops(model, 0.0) == (2 + 3) * layer
    assert benchmark.face_flops(model, 0.5) == (2 + 3 + 1.5) * layer


def test_a_model_that_grows_is_grown(benchmark):
    model = benchmark.meta_model("comb", {"size": 64, "channels": 4, "code": 4})
    assert model.input_size == 64


def test_efficiency_falls_with_the_network(benchmark):
    found = benchmark.Measured(10**8, 1e12, 4, 100.0, 1.0)
    rows = benchmark.table(found, benchmark.Assumptions(), 16, 1000)[2:]
    shown = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row[0] for row in shown] == ["8", *["64"] * 3, *["512"] * 3]
    kept = [float(row[3].rstrip("%")) for row in shown]
    assert kept[1] < kept[2] < kept[3] < kept[0]
    # 16 faces of a TFLOP at 300 TFLOP/s, against 400 MB that go twice through 25 Gb/s.
    compute, exchange = 16 / 300, 2 * 4e8 / 3.125e9
    assert kept[4] == pytest.approx(100 * compute / (compute + exchange), abs=1)


@pytest.mark.slow
def test_the_buckets_hold_the_gradients(benchmark):
    options = {"size": 32}
    model = benchmark.meta_model("small", options)
    bucketed, sent = benchmark.gradient_traffic("small", options, steps=2)
    assert bucketed == 4 * sum(weight.numel() for weight in model.parameters())
    assert sent >= bucketed
