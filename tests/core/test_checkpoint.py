import errno
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from faceswap.core import checkpoint as checkpoint_module
from faceswap.core.checkpoint import (
    checkpoint_steps,
    load_checkpoint,
    pointed_step,
    save_checkpoint,
    settle_checkpoints,
)
from faceswap.core.errors import CheckpointError, StorageFullError
from faceswap.core.files import sha256_file, write_json
from faceswap.core.leftovers import clear_leftovers
from faceswap.core.optimizer_state import flatten_optimizer, restore_optimizer


def save(root: Path, step: int, keep: int = 3, best: int | None = None) -> Path:
    tensors = {"model": {"w": torch.full((4, 4), float(step))}}
    path = save_checkpoint(root, step, tensors, {"loss": step / 10})
    settle_checkpoints(root, step, best or pointed_step(root, "best"), keep)
    return path


def load_step(root: Path, which: str = "latest") -> int:
    found = load_checkpoint(root, which)
    assert found is not None
    assert found.tensors["model"]["w"].eq(found.step).all()
    return found.step


def truncate(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def test_round_trip_of_every_dtype_and_of_tied_tensors(tmp_path: Path) -> None:
    torch.manual_seed(0)
    shared = torch.randn(3, 3)
    tensors = {
        "model": {
            "float": torch.randn(2, 3),
            "bf16": torch.randn(5).bfloat16(),
            "int": torch.arange(4),
            "bool": torch.tensor([True, False]),
            "scalar": torch.tensor(2.5),
            "empty": torch.zeros(0),
            "a.tied": shared,
            "b.tied": shared,
            "view": shared[1:],
            "channels_last": torch.randn(1, 3, 4, 4).to(memory_format=torch.channels_last),
            "parameter": nn.Parameter(torch.randn(2)),
        },
        "ema": {},
    }
    state = {"seed": 3, "history": [1.5, None], "name": "Zoë"}
    path = save_checkpoint(tmp_path, 12, tensors, state)
    assert path.name == "step-00000012"
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert (found.step, found.state, found.path) == (12, state, path)
    for group, entries in tensors.items():
        assert set(found.tensors[group]) == set(entries)
        for name, value in entries.items():
            assert found.tensors[group][name].dtype == value.dtype
            assert torch.equal(found.tensors[group][name], value)


def test_none_without_checkpoints(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "no") is None
    assert load_checkpoint(tmp_path) is None


def test_prune_keeps_newest_and_best(tmp_path: Path) -> None:
    save(tmp_path, 10, best=10)
    for step in (20, 30, 40):
        save(tmp_path, step, keep=2)
    assert checkpoint_steps(tmp_path) == [10, 30, 40]
    assert (tmp_path / "latest").read_text() == "step-00000040"
    assert load_step(tmp_path, "best") == 10
    save(tmp_path, 50, keep=1, best=40)
    assert checkpoint_steps(tmp_path) == [40, 50]


@pytest.mark.parametrize("file", ["model.safetensors", "state.json", "checksums.json"])
def test_truncated_checkpoint_gives_the_previous_one_and_says_so(
    tmp_path: Path, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    save(tmp_path, 1)
    newest = save(tmp_path, 2)
    truncate(newest / file)
    with caplog.at_level(logging.WARNING, "faceswap"):
        assert load_step(tmp_path) == 1
    assert str(newest) in caplog.text


@pytest.mark.parametrize("file", ["model.safetensors", "checksums.json", "state.json"])
def test_missing_file_is_damage_too(tmp_path: Path, file: str) -> None:
    save(tmp_path, 1)
    (save(tmp_path, 2) / file).unlink()
    assert load_step(tmp_path) == 1


def test_one_flipped_bit_is_seen(tmp_path: Path) -> None:
    save(tmp_path, 1)
    file = save(tmp_path, 2) / "model.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    assert load_step(tmp_path) == 1


def test_all_damaged_is_an_error_that_names_each(tmp_path: Path) -> None:
    for step in (1, 2):
        truncate(save(tmp_path, step) / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"step-00000002.*step-00000001"):
        load_checkpoint(tmp_path)


def test_damaged_best_falls_back_to_an_earlier_one(tmp_path: Path) -> None:
    save(tmp_path, 1)
    path = save(tmp_path, 2, best=2)
    save(tmp_path, 3)
    truncate(path / "model.safetensors")
    assert load_step(tmp_path, "best") == 1


def test_by_name(tmp_path: Path) -> None:
    save(tmp_path, 1)
    save(tmp_path, 2)
    assert load_step(tmp_path, "step-00000001") == 1
    with pytest.raises(CheckpointError, match="Expected the checkpoint 'best'"):
        load_checkpoint(tmp_path, "best")


def test_later_checkpoints_that_were_not_used_are_kept_under_another_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for step in (10, 20, 30):
        save(tmp_path, step)
    content = (tmp_path / "step-00000030" / "model.safetensors").read_bytes()
    for _ in range(2):
        truncate(tmp_path / "step-00000030" / "model.safetensors")
        save(tmp_path, load_step(tmp_path) + 1)
        assert checkpoint_steps(tmp_path)[-1] in (21, 22)
        assert "kept as damaged-step-00000030" in caplog.text
        save(tmp_path, 30)
    aside = [path.name for path in sorted(tmp_path.glob("damaged-*"))]
    assert aside == ["damaged-step-00000030", "damaged-step-00000030-2"]
    damaged = tmp_path / "damaged-step-00000030"
    (damaged / "model.safetensors").write_bytes(content)  # from a backup
    damaged.rename(tmp_path / "step-00000040")
    assert load_step(tmp_path, "step-00000040") == 30


def test_a_checkpoint_of_a_newer_program_is_neither_skipped_nor_touched(tmp_path: Path) -> None:
    for step in (1, 2):
        save(tmp_path, step)
    newest = tmp_path / "step-00000002"
    write_json(newest / "state.json", {"version": 2, "step": {"of": "another kind"}})
    sums = json.loads((newest / "checksums.json").read_text())
    sums["state.json"] = sha256_file(newest / "state.json")
    write_json(newest / "checksums.json", sums)
    with pytest.raises(CheckpointError, match="format 1 or older, found 2") as caught:
        load_checkpoint(tmp_path)
    assert caught.value.hint == "Upgrade this program."
    assert load_step(tmp_path, "step-00000001") == 1
    assert checkpoint_steps(tmp_path) == [1, 2]


def test_saving_a_step_again_replaces_it(tmp_path: Path) -> None:
    save(tmp_path, 1)
    truncate(tmp_path / "step-00000001" / "model.safetensors")
    save(tmp_path, 1)
    assert load_step(tmp_path) == 1


def test_full_disk_leaves_the_old_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, 1)

    def full(path: Path, entries: object) -> None:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint_module, "save_tensors", full)
    with pytest.raises(StorageFullError):
        save(tmp_path, 2)
    assert load_step(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "step-00000001"]


_KILLED = """
import os, sys, torch
from pathlib import Path
from faceswap.core import checkpoint
real = checkpoint.write_json
def killed(path, value):
    if path.name == "checksums.json":
        os._exit(9)
    real(path, value)
root = Path(sys.argv[1])
checkpoint.save_checkpoint(root, 1, {"model": {"w": torch.ones(4, 4)}}, {})
checkpoint.settle_checkpoints(root, 1, None, 3)
checkpoint.write_json = killed
checkpoint.save_checkpoint(root, 2, {"model": {"w": torch.ones(4, 4) * 2}}, {})
"""


def test_process_killed_during_save_leaves_no_partial_checkpoint(tmp_path: Path) -> None:
    result = subprocess.run([sys.executable, "-c", _KILLED, str(tmp_path)], check=False)
    assert result.returncode == 9
    assert checkpoint_steps(tmp_path) == [1]
    assert load_step(tmp_path) == 1
    clear_leftovers(tmp_path)  # as whoever holds the run does
    save(tmp_path, 3)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["latest", "step-00000001", "step-00000003"]


def make(kind: str, dtype: torch.dtype = torch.float32) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 36, 2)).to(dtype)
    net = net.to(memory_format=torch.channels_last)
    groups = [{"params": net[0].parameters(), "lr": 2e-3}, {"params": net[2].parameters()}]
    optimizers = {
        "adam": lambda: torch.optim.Adam(groups, lr=1e-3, betas=(0.5, 0.9)),
        "fused": lambda: torch.optim.AdamW(groups, lr=1e-3, fused=True),
        "sgd": lambda: torch.optim.SGD(groups, lr=1e-2, momentum=0.9),
        "tensor_lr": lambda: torch.optim.Adam(groups, lr=torch.tensor(1e-3), foreach=False),
    }
    return net, optimizers[kind]()


def steps(net: nn.Module, optimizer: torch.optim.Optimizer, first: int, count: int) -> None:
    dtype = next(net.parameters()).dtype
    for step in range(first, first + count):
        torch.manual_seed(step)
        optimizer.zero_grad()
        net(torch.randn(4, 3, 8, 8, dtype=dtype)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", ["adam", "fused", "sgd", "tensor_lr"])
def test_optimizer_continues_exactly(tmp_path: Path, kind: str) -> None:
    net, optimizer = make(kind)
    steps(net, optimizer, 0, 3)
    tensors, values = flatten_optimizer(optimizer)
    groups = {"model": net.state_dict(), "optimizer": tensors}
    save_checkpoint(tmp_path, 3, groups, {"optimizer": values})
    steps(net, optimizer, 3, 3)

    again, fresh = make(kind)
    found = load_checkpoint(tmp_path)
    assert found is not None
    again.load_state_dict(found.tensors["model"])
    restore_optimizer(fresh, found.tensors["optimizer"], found.state["optimizer"])
    assert isinstance(fresh.param_groups[0].get("betas", ()), tuple)
    steps(again, fresh, 3, 3)
    for name, value in net.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_moments_keep_their_own_dtype_and_the_layout_of_the_parameter() -> None:
    net, optimizer = make("adam", torch.bfloat16)
    steps(net, optimizer, 0, 1)
    weight = net.get_parameter("0.weight")
    optimizer.state[weight]["exp_avg"] = torch.randn(weight.shape)
    tensors, values = flatten_optimizer(optimizer)
    again, fresh = make("adam", torch.bfloat16)
    restore_optimizer(fresh, tensors, values)
    moment = fresh.state[again.get_parameter("0.weight")]["exp_avg"]
    assert moment.dtype == torch.float32
    assert torch.equal(moment, optimizer.state[weight]["exp_avg"])
    assert moment.is_contiguous(memory_format=torch.channels_last)


def test_state_of_another_optimizer_is_refused() -> None:
    _, optimizer = make("adam")
    other = torch.optim.Adam([nn.Parameter(torch.zeros(2))])
    with pytest.raises(CheckpointError, match="does not fit"):
        restore_optimizer(other, *flatten_optimizer(optimizer))
