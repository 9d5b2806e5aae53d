"""Keeps long jobs from growing."""

import ctypes
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def _malloc_trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None  # not glibc: macOS, Windows and musl return memory by themselves


def return_freed_memory() -> None:
    """Gives memory that was freed back to the system, where the C library keeps it.

    glibc keeps what large tensors leave in its heaps, and when they come and go in several threads
    it keeps a little more with every step, a gigabyte after a thousand. A call takes milliseconds.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)
