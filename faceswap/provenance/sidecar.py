"""Manifests in a file of their own, beside media that cannot hold one."""

from pathlib import Path

SUFFIX = ".c2pa"


def sidecar_path(path: Path) -> Path:
    """Where the manifest of a file is written: ``clip.mkv.c2pa``.

    The ending of the file stays in it, since a folder may hold ``1.bmp`` and ``1.jpg``.
    """
    return path.with_name(path.name + SUFFIX)


def find_sidecar(path: Path) -> Path | None:
    """The manifest beside a file; other programs call it ``clip.c2pa``, which is found too."""
    candidates = (sidecar_path(path), path.with_suffix(SUFFIX))
    return next((p for p in candidates if p != path and p.is_file()), None)
