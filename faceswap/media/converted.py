"""Recognises converted files by the reports beside them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from faceswap.core.documents import DocumentModel, Items, read_json
from faceswap.core.errors import DocumentError
from faceswap.core.text import readable_name


class ReportSource(DocumentModel):
    """Source of a conversion.

    Attributes:
        name: Name of the video, photo, or folder of photos.
    """

    name: str


class ReportFile(DocumentModel):
    """File that a conversion wrote.

    Attributes:
        name: Name of the file.
    """

    name: str


class ReportDocument(DocumentModel):
    """What tells the report of a conversion from other JSON.

    Attributes:
        synthetic: Declaration that the files are synthetic.
        source: Source of the conversion.
        files: Files that it wrote.
    """

    synthetic: dict[str, Any]
    source: ReportSource
    files: Items[ReportFile]


def report_path(path: Path) -> Path:
    """Path of the report of a converted file, or of a folder of converted photos, beside it."""
    return path.with_name(f"{path.name}.json")


def read_conversion_report(path: Path) -> ReportDocument | None:
    """Reads the report of a conversion; None if there is none, or it is of another program."""
    try:
        return ReportDocument(**read_json(path, ReportDocument, finite=False))
    except (OSError, DocumentError):
        return None


def find_converted(files: Iterable[Path]) -> set[Path]:
    """Finds the files that conversions wrote.

    Args:
        files: Videos and photos. Of each, and of each folder of some, the report is looked for.
    """
    found: set[Path] = set()
    in_folder: dict[Path, set[str]] = {}
    for file in files:
        if file.parent not in in_folder:
            in_folder[file.parent] = _names_in_report_of(file.parent.resolve())
        name = readable_name(file.name)
        if name in in_folder[file.parent] or name in _names_in_report_of(file):
            found.add(file)
    return found


def _names_in_report_of(path: Path) -> set[str]:
    if not path.name:  # a root has no place for a report beside it
        return set()
    path = report_path(path)
    report = read_conversion_report(path) if path.is_file() else None
    return set() if report is None else {file.name for file in report.files}
