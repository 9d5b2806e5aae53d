"""Sidecar manifests, for media that cannot embed one."""

from pathlib import Path

SUFFIX = ".c2pa"
_WITHOUT_MANIFEST = frozenset(
    {".mkv", ".webm", ".ts", ".m2t", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob", ".flv", ".bmp"}
)


def sidecar_path(path: Path) -> Path:
    """Path of the sidecar manifest of a file: ``clip.mkv.c2pa``.

    The suffix of the file is kept, since a folder may hold ``1.bmp`` and ``1.jpg``.
    """
    return path.with_name(path.name + SUFFIX)


def written_sidecar(path: Path) -> Path | None:
    """Sidecar that is written with a file of this name; None if its format embeds the manifest."""
    return sidecar_path(path) if path.suffix.lower() in _WITHOUT_MANIFEST else None


def find_sidecar(path: Path) -> Path | None:
    """Sidecar manifest of a file, also under the name of other programs, ``clip.c2pa``; or None."""
    candidates = (sidecar_path(path), path.with_suffix(SUFFIX))
    return next((p for p in candidates if p != path and p.is_file()), None)
