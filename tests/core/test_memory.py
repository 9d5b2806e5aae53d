from pathlib import Path

import numpy as np
import pytest

from faceswap.core.memory import _malloc_trim, return_freed_memory

_STATUS = Path("/proc/self/status")


def resident_mb() -> float:
    line = next(x for x in _STATUS.read_text().splitlines() if x.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


@pytest.mark.skipif(not _STATUS.is_file() or _malloc_trim() is None, reason="needs Linux's glibc")
def test_freed_blocks_go_back_to_the_system():
    return_freed_memory()
    before = resident_mb()
    # Blocks too small to be mapped by themselves, and one on top that keeps the heap as it is.
    blocks = [np.ones(60_000, np.uint8) for _ in range(3000)]
    assert resident_mb() > before + 120
    top = np.ones(60_000, np.uint8)
    del blocks
    return_freed_memory()
    assert resident_mb() < before + 40
    assert top.all()


def test_elsewhere_it_does_nothing(monkeypatch):
    monkeypatch.setattr("faceswap.core.memory._malloc_trim", lambda: None)
    return_freed_memory()
