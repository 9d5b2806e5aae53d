"""Returns freed memory, so that long jobs do not grow."""

import ctypes
from functools import lru_cache
from typing import Any


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
