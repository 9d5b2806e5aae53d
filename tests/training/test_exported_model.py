"""The model folder of a run is its best checkpoint."""

import json
import shutil
from dataclasses import replace

import pytest

from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.files import sha256_file, write_json
from faceswap.core.training_state import evaluated_group
from faceswap.models.model_file import load_model, save_model
from faceswap.models.run_model import load_run_model
from faceswap.training.build import run_training
from faceswap.training.monitoring.curves import Curves
from faceswap.training.monitoring.held_out import Quality
from faceswap.training.monitoring.measurement import SWAP_SCORE, Measured
from faceswap.training.monitoring.report import Reporter
from faceswap.training.monitoring.swap_score import SwapQuality
from faceswap.training.monitoring.swaps import Direction
from faceswap.training.progress_bars import describe_model
from tests.training.tiny import configured, exported, same, weights

SCORES = {0: 0.1, 2: 0.9, 4: 0.5, 6: 0.3, 8: 0.95}
SAVES = ("output.save_every=2", "output.keep=2")


@pytest.fixture(autouse=True)
def _known_scores(monkeypatch):
    quality = {"alice": Quality(0.5, 0.1)}

    def measure(self, step):
        swap = SwapQuality(1.0, 0.5, 0.2, 3.0, 0.5, SCORES[step])
        return Measured(quality, {Direction("alice", "bob"): swap})

    monkeypatch.setattr(Reporter, "measure", measure)


def train(faces, run, steps, *changes):
    return run_training(configured(f"training.steps={steps}", *SAVES, *changes), faces, run)


def checkpoint(run, which):
    found = load_checkpoint(run / "checkpoints", which)
    assert found is not None
    return found


def test_the_best_checkpoint_is_exported_and_converted_with(faces, tmp_path):
    run = tmp_path / "run"
    result = train(faces, run, 6)
    best = checkpoint(run, "best")
    step, found = exported(run)
    assert step == best.step == result.exported_step == 2
    assert same(found, best.tensors[evaluated_group(best)])
    assert not same(found, weights(run))
    default, folder = load_run_model(run), load_model(run / "model")
    assert (default.checkpoint, default.meta.step) == ("best", 2)
    assert default.digest == folder.digest
    assert load_run_model(run, checkpoint="latest").meta.step == 6


def test_an_unchanged_best_is_not_written_again_and_a_better_one_is(faces, tmp_path):
    run = tmp_path / "run"
    train(faces, run, 2)
    files = [run / "model" / name for name in ("model.json", "model.safetensors")]
    before = [path.stat().st_mtime_ns for path in files]
    train(faces, run, 6)
    assert [path.stat().st_mtime_ns for path in files] == before
    train(faces, run, 8)
    assert exported(run)[0] == 8
    assert same(exported(run)[1], weights(run))


@pytest.mark.parametrize("damage", ["newest", "missing", "truncated"])
def test_another_model_is_replaced_at_the_next_start(faces, tmp_path, damage):
    run = tmp_path / "run"
    train(faces, run, 6)
    step, right = exported(run)
    if damage == "newest":  # as earlier versions exported
        newest = load_run_model(run, checkpoint="latest")
        save_model(run / "model", newest.model, replace(newest.meta, step=6))
        assert exported(run)[0] == 6
    elif damage == "missing":
        shutil.rmtree(run / "model")
    else:
        file = run / "model" / "model.safetensors"
        file.write_bytes(file.read_bytes()[:-4])
    train(faces, run, 6)
    assert exported(run)[0] == step
    assert same(exported(run)[1], right)


def test_a_damaged_best_checkpoint_leaves_the_newest_model(faces, tmp_path, caplog):
    run = tmp_path / "run"
    train(faces, run, 6)
    file = checkpoint(run, "best").path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-4])
    shutil.rmtree(run / "model")
    result = train(faces, run, 6)
    assert (result.exported_step, result.evaluations) == (6, 0)
    assert exported(run)[0] == 6
    assert same(exported(run)[1], weights(run))
    assert "The best checkpoint, of step 2, is damaged" in caplog.text


def test_a_best_is_chosen_anew_after_a_damaged_one(faces, tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(SCORES, 8, 0.5)
    run = tmp_path / "run"
    train(faces, run, 4)
    file = checkpoint(run, "best").path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-4])
    shutil.rmtree(run / "model")
    result = train(faces, run, 8)
    assert (result.exported_step, result.evaluations) == (8, 2)
    assert checkpoint(run, "best").step == exported(run)[0] == 8
    assert caplog.text.count("is damaged") == 2  # of the reader, and what follows from it


@pytest.mark.parametrize("damaged", [False, True])
def test_the_model_of_the_best_step_is_described_anew(faces, tmp_path, damaged, caplog):
    run = tmp_path / "run"
    train(faces, run, 6)
    step, right = exported(run)
    file = run / "model" / "model.json"
    now = json.loads(file.read_text())
    file.write_text(json.dumps(now | {"program": "0.0.1"}))
    if damaged:
        broken = checkpoint(run, "best").path / "model.safetensors"
        broken.write_bytes(broken.read_bytes()[:-4])
    result = train(faces, run, 6)
    assert result.exported_step == exported(run)[0] == step == 2
    assert same(exported(run)[1], right)
    assert json.loads(file.read_text()) == now
    caplog.clear()
    train(faces, run, 6)
    assert "damaged" not in caplog.text


def test_evaluations_that_an_earlier_version_did_not_count_have_no_number(faces, tmp_path):
    run = tmp_path / "run"
    train(faces, run, 2)
    for path in (run / "checkpoints").glob("step-*"):
        state = json.loads((path / "state.json").read_text())
        del state["state"]["progress"]["evaluations"]
        write_json(path / "state.json", state)
        sums = json.loads((path / "checksums.json").read_text())
        write_json(path / "checksums.json", sums | {"state.json": sha256_file(path / "state.json")})
    result = train(faces, run, 4)
    assert describe_model(result) == "step 2, the best of all evaluations"


def test_without_held_out_faces_the_newest_model_is_exported(faces, tmp_path, monkeypatch):
    monkeypatch.setattr(Reporter, "measure", lambda self, step: Measured({}))
    result = train(faces, tmp_path / "run", 4)
    assert exported(tmp_path / "run")[0] == result.exported_step == 4
    assert result.evaluations == 0


def test_a_best_by_another_measure_is_chosen_anew(faces, tmp_path, monkeypatch, caplog):
    run = tmp_path / "run"
    with monkeypatch.context() as earlier:
        ssim = {0: 0.3, 2: 0.99}
        earlier.setattr(
            Reporter, "measure", lambda self, step: Measured({"alice": Quality(ssim[step], 0.1)})
        )
        train(faces, run, 2)
        # A checkpoint of an earlier version.
        for path in (run / "checkpoints").glob("step-*/state.json"):
            state = json.loads(path.read_text())
            assert state["state"]["progress"]["measure"] == "the held-out SSIM"
    caplog.set_level("INFO", logger="faceswap")
    train(faces, run, 4)
    assert "chosen anew, by the swap score instead of the held-out SSIM" in caplog.text
    best = checkpoint(run, "best")
    assert best.step == 4
    assert best.state["progress"]["best"] == [0.5, 0.5]
    assert best.state["progress"]["measure"] == SWAP_SCORE
    assert exported(run)[0] == 4


def test_evaluations_are_kept_and_drawn_and_cut_at_the_newest_checkpoint(
    faces, tmp_path, monkeypatch
):
    monkeypatch.setattr("faceswap.training.reporting.Curves", Curves)
    run = tmp_path / "run"
    train(faces, run, 6)

    def steps():
        lines = (run / "logs" / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line)["step"] for line in lines]

    assert steps() == [0, 2, 4, 6]
    assert "of step 2, the best of 4 evaluations" in (run / "logs" / "curves.html").read_text()
    shutil.rmtree(checkpoint(run, "latest").path)  # as of a kill before it was written
    train(faces, run, 4)
    assert steps() == [0, 2, 4]
    train(faces, run, 8)
    assert steps() == [0, 2, 4, 6, 8]
