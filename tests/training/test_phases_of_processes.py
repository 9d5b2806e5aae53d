"""Phases of a training by several processes."""

import json

import pytest

RECIPE = {
    "model": {"name": "small", "options": {"size": 32}},
    "optimizer": {"name": "muon", "lr": 1e-4},
    "training": {"batch": 4, "steps": 8, "precision": "fp32", "device": "cpu"},
    "output": {"log_every": 1, "save_every": 2},
    "phases": [
        {"name": "generalise", "patience": 1, "share": 0.5},
        {"name": "detail", "share": 0.25, "set": {"augmentation.warp": 0.0}},
        {"name": "finish", "set": {"optimizer.lr": 5e-5}},
    ],
}


@pytest.mark.slow
def test_two_processes_change_phases_as_one(processes, faces, tmp_path):
    one = processes.losses(RECIPE, faces, tmp_path, 1)
    two = processes.losses(RECIPE, faces, tmp_path, 2)
    for name, losses in one.items():
        assert len(losses) == 8
        assert two[name] == pytest.approx(losses, abs=1e-4)
    entries = [
        [(entry["name"], entry["step"]) for entry in manifest["phases"]]
        for manifest in (
            json.loads((tmp_path / f"run{count}" / "manifest.json").read_text()) for count in (1, 2)
        )
    ]
    assert entries[0] == entries[1]
    assert [name for name, _ in entries[0]] == ["generalise", "detail", "finish"]
