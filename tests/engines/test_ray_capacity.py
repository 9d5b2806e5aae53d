"""How many processes a run on a cluster begins with."""

from types import SimpleNamespace
from typing import Any

import pytest

from faceswap.engines.ray_capacity import Capacity, has_gpus
from faceswap.engines.ray_data import RayEngine, RayOptions


def node(*, alive: bool = True, **resources: float) -> dict[str, Any]:
    return {"Alive": alive, "Resources": resources}


CPUS = [node(CPU=16.0), node(CPU=8.0), node(CPU=64.0, alive=False), node()]
MIXED = [*CPUS, node(CPU=32.0, GPU=2.0)]


def test_a_cluster_without_gpus_works_on_its_cpus():
    assert not has_gpus(CPUS)
    assert Capacity.of(CPUS, gpus=False) == Capacity(machines=3, workers=24)
    assert Capacity.of([node(CPU=500.0)], gpus=False) == Capacity(machines=1, workers=64)


def test_only_machines_with_gpus_count_where_they_are_used():
    assert has_gpus(MIXED)
    with_gpus = Capacity.of(MIXED, gpus=True)
    assert (with_gpus.machines, with_gpus.workers) == (1, 2)
    assert Capacity.of(MIXED, gpus=False) == Capacity(machines=4, workers=56)


@pytest.mark.parametrize(
    ("asked", "nodes", "device"),
    [
        ("auto", CPUS, "cpu"),  # also where workers would find a GPU that Ray does not offer
        ("auto", MIXED, "cuda"),
        ("cpu", MIXED, "cpu"),
        ("cuda", CPUS, "cuda"),
    ],
)
def test_workers_use_what_the_cluster_offers(asked, nodes, device):
    engine = RayEngine(SimpleNamespace(nodes=lambda: nodes), RayOptions(device=asked))
    assert engine.device == device


def test_gpus_that_are_not_there_yet_are_waited_for():
    wanted = Capacity.of(CPUS, gpus=True)
    assert (wanted.machines, wanted.workers) == (1, 1)
    assert wanted.worker_gpu > 0.5  # of two workers, each has a GPU of its own


def test_all_that_plan_and_join_fit_beside_one_worker():
    capacity = Capacity.of([node(CPU=8.0, GPU=1.0)] * 50, gpus=True)
    assert 2 * capacity.machines * capacity.helper_gpu + capacity.worker_gpu <= 1
