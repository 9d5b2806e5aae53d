import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from faceswap.core.memory import _glibc, keep_freed_memory, return_freed_memory

REPO = Path(__file__).resolve().parents[2]
_STATUS = Path("/proc/self/status")


def resident_mb() -> float:
    line = next(x for x in _STATUS.read_text().splitlines() if x.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


needs_glibc = pytest.mark.skipif(
    not _STATUS.is_file() or _glibc() is None, reason="needs Linux's glibc"
)


@needs_glibc
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
    monkeypatch.setattr("faceswap.core.memory._glibc", lambda: None)
    return_freed_memory()
    keep_freed_memory()


# In a process of its own: the setting cannot be undone.
_ALLOCATE = """
import resource, sys
import numpy as np
from faceswap.core.memory import keep_freed_memory

if sys.argv[1] == "keep":
    keep_freed_memory()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(64 << 20, np.uint8)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize())
"""


@needs_glibc
def test_kept_memory_is_used_again():
    cleared = {}
    pages = os.environ | {"NUMPY_MADVISE_HUGEPAGE": "0"}  # torch asks for no large pages either
    for choice in ("return", "keep"):
        command = [sys.executable, "-c", _ALLOCATE, choice]
        ended = subprocess.run(
            command, env=pages, capture_output=True, text=True, check=True, cwd=REPO
        )
        cleared[choice] = int(ended.stdout)
    assert cleared["return"] >= 64 << 20
    assert cleared["keep"] < 1 << 20
