"""Exhausted memory recognised, and freed memory kept for reuse or returned to the system."""

import ctypes
import platform
import re
from functools import lru_cache
from typing import Any

# How torch says that memory is short, on the CPU and on GPUs.
_EXHAUSTED = re.compile(r"DefaultCPUAllocator: |^(?:CUDA|MPS backend) out of memory")
_ASKED = re.compile(r"[Tt]ried to allocate ([\d.]+ ?[KMG]i?B|\d+ bytes)")
_FREE = re.compile(r"([\d.]+ [KMG]i?B) is free")


# Parameters of mallopt, as in malloc.h of glibc.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4


@lru_cache(maxsize=1)
def _glibc() -> Any:
    """The C library; None where it is not glibc: others have neither function used here."""
    return ctypes.CDLL(None) if platform.libc_ver()[0] == "glibc" else None


def keep_freed_memory() -> None:
    """Lets this process reuse the memory of freed tensors, where the C library would return it.

    Each training step frees and allocates the same large tensors. glibc maps each of them anew, and
    the system clears its pages: 17 to 24 percent of a step of ``v1`` on two cores.
    """
    if (libc := _glibc()) is not None:
        libc.mallopt(_MMAP_MAX, 0)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def return_freed_memory() -> None:
    """Returns freed memory to the system, where the C library keeps it.

    glibc keeps freed tensors in its heaps; when several threads allocate and free them, its heaps
    grow with every step, by about a gigabyte in a thousand steps. A call takes milliseconds.
    """
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


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
