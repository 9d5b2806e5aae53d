import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from faceswap.core.files import sha256_file
from faceswap.core.tensor_files import digest_tensors, save_tensors

DTYPES = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.bool),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
    *(torch.uint64, torch.uint32, torch.uint16, torch.float8_e4m3fn, torch.float8_e5m2),
)


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


def test_the_bytes_are_those_of_the_library(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    tensors = {
        f"{'zab'[number % 3]}.Zoë{number}": (9 * torch.rand(number, 3, generator=random)).to(dtype)
        for number, dtype in enumerate((*DTYPES, *DTYPES))
    }
    for about in (None, {"format": 'a "quoted" name'}):
        digest = save_tensors(tmp_path / "x", tensors, about)
        assert (tmp_path / "x").read_bytes() == safetensors.torch.save(tensors, about)
        assert digest == sha256_file(tmp_path / "x") == digest_tensors(tensors, about)


_SAVE = """
import sys, torch
from pathlib import Path
from faceswap.core.tensor_files import save_tensors
names = list({"weight", "bias", "running_mean", "scale"})  # in another order in each process
tensors = {name: torch.full((3,), float(len(name))) for name in names}
about = {name: name.upper() for name in {"format", "licence", "author", "program"}}
save_tensors(Path(sys.argv[1]), tensors, about)
print(*names, *about)
"""


def test_every_process_writes_the_same_bytes(tmp_path: Path) -> None:
    orders = {
        subprocess.run(
            [sys.executable, "-c", _SAVE, str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    }
    assert len(orders) == 2
    assert (tmp_path / "0").read_bytes() == (tmp_path / "1").read_bytes()
    with safe_open(tmp_path / "0", "pt") as file:
        assert file.metadata()["licence"] == "LICENCE"


def test_others_may_read_it_as_they_may_any_new_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    save_tensors(tmp_path / "x.safetensors", {"a": torch.zeros(1)})
    assert (tmp_path / "x.safetensors").stat().st_mode == plain.stat().st_mode


def test_a_file_above_the_limit_raises_an_error_with_its_number(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            save_tensors(tmp_path / "x.safetensors", {"a": torch.zeros(1000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.errno == errno.EFBIG
