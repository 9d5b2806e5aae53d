"""Writes plain data as the pickles that the other programs read, instruction by instruction."""

import struct
from typing import Any

import numpy as np

_PROTOCOL = 3  # read by Python 3.0 and later, as DeepFaceLab's


def dump(value: Any) -> bytes:
    """Pickle of plain data.

    Args:
        value: Numbers, text, bytes, None, lists, tuples, dictionaries, and NumPy arrays of numbers.

    Raises:
        TypeError: It contains anything else.
    """
    parts = [b"\x80", bytes([_PROTOCOL])]
    _write(value, parts)
    parts.append(b".")
    return b"".join(parts)


def _write(value: Any, parts: list[bytes]) -> None:
    if value is None:
        parts.append(b"N")
    elif isinstance(value, bool):
        parts.append(b"\x88" if value else b"\x89")
    elif isinstance(value, int):
        length = value.bit_length() // 8 + 1
        parts += [b"\x8a", bytes([length]), value.to_bytes(length, "little", signed=True)]
    elif isinstance(value, float):
        parts.append(b"G" + struct.pack(">d", value))
    elif isinstance(value, str):
        content = value.encode("utf-8", "surrogatepass")
        parts += [b"X", struct.pack("<I", len(content)), content]
    elif isinstance(value, bytes):
        parts += [b"B", struct.pack("<I", len(value)), value]
    elif isinstance(value, np.ndarray):
        _write_array(value, parts)
    else:
        _write_container(value, parts)


def _write_container(value: Any, parts: list[bytes]) -> None:
    if isinstance(value, tuple):
        opening, items, closing = b"(", value, b"t"
    elif isinstance(value, list):
        opening, items, closing = b"](", value, b"e"
    elif isinstance(value, dict):
        opening, items, closing = b"}(", [part for pair in value.items() for part in pair], b"u"
    else:
        raise TypeError(f"Expected plain data, found {type(value).__name__}.")
    parts.append(opening)
    for item in items:
        _write(item, parts)
    parts.append(closing)


def _write_array(array: np.ndarray[Any, Any], parts: list[bytes]) -> None:
    order = "|" if array.dtype.itemsize == 1 else "<"
    content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    # ndarray(...) of the shape (0,), then its state: version, shape, type, Fortran order, content.
    parts.append(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n")
    _write((0,), parts)
    _write(b"b", parts)
    parts.append(b"tR(")
    _write(1, parts)
    _write(array.shape, parts)
    parts.append(b"cnumpy\ndtype\n")
    _write((array.dtype.str[1:], False, True), parts)
    parts.append(b"R")
    _write((3, order, None, None, None, -1, -1, 0), parts)
    parts.append(b"b")
    parts.append(b"\x89")
    _write(content, parts)
    parts.append(b"tb")
