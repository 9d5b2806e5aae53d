"""Exhausted memory recognised, and freed memory returned, so that long jobs do not grow."""

import ctypes
import re
from functools import lru_cache
from typing import Any

# How torch says that memory is short, on the CPU and on GPUs.
_EXHAUSTED = re.compile(r"DefaultCPUAllocator: |^(?:CUDA|MPS backend) out of memory")
_ASKED = re.compile(r"[Tt]ried to allocate ([\d.]+ ?[KMG]i?B|\d+ bytes)")
_FREE = re.compile(r"([\d.]+ [KMG]i?B) is free")


@lru_cache(maxsize=1)
def _malloc_trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None  # not glibc: macOS, Windows and musl return memory themselves


def return_freed_memory() -> None:
    """Returns freed memory to the system, where the C library keeps it.

    glibc keeps freed tensors in its heaps; when several threads allocate and free them, its heaps
    grow with every step, by about a gigabyte in a thousand steps. A call takes milliseconds.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


def is_exhausted(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory, on the CPU or on a GPU."""
    if isinstance(error, RuntimeError):
        return _EXHAUSTED.search(str(error)) is not None
    return isinstance(error, MemoryError)


def describe_exhausted(error: BaseException) -> str:
    """What was asked for and what was free, as a clause; "" if the error does not say."""
    asked, free = _ASKED.search(str(error)), _FREE.search(str(error))
    if asked is None:
        return ""
    size = asked[1]
    if size.endswith("bytes"):
        size = f"{int(size.split()[0]) / 2**20:,.1f} MiB"
    return f"{size} more were asked for" + (f", {free[1]} were free" if free else "")
