"""XMP in encoded JPEG, PNG and TIFF."""

import struct
import zlib

_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_IN_PNG = b"XML:com.adobe.xmp\0\0\0\0\0"  # keyword, not compressed, no language, no translation
XMP_TAG, _SAMPLES, _EXTRA_SAMPLES = 700, 277, 338  # tags of TIFF
_BYTE, _SHORT = 1, 3  # types of TIFF
_STRAIGHT_ALPHA = 2
_ENTRY = struct.Struct("<HHII")


def with_xmp(data: bytes, suffix: str, xmp: bytes) -> bytes:
    """Inserts an XMP packet into an encoded image.

    Args:
        data: Encoded image.
        suffix: Suffix of its format. Images of other formats than JPEG, PNG and little-endian TIFF
            are returned unchanged.
        xmp: XMP packet; nothing is inserted if it is empty.
    """
    if suffix in (".tif", ".tiff"):
        return _tagged_tiff(data, xmp)
    if not xmp:
        return data
    if suffix in (".jpg", ".jpeg"):
        payload = _IN_JPEG + xmp
        block = b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload
        # After the JFIF header, which has to come first.
        place = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    elif suffix == ".png":
        body = b"iTXt" + _IN_PNG + xmp
        length, check = len(body) - 4, zlib.crc32(body)
        block = length.to_bytes(4, "big") + body + check.to_bytes(4, "big")
        place = 8 + 25  # after signature and header
    else:
        return data
    return data[:place] + block + data[place:]


def _tagged_tiff(data: bytes, xmp: bytes) -> bytes:
    """A TIFF whose directory, written anew at the end, names the XMP and straight alpha."""
    (start,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, start)
    entries = [_ENTRY.unpack_from(data, start + 2 + 12 * number) for number in range(count)]
    data += bytes(len(data) % 2)  # directories begin at even places
    if any(tag == _SAMPLES and value == 4 for tag, _, _, value in entries):
        entries.append((_EXTRA_SAMPLES, _SHORT, 1, _STRAIGHT_ALPHA))
    if xmp:
        entries.append((XMP_TAG, _BYTE, len(xmp), len(data)))
        data += xmp + bytes(len(xmp) % 2)
    directory = b"".join(_ENTRY.pack(*entry) for entry in sorted(entries))
    head = data[:4] + struct.pack("<I", len(data))
    return head + data[8:] + struct.pack("<H", len(entries)) + directory + bytes(4)
