"""Arrays in memory-mapped files whose space on the disk is reserved."""

import io
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import DTypeLike

from faceswap.core.files import reserve


def create_mapped_array(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> np.memmap:
    """Creates a ``.npy`` file of zeros and maps it for writing.

    Without reserved space, a full disk would end the process with SIGBUS while it writes.

    Args:
        path: New file.
        shape: Shape of the array.
        dtype: Type of its elements.

    Raises:
        OSError: ENOSPC if there is not enough space.
    """
    kind = np.dtype(dtype)
    header = io.BytesIO()
    fields = {"descr": npy.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(header, fields)
    start = len(header.getvalue())
    array = np.prod(shape, dtype=np.int64) * kind.itemsize
    reserve(path, start + int(array))
    with path.open("r+b") as file:
        file.write(header.getvalue())
    return np.memmap(path, kind, "r+", start, shape)
