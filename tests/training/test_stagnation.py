"""Phases and trainings that end when evaluations no longer improve."""

import json

import pytest

from faceswap.training.build import run_training
from faceswap.training.monitoring.held_out import Quality
from faceswap.training.monitoring.measurement import Measured
from faceswap.training.monitoring.report import Reporter
from tests.training.phased import entered, interrupt_at, newest, phased
from tests.training.tiny import same

# Evaluations at steps 0, 2, 4, ...: the first phase ends at 6, the second at 10, the third at 16.
SCORES = {0: 0.1, 2: 0.5, 4: 0.4, 6: 0.3, 8: 0.2, 10: 0.1, 12: 0.15, 14: 0.12, 16: 0.11}
STAGNANT = [
    {"name": "generalise", "patience": 2},
    {"name": "detail", "share": 0.9, "patience": 1, "set": {"augmentation.warp": 0.0}},
    {"name": "finish"},
]
LONG = ("training.steps=1000", "training.patience=2", "output.save_every=2", "output.log_every=1")


def scripted(monkeypatch, scores):
    """Lets the evaluation of each step have a known SSIM."""

    def measure(self, step):
        return Measured({"alice": Quality(scores[step], 0.1)})

    monkeypatch.setattr(Reporter, "measure", measure)


def test_phases_end_by_stagnation(faces, tmp_path, monkeypatch):
    scripted(monkeypatch, SCORES)
    result = run_training(phased(*LONG, phases=STAGNANT), faces, tmp_path / "run")
    assert entered(tmp_path / "run") == [("generalise", 0), ("detail", 6), ("finish", 10)]
    reasons = [entry["reason"] for entry in newest(tmp_path / "run").state["progress"]["phases"]]
    assert "not improved for 2 evaluations since step 2; best 0.500" in reasons[1]
    assert "not improved for 1 evaluations since step 8; best 0.200" in reasons[2]
    assert (result.step, result.stopped_early) == (16, True)
    assert "not improved for 2 evaluations since step 12; best 0.150" in result.ended
    ended = json.loads((tmp_path / "run" / "manifest.json").read_text())["ended"]
    assert ended == {"step": 16, "reason": result.ended}


@pytest.mark.parametrize("steps", [3, 6, 7, 10, 13, 16])
def test_stagnation_is_the_same_after_an_interruption(faces, tmp_path, monkeypatch, steps):
    # The further evaluation of an interrupted run counts for no phase, even as a better one.
    scripted(monkeypatch, {step: SCORES.get(step, 0.9) for step in range(17)})

    settings = phased(*LONG, phases=STAGNANT)
    run_training(settings, faces, tmp_path / "whole")
    run_training(settings, faces, tmp_path / "run", (), interrupt_at(steps))
    assert newest(tmp_path / "run").step == steps
    again = run_training(settings, faces, tmp_path / "run")
    assert again.step == 16
    assert entered(tmp_path / "run") == entered(tmp_path / "whole")
    for group, tensors in newest(tmp_path / "whole").tensors.items():
        assert same(tensors, newest(tmp_path / "run").tensors[group])


def test_evaluations_of_the_clock_change_no_phase(faces, tmp_path, monkeypatch):
    scripted(monkeypatch, {step: SCORES.get(step, 0.9) for step in range(17)})
    settings = phased(*LONG, "output.save_minutes=1e-9", phases=STAGNANT)
    result = run_training(settings, faces, tmp_path / "run")
    assert newest(tmp_path / "run").state["progress"]["best_step"] == 1  # evaluated at each step
    assert entered(tmp_path / "run") == [("generalise", 0), ("detail", 6), ("finish", 10)]
    assert result.step == 16
