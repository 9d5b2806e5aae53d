"""Media types by file content, and which of them can embed a manifest."""

from pathlib import Path

ANY = "application/octet-stream"
"""Media type of files that C2PA treats as opaque."""

EMBEDDABLE = frozenset(
    {"image/jpeg", "image/png", "image/webp", "image/tiff", "image/gif", "image/avif"}
    | {"image/heic", "video/mp4", "video/quicktime", "video/x-msvideo"}
)
"""Media types that embed a manifest; all others have it in a sidecar file."""

BEGINNING = 16
"""Number of bytes that identify a media type."""

_BEGINNINGS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"II*\0": "image/tiff",
    b"MM\0*": "image/tiff",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"\x1a\x45\xdf\xa3": "video/x-matroska",
}
_RIFF = {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_BRANDS = {b"avif": "image/avif", b"avis": "image/avif", b"qt  ": "video/quicktime"}
_BRANDS |= dict.fromkeys((b"heic", b"heix", b"mif1"), "image/heic")


def media_type(path: Path) -> str:
    """Media type of a file by its first bytes; ``ANY`` when unknown."""
    with path.open("rb") as file:
        return media_type_of(file.read(BEGINNING))


def media_type_of(head: bytes) -> str:
    """Media type of a file that begins with these ``BEGINNING`` bytes; ``ANY`` when unknown."""
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12], ANY)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    known = (kind for start, kind in _BEGINNINGS.items() if head.startswith(start))
    return next(known, ANY)
