"""Whatever is in a file, its reader raises errors in words, soon, and within its memory."""

import time
from pathlib import Path
from random import Random

import pytest
import torch

from faceswap.core.errors import FaceswapError
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.references import References
from faceswap.models.registry import models
from tests.fuzz.readers import READERS

_INPUTS, _SECONDS, _MEGABYTES = 2000, 60.0, 1500
_FEW = 12
# What is not a conversion report, or not a model of this toolkit, is a file of another program. A
# damaged part of an unfinished conversion is made again, as is a replacement with a damaged note.
_PASSED_OVER = (
    *("report", "converted", "pretrained", "patches"),
    *("segment", "unfinished-conversion", "replacement"),
)
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@pytest.fixture(autouse=True)
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def fuzzed(identities, width: int = 2):
        decoders = {name: torch.nn.Conv2d(width, 3, 1) for name in identities}
        encoder, inter = torch.nn.Conv2d(3, width, 1), torch.nn.Identity()
        return FaceAutoencoder(encoder, inter, decoders, 8, 8)

    def with_references(identities):
        model = fuzzed(identities)
        model.references = torch.nn.ModuleList(References() for _ in identities)
        return model

    monkeypatch.setitem(models._entries, "fuzzed", fuzzed)
    monkeypatch.setitem(models._entries, "with_references", with_references)


def _peak_megabytes() -> int:
    """Peak of the memory of this process since it was last reset; 0 where unknown."""
    if not _RESET.exists():
        return 0
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("VmHWM"))


def _fuzz(name: str, folder: Path, inputs: int, seed: int) -> int:
    """Reads changed files; returns how many were refused."""
    reader = READERS[name](folder)
    reader.read()
    valid = reader.file.read_bytes()
    refused = 0
    for number in range(inputs):
        random = Random(f"{name} {seed} {number}")
        content = reader.mutation(random, valid)
        reader.file.write_bytes(content)
        try:
            reader.read()
        except FaceswapError as error:
            refused += bool(error.message)
        except Exception as error:
            error.add_note(f"input {number} of {name}, seed {seed}: {content[:400]!r}")
            raise
    return refused


@pytest.mark.parametrize("name", READERS)
def test_some_damaged_files_are_refused_in_words(name, tmp_path):
    _fuzz(name, tmp_path, _FEW, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_refused_in_words(name, tmp_path):
    if _RESET.exists():
        _RESET.write_text("5")
    before, start = _peak_megabytes(), time.process_time()
    refused = _fuzz(name, tmp_path, _INPUTS, seed=1)
    assert (refused > _INPUTS // 20) == (name not in _PASSED_OVER)
    assert time.process_time() - start < _SECONDS
    assert _peak_megabytes() - before < _MEGABYTES
