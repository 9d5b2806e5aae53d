"""Trainings in phases."""

import json

import pytest
from torch import nn

from faceswap.core.errors import ConfigError
from faceswap.data.batches import RawBatch
from faceswap.models.registry import models
from faceswap.training.build import run_training
from faceswap.training.loop.phase import Phase
from faceswap.training.loop.step import TrainStep
from faceswap.training.monitoring.report import Callbacks
from tests.training.phased import PHASES, TWELVE, entered, interrupt_at, newest, phased
from tests.training.test_rollback import Poisoned
from tests.training.tiny import configured, same, tiny


def watch(monkeypatch):
    """The phase, the rate and the raw batch of each step to come."""
    steps: list[tuple[Phase, float, RawBatch]] = []
    take = TrainStep.__call__

    def watched(self, micro_batches, phase, lr, *rest):
        steps.append((phase, lr, micro_batches[0]))
        return take(self, micro_batches, phase, lr, *rest)

    monkeypatch.setattr(TrainStep, "__call__", watched)
    return steps


def test_settings_change_from_phase_to_phase(faces, tmp_path, monkeypatch, caplog):
    steps = watch(monkeypatch)
    reports = []
    with caplog.at_level("INFO", logger="faceswap"):
        run_training(
            phased(*TWELVE), faces, tmp_path / "run", (), Callbacks(on_step=reports.append)
        )
    names = [phase.name for phase, *_ in steps]
    assert names == ["generalise"] * 6 + ["detail"] * 3 + ["finish"] * 3
    assert [report.phase for report in reports[1:]] == names
    warped = [bool(raw.jitter.any()) for *_, raw in steps]
    assert warped == [True] * 6 + [False] * 3 + [True] * 3
    assert [bool(raw.matched.any()) for *_, raw in steps] == [False] * 6 + [True] * 3 + [False] * 3
    rates = [lr for _, lr, _ in steps]
    # Warm-up and decay count from the first step of their own phase.
    assert rates == pytest.approx(
        [2e-3] * 6 + [5e-4, 1e-3, 1e-3] + [2e-3, 2e-3 * 2 / 3, 2e-3 / 3], rel=1e-3
    )
    assert [phase.losses.dssim for phase, *_ in steps] == [0.5] * 6 + [1.0] * 6
    assert [phase.losses.features for phase, *_ in steps] == [1.0] * 9 + [4.0] * 3
    assert entered(tmp_path / "run") == [("generalise", 0), ("detail", 6), ("finish", 9)]
    assert "Phase detail from step 6 on (generalise: its share of the budget, 50%, " in caplog.text
    # The end of a phase is saved and evaluated, whatever the interval.
    assert [entry["step"] for entry in newest(tmp_path / "run").state["progress"]["phases"]] == [
        *(0, 6, 9)
    ]


def test_crops_reach_as_far_as_the_widest_phase_needs(faces, tmp_path, monkeypatch):
    steps = watch(monkeypatch)
    upright = ("training.steps=1", "augmentation.rotation=0.0")
    turned = [PHASES[0], {"name": "turned", "set": {"augmentation.rotation": 20.0}}]
    run_training(phased(*upright, phases=turned), faces, tmp_path / "turned")
    run_training(configured(*upright), faces, tmp_path / "upright")
    (*_, wide), (*_, plain) = steps
    assert wide.crops.shape[2] > plain.crops.shape[2]


def test_one_phase_of_the_same_settings_changes_nothing(faces, tmp_path):
    plain = run_training(configured(*TWELVE), faces, tmp_path / "plain")
    one = run_training(phased(*TWELVE, phases=[{"name": "all"}]), faces, tmp_path / "one")
    assert one.losses == plain.losses
    assert "phases" not in json.loads((tmp_path / "plain" / "manifest.json").read_text())


@pytest.mark.parametrize("steps", [1, 5, 6, 7, 9, 11])
def test_an_interrupted_run_changes_its_phases_as_an_uninterrupted_one(faces, tmp_path, steps):
    whole = run_training(phased(*TWELVE), faces, tmp_path / "whole")
    first = run_training(phased(*TWELVE), faces, tmp_path / "run", (), interrupt_at(steps))
    assert first.interrupted
    assert first.step == steps
    second = run_training(phased(*TWELVE), faces, tmp_path / "run")
    for name, losses in whole.losses.items():
        assert first.losses[name] + second.losses[name] == losses
    a, b = newest(tmp_path / "whole"), newest(tmp_path / "run")
    for group, tensors in a.tensors.items():
        assert same(tensors, b.tensors[group])
    assert entered(tmp_path / "run") == entered(tmp_path / "whole")


def test_a_rollback_returns_to_the_phase_of_the_checkpoint(faces, tmp_path, monkeypatch):
    steps = watch(monkeypatch)
    poison = Poisoned(at=8, times=1)  # in the second step of `detail`

    def build(names):
        model = tiny(names)
        inter = model.inter
        assert isinstance(inter, nn.Sequential)
        inter.append(poison)
        return model

    monkeypatch.setitem(models._entries, "tiny", build)
    # The newest checkpoint is of step 5: `generalise`.
    monkeypatch.setattr(
        "faceswap.training.loop.run_writer.RunWriter.must_save",
        lambda _, progress: progress.step == 5,
    )
    run_training(phased(*TWELVE), faces, tmp_path / "run")
    names = [phase.name for phase, *_ in steps]
    assert names[:8] == ["generalise"] * 6 + ["detail"] * 2
    assert names[8:] == ["generalise"] + ["detail"] * 3 + ["finish"] * 3
    assert entered(tmp_path / "run") == [("generalise", 0), ("detail", 6), ("finish", 9)]


def test_phases_may_change_on_resuming_but_the_current_one_stays(faces, tmp_path, caplog):
    run_training(configured("training.steps=4"), faces, tmp_path / "run")
    resumed = phased("training.steps=12")
    with caplog.at_level("INFO", logger="faceswap"):
        run_training(replace_budget(resumed, 8), faces, tmp_path / "run")
    assert entered(tmp_path / "run")[0] == ("generalise", 4)
    assert "phases: () -> " in caplog.text
    renamed = [{**PHASES[0], "name": "other"}]
    with pytest.raises(ConfigError, match=r"in the phase 'generalise', .* among 'other'"):
        run_training(phased("training.steps=12", phases=renamed), faces, tmp_path / "run")
    # Without phases the run continues as one that never had any.
    run_training(configured("training.steps=9"), faces, tmp_path / "run")
    assert "phases" not in json.loads((tmp_path / "run" / "manifest.json").read_text())


def replace_budget(config, steps):
    return config.model_copy(
        update={"training": config.training.model_copy(update={"steps": steps})}
    )


def test_a_phase_that_the_model_cannot_be_trained_in_is_named(faces, tmp_path):
    phases = [{"name": "detail", "set": {"training.freeze": ["encodre"]}}]
    with pytest.raises(ConfigError, match=r"In the phase 'detail': .*encodre"):
        run_training(phased("training.steps=2", phases=phases), faces, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_rate_of_prodigy_is_checked_in_the_phases_alone(faces, tmp_path):
    prodigy = ("training.steps=2", "optimizer.name=prodigy", "optimizer.lr=5e-5")
    phases = [{"name": "begin", "share": 0.5}, {"name": "end", "set": {"optimizer.lr": 1.0}}]
    with pytest.raises(ConfigError, match="In the phase 'begin': Prodigy estimates"):
        run_training(phased(*prodigy, phases=phases), faces, tmp_path / "run")
    phases = [{**phases[0], "set": {"optimizer.lr": 1.0}}, {"name": "end"}]
    with pytest.raises(ConfigError, match="In the phase 'end': Prodigy estimates"):
        run_training(phased(*prodigy, phases=phases), faces, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    phases[1] |= {"set": {"optimizer.lr": 0.5}}
    assert run_training(phased(*prodigy, phases=phases), faces, tmp_path / "run").step == 2
