"""Machines that share no disk train as one process, from what the first one has."""

import json
import re
import shutil
from pathlib import Path

import pytest

from faceswap.core.checkpoint import checkpoint_steps, load_checkpoint
from faceswap.training.build import run_training
from tests.core.launched import end_machines, start_machines
from tests.training.tiny import configured

SCRIPT = Path(__file__).with_name("tiny_machine.py")
# Everything that a checkpoint may hold, but for discriminators; no dropout, which differs by rank.
STATE = ["optimizer.ema=0.5", "optimizer.auto_clip=0.5", "optimizer.name=adamw"]
SETTINGS = [*STATE, "training.adapt_threads=false", "model.options.dropout=0.0"]


@pytest.fixture
def disks(faces, tmp_path):
    """Folders of two machines with copies of the same facesets."""
    found = [tmp_path / "disk0", tmp_path / "disk1"]
    for disk in found:
        shutil.copytree(tmp_path / "faces", disk / "faces")
    return found


def train(disks, *overrides, each=((), ())):
    """Results of both machines of a training; each may have options of its own."""
    commands = [
        [SCRIPT, disk, disk / "faces", *SETTINGS, *overrides, *own]
        for disk, own in zip(disks, each, strict=True)
    ]
    codes, told = end_machines(start_machines(*commands))
    assert codes == [0, 0], told
    return [json.loads((disk / f"result-{n}.json").read_text()) for n, disk in enumerate(disks)]


def test_a_machine_without_the_run_resumes_from_the_first_one(disks, faces, tmp_path):
    whole = run_training(configured(*SETTINGS, "training.steps=9"), faces, tmp_path / "whole")
    for steps, count in ((5, 5), (9, 4)):
        for result in train(disks, f"training.steps={steps}"):
            assert result["step"] == steps
            assert len(result["losses"]["alice"]) == count
            for name, losses in result["losses"].items():
                expected = whole.losses[name][steps - count : steps]
                assert losses == pytest.approx(expected, abs=1e-4)
        # The other machine has its cache and nothing that looks like a run.
        assert [path.name for path in (disks[1] / "run").iterdir()] == ["cache"]
    assert checkpoint_steps(disks[0] / "run" / "checkpoints")[-1] == 9


@pytest.mark.slow
def test_machines_with_different_checkpoints_end_with_an_error(disks):
    train(disks, "training.steps=5")
    (disks[0] / "run").rename(disks[1] / "newer")
    shutil.rmtree(disks[1] / "run")
    (disks[1] / "newer").rename(disks[1] / "run")
    for result in train(disks, "training.steps=9"):
        assert "has a checkpoint of step 5" in result["message"]
        assert "has no checkpoint" in result["message"]
    # As the first machine it resumes, and the other one gets its state.
    for result in train(disks[::-1], "training.steps=6"):
        assert result["step"] == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "each", "said"),
    [
        (None, ((), ("optimizer.lr=1e-3",)), "optimizer.lr: 0.001 instead of 0.002"),
        (None, ((), ("training.device=nowhere",)), "training.device"),
        ("remove", ((), ()), "faces of alice: .* with 47 faces.* instead of .* with 48 faces"),
        ("edit", ((), ()), "crops and masks of"),
        ("lose", ((), ()), "Process 1 on .* failed: There is no faceset in "),
    ],
)
def test_what_cannot_be_sent_is_an_error_of_all(disks, change, each, said):
    image = next((disks[1] / "faces" / "alice" / "images").iterdir())
    if change == "remove":
        image.unlink()
    elif change == "edit":
        other = sorted(image.parent.iterdir())[-1]
        image.write_bytes(other.read_bytes())
    elif change == "lose":
        (disks[1] / "faces" / "bob" / "faceset.json").unlink()
    results = train(disks, "training.steps=2", each=each)

    assert any(re.search(said, result["message"]) for result in results), results
    assert all("message" in result for result in results)
    assert not (disks[0] / "run" / "checkpoints").exists()
    assert load_checkpoint(disks[0] / "run" / "checkpoints") is None
