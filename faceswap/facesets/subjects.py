"""The subject records of facesets, models and runs: finds, sets and words them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from faceswap.core.errors import FaceswapError
from faceswap.core.files import read_json, write_json
from faceswap.facesets.faceset import RECORD, read_record
from faceswap.models.model_file import ABOUT, FOLDER, find_model, read_about
from faceswap.provenance.subject import Subject, is_unstated

Records = dict[str, list[dict[str, Any]]]
"""Subject records by whom they are of: an identity of a model, or the source of a faceset."""


def is_faceset(path: Path) -> bool:
    """Whether a faceset lies there, finished or not."""
    return (path / RECORD).is_file()


def find_records(path: Path) -> Records:
    """The records of a faceset, of each faceset in a folder, of a model, or of a run.

    Raises:
        FaceswapError: There is none of these at ``path``.
    """
    if is_faceset(path):
        record = read_record(path)
        return {record["source"]["name"]: [record["subject"]]}
    if any((place / ABOUT).is_file() for place in (path, path / FOLDER)) or path.is_file():
        return read_about(find_model(path) / ABOUT)["subjects"]
    manifest = path / "manifest.json"
    if manifest.is_file():  # a run that has no model yet
        identities = read_json(manifest).get("identities", {})
        return {name: [faceset["subject"] for faceset in sets] for name, sets in identities.items()}
    inside = sorted(child.parent for child in path.glob(f"*/{RECORD}"))
    if not inside:
        raise FaceswapError(
            f"{path} is no faceset, no model and no run.",
            "Give the output of `faceswap extract` or of `faceswap train`.",
        )
    return {child.name: [read_record(child)["subject"]] for child in inside}


def set_subject(faceset: Path, subject: Subject) -> None:
    """Writes the record of a faceset; nothing else of it changes.

    Raises:
        FacesetError: There is no faceset.
    """
    write_json(faceset / RECORD, read_record(faceset) | {"subject": subject.to_json()})


def unstated_facesets(facesets: Mapping[str, Sequence[Path]]) -> list[Path]:
    """Facesets whose record says no basis.

    Raises:
        FacesetError: One is missing.
    """
    paths = [path for sets in facesets.values() for path in sets]
    return [path for path in paths if is_unstated(read_record(path)["subject"])]


def how_to_state(path: Path) -> str:
    """What to do about an unstated subject."""
    return (
        f"who it is and on what basis is unstated; say it with "
        f"`faceswap subject {path} --name NAME --basis BASIS`."
    )
