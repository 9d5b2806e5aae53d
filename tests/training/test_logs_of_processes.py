"""The log of a training by several processes."""

import pytest

RECIPE = {
    "model": {"name": "small", "options": {"size": 32}},
    "data": {"match": 0.5},  # all of it in the slots of the first process
    "loss": {"swap": 0.5},
    "adversarial": {"power": 0.1, "swaps": True, "true_face": 0.1, "dims": 4},
    "optimizer": {"lr": 1e-4, "clip": 1.0},
    "training": {"batch": 4, "steps": 4, "precision": "fp32", "device": "cpu"},
    "output": {"log_every": 1},
}


@pytest.mark.slow
def test_figures_of_two_processes_are_those_of_one(processes, faces, tmp_path):
    one, two = (processes.log(RECIPE, faces, tmp_path, count) for count in (1, 2))
    names = {name for name in one if name.startswith(("terms/", "discriminator/"))}
    assert {"terms/swap", "discriminator/faces", "discriminator/codes"} <= names
    assert one.keys() == two.keys()
    for name in names | {"training/gradient norm"}:
        assert len(one[name]) == 4
        assert two[name] == pytest.approx(one[name], rel=2e-3), name
