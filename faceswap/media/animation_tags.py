"""XMP and the last duration in animated pictures, which FFmpeg does not write."""

import io
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

from PIL import Image as PillowImage

_XMP_IN_GIF = b"\x21\xff\x0bXMP DataXMP"
# Readers of GIF that skip blocks by their lengths find the end from any byte of the packet.
_GIF_END = bytes([1, *range(255, -1, -1), 0])
_GIF_HEADER = 13  # bytes
_EXTENDED = b"VP8X"
_XMP_FLAG, _ALPHA_FLAG = 0x04, 0x10  # of VP8X


class _Output(Protocol):
    def write(self, data: bytes, /) -> int: ...


class HeaderTag:
    """An output that inserts an XMP packet behind the header of a GIF.

    Args:
        file: Output behind it.
        xmp: XMP packet; nothing is inserted if it is empty.
    """

    def __init__(self, file: _Output, xmp: bytes) -> None:
        self._file = file
        self._tag = _XMP_IN_GIF + xmp + _GIF_END if xmp else b""
        self._head = b""

    def write(self, data: bytes, /) -> int:
        """Writes the next bytes."""
        if not self._tag:
            self._file.write(data)
            return len(data)
        self._head += bytes(data)
        end = _end_of_header(self._head)
        if end is not None:
            self._file.write(self._head[:end] + self._tag + self._head[end:])
            self._tag = b""
        return len(data)


def _end_of_header(head: bytes) -> int | None:
    """Place behind the header and the global palette; None if it is not reached yet."""
    if len(head) < _GIF_HEADER:
        return None
    flags = head[10]
    palette = 3 << (flags & 7) + 1 if flags & 0x80 else 0
    end = _GIF_HEADER + palette
    return end if len(head) >= end else None


def finished_webp(data: bytes, duration: Fraction, xmp: bytes) -> bytes:
    """An animated WebP with the duration of its last picture, and an XMP packet.

    The encoder gives the last picture the average duration.

    Args:
        data: Animated WebP.
        duration: Duration of the last picture in milliseconds.
        xmp: XMP packet; nothing is added if it is empty.
    """
    out = bytearray(data)
    last = max((at for name, at in _chunks(data) if name == b"ANMF"), default=None)
    if last is not None:  # a single picture has none
        out[last + 12 : last + 15] = min(round(duration), 0xFFFFFF).to_bytes(3, "little")
    if xmp:
        if data[12:16] != _EXTENDED:  # FFmpeg writes a single picture so
            out[12:12] = _extended_header(data)
        out[20] |= _XMP_FLAG
        out += b"XMP " + struct.pack("<I", len(xmp)) + xmp + bytes(len(xmp) % 2)
    out[4:8] = struct.pack("<I", len(out) - 8)
    return bytes(out)


def _extended_header(data: bytes) -> bytes:
    """The chunk that tells of others, for a WebP without one."""
    with PillowImage.open(io.BytesIO(data)) as image:
        flags = _ALPHA_FLAG if image.mode == "RGBA" else 0
        sides = b"".join((side - 1).to_bytes(3, "little") for side in image.size)
    return _EXTENDED + struct.pack("<II", 10, flags) + sides


def _chunks(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Name of each chunk of a RIFF file, and where its content begins."""
    at = 12
    while at + 8 <= len(data):
        yield data[at : at + 4], at + 8
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
