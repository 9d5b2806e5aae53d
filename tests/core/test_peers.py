"""What several processes know together."""

import json

import pytest

from faceswap.core.errors import ConfigError
from faceswap.core.peers import ALONE, join_processes
from tests.core.launched import end_machines, start_machines

_SCRIPT = """
import json, sys, time
from pathlib import Path
import torch
from faceswap.core import peers as module
from faceswap.core.checkpoint import load_checkpoint, save_checkpoint
from faceswap.core.errors import ConfigError
from faceswap.core.peers import join_processes
from faceswap.core.shared_checkpoint import read_shared

module._CHUNK = 32
folder, found = Path(sys.argv[1]), {}

def said(block):
    try:
        block()
    except Exception as error:
        return [type(error).__name__, str(error), getattr(error, "hint", "")]

def fail(peers, rank):
    with peers.together():
        if peers.rank == rank:
            raise ConfigError("No such file.", "Find it.")

def refuse():
    raise ValueError("broken")

turns = []
def work(peers):
    with peers.machine_by_machine():
        turns.append(time.time())
        if peers.local_rank == 0:
            time.sleep(0.3)
        turns.append(time.time())

with join_processes() as peers:
    rank = peers.rank
    found["gathered"] = peers.gather(rank * 10)
    found["first"] = peers.first(lambda: f"of {rank}")
    found["refused"] = said(lambda: peers.first(refuse))
    found["second fails"] = said(lambda: fail(peers, 1))
    found["first fails"] = said(lambda: fail(peers, 0))
    found["same"] = said(lambda: peers.require_same({"a": 1}, "Cure."))
    found["differs"] = said(lambda: peers.require_same({"a": rank, "b": 2}, "Cure."))
    # 17 floats are three chunks; a transposed matrix is not contiguous; one tensor is empty.
    tensors = {
        "a": torch.arange(17.0) + 100 * rank,
        "b": (torch.arange(6).view(2, 3) + 100 * rank).T,
        "c": torch.tensor(rank + 5, dtype=torch.int64),
        "d": torch.zeros(0),
        "e": torch.full((3,), 1.5 + rank, dtype=torch.bfloat16),
    }
    peers.send_tensors(tensors)
    found["sent"] = {name: each.tolist() for name, each in tensors.items()}
    root = folder / f"disk{rank}"
    found["no checkpoint"] = read_shared(peers, lambda: load_checkpoint(root))
    if rank == 0:
        groups = {"model": {"w": torch.randn(9, 7, generator=torch.Generator().manual_seed(1))}}
        save_checkpoint(root, 7, groups | {"empty": {}}, {"progress": {"step": 7}})
    read = read_shared(peers, lambda: load_checkpoint(root))
    found["read"] = [read.step, read.state, sorted(read.tensors)]
    found["weights"] = read.tensors["model"]["w"].tolist()
    found["wrong step"] = said(lambda: read_shared(peers, lambda: load_checkpoint(root, "step-9")))
    object.__setattr__(peers, "local_rank", rank)
    work(peers)
    both = peers.gather(turns)
    found["in turn"] = both[0][1] <= both[1][0]
    found["open"] = torch.distributed.is_initialized()
found["closed"] = not torch.distributed.is_initialized()
(folder / f"{rank}.json").write_text(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What each of two processes found."""
    folder = tmp_path_factory.mktemp("peers")
    (folder / "script.py").write_text(_SCRIPT)
    command = [folder / "script.py", folder]
    codes, told = end_machines(start_machines(command, command))
    assert codes == [0, 0], told
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def test_all_have_the_values_of_all_and_of_the_first(found):
    for each in found:
        assert each["gathered"] == [0, 10]
        assert each["first"] == "of 0"
        assert each["in turn"]
        assert each["open"]
        assert each["closed"]


def test_an_error_of_one_process_ends_all_with_its_machine(found):
    first, second = found
    assert second["second fails"] == ["ConfigError", "No such file.", "Find it."]
    assert first["first fails"] == ["ConfigError", "No such file.", "Find it."]
    for each, name, rank in ((first, "second fails", 1), (second, "first fails", 0)):
        kind, message, hint = each[name]
        assert kind == "TrainingError"
        assert message.startswith(f"Process {rank} on ")
        assert message.endswith(" failed: No such file.")
        assert hint == "Find it."
    assert first["refused"][:2] == ["ValueError", "broken"]
    assert "ValueError: broken" in second["refused"][1]


def test_a_difference_is_named_to_all(found):
    for each in found:
        assert each["same"] is None
        kind, message, hint = each["differs"]
        assert kind == "TrainingError"
        assert message.startswith("Process 1 on ")
        assert message.endswith(" has: a: 1 instead of 0.")
        assert hint == "Cure."


def test_tensors_and_checkpoints_of_the_first_reach_all(found):
    for each in found:
        assert each["sent"] == {
            "a": [float(n) for n in range(17)],
            "b": [[0, 3], [1, 4], [2, 5]],
            "c": 5,
            "d": [],
            "e": [1.5, 1.5, 1.5],
        }
        assert each["no checkpoint"] is None
        assert each["read"] == [7, {"progress": {"step": 7}}, ["empty", "model"]]
        assert "Expected the checkpoint 'step-9'" in each["wrong step"][1]
    assert found[0]["weights"] == found[1]["weights"]
    assert len(found[0]["weights"]) == 9


def test_one_process_is_its_own_first(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join_processes() as peers:
        assert peers == ALONE
        assert peers.first(lambda: 3) == 3
        assert peers.gather(4) == [4]
        peers.require_same({"a": 1}, "")
        with pytest.raises(ConfigError), peers.together():
            raise ConfigError("wrong")
        with pytest.raises(ConfigError), peers.machine_by_machine():
            raise ConfigError("wrong")
