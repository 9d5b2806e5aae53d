"""Trainings in phases."""

import json
import os
import signal
from dataclasses import replace

import pytest
import yaml
from accelerate import Accelerator
from torch import nn

from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.config import load_config
from faceswap.core.errors import ConfigError
from faceswap.data.batches import RawBatch
from faceswap.models.registry import models
from faceswap.training.build import run_training
from faceswap.training.from_settings import build_phases
from faceswap.training.loop.phase import Phase
from faceswap.training.loop.step import TrainStep
from faceswap.training.monitoring.held_out import Quality
from faceswap.training.monitoring.measurement import Measured
from faceswap.training.monitoring.report import Callbacks, Reporter
from faceswap.training.settings import TrainConfig
from faceswap.training.settings.phases import is_changeable
from tests.training.test_rollback import Poisoned
from tests.training.tiny import configured, same, tiny

PHASES = [
    {"name": "generalise", "share": 0.5, "set": {"loss.dssim": 0.5}},
    {
        "name": "detail",
        "share": 0.25,
        "set": {
            "augmentation": {"warp": 0.0, "rotation": 20.0},
            "optimizer.lr": 1e-3,
            "optimizer.warmup": 2,
            "data.match": 0.5,
        },
    },
    {"name": "finish", "set": {"loss.features": 4.0, "optimizer.decay": 1.0}},
]
TWELVE = ("training.steps=12", "output.log_every=1")


def phased(*overrides, phases=PHASES):
    return configured(f"phases={json.dumps(phases)}", *overrides)


def watch(monkeypatch):
    """The phase, the rate and the raw batch of each step to come."""
    steps: list[tuple[Phase, float, RawBatch]] = []
    take = TrainStep.__call__

    def watched(self, micro_batches, phase, lr, *rest):
        steps.append((phase, lr, micro_batches[0]))
        return take(self, micro_batches, phase, lr, *rest)

    monkeypatch.setattr(TrainStep, "__call__", watched)
    return steps


def interrupt_at(step):
    """Callbacks that stop a training after some step."""

    def interrupt(report):
        if report.step == step - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    return Callbacks(on_step=interrupt)


def newest(run):
    checkpoint = load_checkpoint(run / "checkpoints")
    assert checkpoint is not None
    return checkpoint


def entered(run):
    manifest = json.loads((run / "manifest.json").read_text())
    return [(entry["name"], entry["step"]) for entry in manifest["phases"]]


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
        "faceswap.training.loop.trainer.Trainer._must_save", lambda self: self.progress.step == 5
    )
    run_training(phased(*TWELVE), faces, tmp_path / "run")
    names = [phase.name for phase, *_ in steps]
    assert names[:8] == ["generalise"] * 6 + ["detail"] * 2
    assert names[8:] == ["generalise"] + ["detail"] * 3 + ["finish"] * 3
    assert entered(tmp_path / "run") == [("generalise", 0), ("detail", 6), ("finish", 9)]


def scripted(monkeypatch, scores):
    """Lets the evaluation of each step have a known SSIM."""

    def measure(self, step):
        return Measured({"alice": Quality(scores[step], 0.1)})

    monkeypatch.setattr(Reporter, "measure", measure)


# Evaluations at steps 0, 2, 4, ...: the first phase ends at 6, the second at 10, the third at 16.
SCORES = {0: 0.1, 2: 0.5, 4: 0.4, 6: 0.3, 8: 0.2, 10: 0.1, 12: 0.15, 14: 0.12, 16: 0.11}
STAGNANT = [
    {"name": "generalise", "patience": 2},
    {"name": "detail", "share": 0.9, "patience": 1, "set": {"augmentation.warp": 0.0}},
    {"name": "finish"},
]
LONG = ("training.steps=1000", "training.patience=2", "output.save_every=2", "output.log_every=1")


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


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"set": {"model.name": "small"}}, "phase 'detail' cannot change model.name"),
        ({"set": {"optimizer.name": "adamw"}}, "phase 'detail' cannot change optimizer.name"),
        ({"set": {"training.batch": 8}}, "phase 'detail' cannot change training.batch"),
        ({"set": {"data": {"coverage": 1.0}}}, "phase 'detail' cannot change data.coverage"),
        ({"set": {"seed": 1}}, "phase 'detail' cannot change seed"),
        ({"set": {"augmentation.wrap": 0}}, "in the phase 'detail': unknown setting 'augment"),
        (
            {"set": {"augmentation": 0}},
            "phase 'detail' has no values for the settings of augmentation",
        ),
        ({"set": {"loss.identity_network": "x"}}, "'detail' cannot change loss.identity_network"),
        ({"set": {"loss.l1": -1}}, "in the phase 'detail': loss.l1"),
        ({"set": {"optimizer.lr": "fast"}}, "in the phase 'detail': optimizer.lr"),
        ({"share": None}, "phase 'detail' has no end, so 'finish' never begins"),
        ({"share": 0.6}, "at most 1 together, found 1.1"),
        ({"name": "finish"}, "two called 'finish'"),
        ({"name": ""}, r"phases.1.name"),
        ({"length": 4}, r"unknown setting 'phases.1.length'"),
    ],
)
def test_unusable_phases_are_refused_when_the_settings_are_read(tmp_path, change, said):
    phases = [PHASES[0], PHASES[1] | change, PHASES[2]]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"training": {"steps": 8}, "phases": phases}))
    with pytest.raises(ConfigError, match=said):
        load_config(TrainConfig, "faceswap", recipe)


UNUSUAL = {
    **{"augmentation.colour_method": "mkl", "augmentation.flip": {"alice": 0.3}},
    **{"adversarial.patch": None, "adversarial.dims": None},  # of the whole training: see below
    **{"data.balance_sources": True, "optimizer.schedule": "cosine"},
    **{"loss.stride": 3, "adversarial.swaps": True, "training.freeze": ["encoder"]},
}


def changed(name, value):
    if name in UNUSUAL:
        return UNUSUAL[name]
    if isinstance(value, int):
        return value + 1
    return value + 0.5 if value >= 1 else value * 0.5 + 0.03


def test_whatever_a_phase_may_change_is_of_the_phase():
    base = configured("training.steps=8")
    opened = Accelerator(cpu=True)
    values = base.model_dump(exclude={"phases"})
    names = [
        f"{name}.{inner}" for name, section in values.items() if name != "seed" for inner in section
    ]
    plain = build_phases(base, opened)[0]
    names = [name for name in names if is_changeable(name) and UNUSUAL.get(name, 0) is not None]
    assert len(names) > 40
    for name in names:
        section, _, inner = name.partition(".")
        override = {name: changed(name, values[section][inner])}
        phases = [{"name": "only", "set": override}]
        (phase,) = build_phases(phased("training.steps=8", phases=phases), opened)
        assert replace(phase, name="") != plain, name


def test_a_share_needs_a_budget(tmp_path):
    with pytest.raises(ConfigError, match="phase 'generalise' ends after a share of the budget"):
        phased()
    assert phased("training.minutes=1.0").phases[1].share == 0.25


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


def test_settings_of_a_run_with_phases_are_read_back(tmp_path):
    config = phased("training.steps=8")
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    assert load_config(TrainConfig, "faceswap", path) == config
    warps = [own.augmentation.warp for own in config.in_phases()]
    assert warps == [0.03, 0.0, 0.03]
    assert config.in_phases()[1] == replace_phases(config)


def replace_phases(config):
    """The settings of `detail`, written as settings of a whole training."""
    inner = PHASES[1]["set"]
    return configured(
        "training.steps=8",
        *(f"augmentation.{name}={value}" for name, value in inner["augmentation"].items()),
        *(f"{name}={value}" for name, value in inner.items() if "." in name),
    )
