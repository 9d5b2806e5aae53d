"""Subject records of facesets, models and runs: finds and sets them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from faceswap.core.errors import FaceswapError
from faceswap.core.folders import folders_with
from faceswap.core.locks import hold_folder
from faceswap.core.model_folder import FOLDER, METADATA
from faceswap.core.run_manifest import MANIFEST
from faceswap.core.text import shell_word
from faceswap.facesets.files import RECORD
from faceswap.facesets.pack_folder import PackPlace, is_pack
from faceswap.facesets.record import FORMAT, read_record
from faceswap.models.model_file import read_model_metadata
from faceswap.provenance.subject import Subject, is_unstated

Records = dict[str, list[dict[str, Any]]]
"""Subject records by identity of a model, or by source name of a faceset."""


class NoRecordsError(FaceswapError):
    """A path that is no faceset, no model and no run."""


def is_faceset(path: Path) -> bool:
    """Whether ``path`` is a faceset, finished or unfinished."""
    return (path / RECORD).is_file()


def find_records(path: Path) -> Records:
    """Finds the records of a faceset, of each faceset in a folder, of a model, or of a run.

    Raises:
        NoRecordsError: ``path`` is none of these.
        FaceswapError: It is damaged.
    """
    if is_faceset(path):
        record = read_record(path)
        return {record["source"]["name"]: [record["subject"]]}
    if any((place / METADATA).is_file() for place in (path, path / FOLDER)) or path.is_file():
        return read_model_metadata(path)[1]["subjects"]
    manifest = path / "manifest.json"
    if manifest.is_file():  # a run that has no model yet
        data = MANIFEST.read(manifest)["data"]
        return {
            name: [each["subject"] for each in sets if "subject" in each]
            for name, sets in data.items()
        }
    inside = folders_with(RECORD, path)
    if not inside:
        raise NoRecordsError(
            f"Expected a faceset, a model or a run, found none in {path}.",
            "Give the output of `faceswap extract` or `faceswap train`.",
        )
    return {child.name: [read_record(child)["subject"]] for child in inside}


def set_subject(faceset: Path, subject: Subject) -> None:
    """Replaces the subject record of a faceset; nothing else changes.

    Raises:
        FacesetError: There is no faceset, or it is damaged.
        OutputBusyError: An extraction writes it.
    """
    read_record(faceset)  # first: holding the folder would create it
    with hold_folder(faceset, "the subject record"):
        FORMAT.write(faceset / RECORD, read_record(faceset) | {"subject": subject.to_json()})


def unstated_facesets(facesets: Mapping[str, Sequence[PackPlace]]) -> list[Path]:
    """Facesets whose subject record has no basis; packs are left out.

    Args:
        facesets: Directories of facesets and places of packs, by identity.

    Raises:
        FacesetError: A faceset is missing or damaged.
    """
    places = [place for sets in facesets.values() for place in sets if not is_pack(place)]
    paths = [place for place in places if isinstance(place, Path)]
    return [path for path in paths if is_unstated(read_record(path)["subject"])]


def subject_hint(path: Path) -> str:
    """Hint for a faceset whose subject is unstated."""
    return (
        f"person and basis are unstated; set them with "
        f"`faceswap subject {shell_word(path)} --name NAME --basis BASIS`."
    )
