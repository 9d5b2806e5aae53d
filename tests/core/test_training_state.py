"""What a checkpoint restores, and what happens when training diverges."""

import json
import shutil
from dataclasses import asdict, replace

import pytest
import torch
from torch import nn

from faceswap.core.checkpoint import checkpoint_steps, load_checkpoint
from faceswap.core.ema import EMA
from faceswap.core.errors import CheckpointError, TrainingError
from faceswap.core.training_state import Progress, TrainingState


def make_state(folder, *, ema=False, lr=0.1, width=3):
    model = nn.Linear(2, width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.5)
    average = EMA(model, 0.5) if ema else None
    return TrainingState(folder, model, optimizer, None, average, 3, "Lower the rate.")


def take_step(state):
    state.model(torch.ones(1, 2)).sum().backward()
    state.optimizer.step()
    state.optimizer.zero_grad()
    if state.ema:
        state.ema.update(0)


def test_progress_survives_json():
    progress = Progress(step=3, seconds=1.5, best=(0.5, -0.25), since_best=2)
    assert Progress.from_json(json.loads(json.dumps(asdict(progress)))) == progress
    assert Progress.from_json(json.loads(json.dumps(asdict(Progress())))) == Progress()


def test_the_best_evaluation_and_patience():
    progress = Progress()
    assert progress.evaluated(0.5, -1.0)
    assert not progress.evaluated(0.4, 0.0)
    assert not progress.is_stale(2)
    assert not progress.evaluated(0.5, -1.0)  # an equal one is not better
    assert progress.is_stale(2)
    assert not progress.is_stale(0)
    assert progress.evaluated(0.5, -0.9)
    assert not progress.is_stale(1)


def test_an_evaluation_that_measured_nothing_is_not_the_best():
    progress = Progress()
    assert not progress.evaluated(float("nan"))
    assert progress.best_step is None
    progress.step = 5
    assert progress.evaluated(0.1)
    assert not progress.evaluated(float("nan"))
    assert progress.best_step == 5


def test_a_restored_state_continues_exactly(tmp_path):
    state = make_state(tmp_path, ema=True)
    take_step(state)
    state.save(Progress(step=1))
    other = make_state(tmp_path, ema=True)
    assert other.load(Progress) == Progress(step=1)
    for one in (state, other):
        take_step(one)
    for name, value in state.model.state_dict().items():
        assert torch.equal(value, other.model.state_dict()[name])
    assert state.ema
    assert other.ema
    for name, value in state.ema.module.state_dict().items():
        assert torch.equal(value, other.ema.module.state_dict()[name])


def test_hyperparameters_are_those_of_the_current_settings(tmp_path):
    make_state(tmp_path, lr=0.1).save(Progress(step=1))
    other = make_state(tmp_path, lr=0.01)
    other.load(Progress)
    assert other.optimizer
    assert other.optimizer.param_groups[0]["lr"] == 0.01


def test_another_optimizer_starts_anew(tmp_path, caplog):
    state = make_state(tmp_path)
    take_step(state)
    state.save(Progress(step=1))
    other = make_state(tmp_path)
    momentum = torch.optim.SGD(other.model.parameters(), lr=0.1, momentum=0.9)
    changed = replace(other, optimizer=momentum)
    with caplog.at_level("WARNING", logger="faceswap"):
        assert changed.load(Progress) == Progress(step=1)
    assert "optimizer changed" in caplog.text
    take_step(changed)
    assert changed.is_finite()


def test_a_new_moving_average_starts_at_the_weights(tmp_path):
    state = make_state(tmp_path)
    take_step(state)
    state.save(Progress(step=1))
    other = make_state(tmp_path, ema=True)
    other.load(Progress)
    assert other.ema
    for name, value in state.model.state_dict().items():
        assert torch.equal(other.ema.module.state_dict()[name], value)


def evaluate_and_save(state, progress, step, score):
    progress.step = step
    progress.evaluated(score)
    state.save(progress)


def test_an_interrupted_save_is_completed(tmp_path):
    state, progress = replace(make_state(tmp_path), keep=1), Progress()
    for step, score in ((1, 0.5), (2, 0.9), (3, 0.7)):
        evaluate_and_save(state, progress, step, score)
    assert checkpoint_steps(tmp_path) == [2, 3]
    assert (tmp_path / "best").read_text() == "step-00000002"
    (tmp_path / "best").write_text("step-00000003")
    (tmp_path / "latest").unlink()
    other = replace(make_state(tmp_path), keep=1)
    restored = other.load(Progress)
    assert restored == progress
    other.complete_save(restored)
    assert (tmp_path / "best").read_text() == "step-00000002"
    assert (tmp_path / "latest").read_text() == "step-00000003"


def test_a_checkpoint_of_an_older_version_leaves_the_best_to_its_file(tmp_path):
    state = make_state(tmp_path)
    evaluate_and_save(state, Progress(), 1, 0.5)
    found = load_checkpoint(tmp_path)
    assert found is not None
    del found.state["progress"]["best_step"]
    assert state.restore(found, Progress).best_step == 1
    (tmp_path / "best").unlink()
    assert state.restore(found, Progress).best_step is None
    found.state["best"] = True  # killed before it wrote the file
    assert state.restore(found, Progress).best_step == 1


def test_a_missing_best_checkpoint_is_chosen_anew(tmp_path, caplog):
    state, progress = make_state(tmp_path), Progress()
    evaluate_and_save(state, progress, 1, 0.5)
    evaluate_and_save(state, progress, 2, 0.4)
    shutil.rmtree(tmp_path / "step-00000001")
    with caplog.at_level("WARNING", logger="faceswap"):
        restored = state.load(Progress)
    assert "step 1, is missing" in caplog.text
    assert restored is not None
    assert (restored.best, restored.best_step) == (None, None)


def test_without_checkpoints_there_is_nothing_to_restore(tmp_path):
    assert make_state(tmp_path).load(Progress) is None


def test_another_model_is_refused(tmp_path):
    make_state(tmp_path).save(Progress(step=1))
    with pytest.raises(CheckpointError, match="does not fit the model"):
        make_state(tmp_path, width=4).load(Progress)


def test_a_checkpoint_without_a_part_is_refused(tmp_path):
    state = make_state(tmp_path)
    state.save(Progress(step=1))
    found = load_checkpoint(tmp_path)
    assert found is not None
    del found.state["progress"]["best"]
    with pytest.raises(CheckpointError, match="incomplete"):
        state.restore(found, Progress)


def test_divergence_rolls_back_and_then_ends_with_advice(tmp_path):
    state = make_state(tmp_path)
    state.save(Progress(step=5, seconds=1.0))
    healthy = {name: value.clone() for name, value in state.model.state_dict().items()}
    progress = Progress(step=7, seconds=2.0)
    for attempt in range(1, 4):
        with torch.no_grad():
            state.model.get_parameter("weight")[0, 0] = float("nan")
        assert not state.is_finite()
        progress = state.roll_back(progress)
        assert state.is_finite()
        assert (progress.step, progress.seconds) == (5, 2.0)
        assert progress.rollbacks == attempt
        for name, value in state.model.state_dict().items():
            assert torch.equal(value, healthy[name])
        progress.step = 7
    with pytest.raises(TrainingError, match="non-finite 4 times around step 7") as raised:
        state.roll_back(progress)
    assert "Lower the rate." in raised.value.hint
    assert checkpoint_steps(tmp_path) == [5]
