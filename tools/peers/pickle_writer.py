"""Writes plain data as the pickles that the other programs read, instruction by instruction."""

import struct
from itertools import chain, repeat
from typing import Any

import numpy as np

_PROTOCOL = 3  # read by Python 3.0 and later, as DeepFaceLab's
_BYTE = range(256)
_SMALL_INTEGER = ord("K")


def dump(value: Any) -> bytes:
    """Pickle of plain data.

    Args:
        value: Numbers, text, bytes, None, lists, tuples, dictionaries, and NumPy arrays of numbers.

    Raises:
        TypeError: It contains anything else.
    """
    out = bytearray(b"\x80")
    out.append(_PROTOCOL)
    _write(value, out)
    return bytes(out + b".")


def _write(value: Any, out: bytearray) -> None:
    if value is None:
        out += b"N"
    elif isinstance(value, bool):
        out += b"\x88" if value else b"\x89"
    elif isinstance(value, int):
        _write_integer(value, out)
    elif isinstance(value, float):
        out += b"G" + struct.pack(">d", value)
    elif isinstance(value, str):
        content = value.encode("utf-8", "surrogatepass")
        out += b"X" + struct.pack("<I", len(content)) + content
    elif isinstance(value, bytes):
        out += b"B" + struct.pack("<I", len(value)) + value
    elif isinstance(value, np.ndarray):
        _write_array(value, out)
    else:
        _write_container(value, out)


def _write_integer(value: int, out: bytearray) -> None:
    if value in _BYTE:
        out += bytes((_SMALL_INTEGER, value))
        return
    length = value.bit_length() // 8 + 1
    out += bytes((0x8A, length)) + value.to_bytes(length, "little", signed=True)


def _write_container(value: Any, out: bytearray) -> None:
    if isinstance(value, tuple):
        opening, items, closing = b"(", value, b"t"
    elif isinstance(value, list):
        opening, items, closing = b"](", value, b"e"
    elif isinstance(value, dict):
        opening, items, closing = b"}(", [part for pair in value.items() for part in pair], b"u"
    else:
        raise TypeError(f"Expected plain data, found {type(value).__name__}.")
    out += opening
    if all(type(item) is int and item in _BYTE for item in items):  # a thumbnail
        out += bytes(chain.from_iterable(zip(repeat(_SMALL_INTEGER), items, strict=False)))
    else:
        for item in items:
            _write(item, out)
    out += closing


def _write_array(array: np.ndarray[Any, Any], out: bytearray) -> None:
    order = "|" if array.dtype.itemsize == 1 else "<"
    content = array.astype(array.dtype.newbyteorder("<")).tobytes()
    # ndarray(...) of the shape (0,), then its state: version, shape, type, Fortran order, content.
    out += b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"
    _write((0,), out)
    _write(b"b", out)
    out += b"tR("
    _write(1, out)
    _write(array.shape, out)
    out += b"cnumpy\ndtype\n"
    _write((array.dtype.str[1:], False, True), out)
    out += b"R"
    _write((3, order, None, None, None, -1, -1, 0), out)
    out += b"b\x89"
    _write(content, out)
    out += b"tb"
