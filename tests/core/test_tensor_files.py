import errno
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from faceswap.core import tensor_files as tensorfiles
from faceswap.core.tensor_files import save_tensors


def test_layouts_and_ties(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    weight = torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last)
    save_tensors(path, {"a": weight, "b": weight, "c": weight[:, 1]}, {"licence": "MIT"})
    loaded = load_file(path)
    assert torch.equal(loaded["a"], weight)
    assert torch.equal(loaded["b"], weight)
    assert torch.equal(loaded["c"], weight[:, 1])
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"licence": "MIT"}


def test_others_may_read_it_as_they_may_any_new_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    save_tensors(tmp_path / "x.safetensors", {"a": torch.zeros(1)})
    assert (tmp_path / "x.safetensors").stat().st_mode == plain.stat().st_mode


def test_full_disk_raises_enospc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(tensorfiles, "save_file", full)
    with pytest.raises(OSError, match="No space") as caught:
        save_tensors(tmp_path / "x.safetensors", {"a": torch.zeros(1)})
    assert caught.value.errno == errno.ENOSPC
