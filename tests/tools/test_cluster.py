"""What can be tested of the tools for clusters without one: order of kills, and the manifests."""

import argparse
import importlib
import random
from pathlib import Path

import pytest
import yaml

CLUSTER = Path(__file__).parents[2] / "tools" / "cluster"


@pytest.fixture
def chaos(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(CLUSTER)
    return importlib.import_module("chaos")


def test_the_order_of_kills_comes_from_the_seed(chaos):
    options = argparse.Namespace(workers=5, nodes=3, shortest=2.0, longest=10.0)

    def planned(seed):
        return [*chaos.kills(options, random.Random(seed))]

    kinds = [kind for _, kind in planned(1)]
    assert kinds.count("worker") == 5
    assert kinds.count("node") == 3
    assert all(2 <= seconds <= 10 for seconds, _ in planned(1))
    assert planned(1) == planned(1) != planned(2)


def test_manifests_agree():
    job = yaml.safe_load((CLUSTER / "rayjob.yaml").read_text())
    claim = yaml.safe_load((CLUSTER / "volume.yaml").read_text())
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    pods = [group["template"]["spec"] for group in groups]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for group, pod in zip(groups, pods, strict=True):
        (container,) = pod["containers"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
        name = volumes["data"]["persistentVolumeClaim"]["claimName"]
        assert name == claim["metadata"]["name"]
        assert container["image"] == pods[0]["containers"][0]["image"]
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())
