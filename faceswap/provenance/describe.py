"""Puts the marks of a file into words, for people, and into one verdict, for scripts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from faceswap.core.errors import ConfigError
from faceswap.provenance.file_provenance import FileProvenance
from faceswap.provenance.metadata import SYNTHETIC_TYPES
from faceswap.provenance.subject import describe_records, matches_evidence

MARKED, UNMARKED, DAMAGED = 0, 1, 3
"""Exit codes: an intact signed mark says "synthetic"; none does; a mark does not hold. 2 is taken:
bad input."""

_STATES = {
    "intact": "the content is what was signed",
    "changed": "THE CONTENT WAS CHANGED after it was signed",
    "broken": "THE MANIFEST IS DAMAGED or was altered",
}
_SIGNERS = {
    "local": "the local identity of this machine",
    "trusted": "vouched for by the given authorities",
    "unknown": "not in a trust list: the signature holds, but nobody here vouches for the signer",
}


def verdict(marks: FileProvenance) -> int:
    """``MARKED``, ``UNMARKED`` or ``DAMAGED``."""
    if marks.state in ("changed", "broken"):
        return DAMAGED
    return MARKED if marks.state == "intact" and marks.synthetic else UNMARKED


def headline(marks: FileProvenance) -> str:
    """The verdict in a few words."""
    code = verdict(marks)
    if code == MARKED:
        return "marked as synthetic, intact"
    if code == DAMAGED:
        return "marked, but the mark does not hold"
    if marks.state == "intact":
        return "a manifest that holds, and does not say that this is synthetic"
    if _says_so(marks.metadata):
        return "no signed mark, only metadata that says synthetic: the manifest may have been lost"
    return "no mark found"


def _says_so(metadata: Mapping[str, str]) -> bool:
    return metadata.get("digital_source_type") in SYNTHETIC_TYPES


def as_json(marks: FileProvenance) -> dict[str, Any]:
    """Everything found, as JSON values."""
    values = asdict(marks)
    return {
        "verdict": headline(marks),
        "exit_code": verdict(marks),
        **values,
        "path": str(marks.path),
    }


def describe(marks: FileProvenance, evidence: Path | None = None) -> Iterator[tuple[str, str]]:
    """What the marks say, line by line.

    Args:
        marks: Of a file.
        evidence: A file to compare with the evidence of the subject records.

    Yields:
        What it is about, and what is said.
    """
    if marks.state == "none":
        yield "manifest", "; ".join(["none", *marks.problems])
    else:
        yield "manifest", f"{marks.place or 'embedded'}; {_STATES[marks.state]}"
        yield from _about_signature(marks)
        yield from _about_content(marks)
    if marks.conversion:
        try:
            yield from list(_about_conversion(marks.conversion, evidence))
        except (AttributeError, KeyError, TypeError, ConfigError):
            # Anybody may sign anything under our label.
            yield "conversion", "recorded in a form that this program does not write"
    for name, text in marks.metadata.items():
        yield "metadata", f"{name.replace('_', ' ')}: {_short(text)}"
    if not marks.metadata:
        yield "metadata", "says nothing of it"
    yield "report", _about_report(marks)


def _about_signature(marks: FileProvenance) -> Iterator[tuple[str, str]]:
    if marks.problems:
        yield "problems", "; ".join(marks.problems)
    if marks.signer is not None:
        name = marks.signature.get("common_name") or marks.signature.get("issuer") or "?"
        yield "signed by", f"{name} ({_SIGNERS[marks.signer]})"
    if marks.signature.get("time"):
        yield "signed at", f"{marks.signature['time']} (time stamp)"
    if marks.expired:
        yield "certificate", "has expired; without a time stamp nobody can tell when it was signed"


def _about_content(marks: FileProvenance) -> Iterator[tuple[str, str]]:
    for action in marks.actions:
        kind = action.get("digitalSourceType", "")
        said = f"{action.get('action')}: {_short(kind)}" if kind else f"{action.get('action')}"
        yield "action", f"{said}, {action['when']}" if action.get("when") else said
    yield from _about_sources(marks.sources, depth=0)


def _about_sources(sources: Sequence[Mapping[str, Any]], depth: int) -> Iterator[tuple[str, str]]:
    for source in sources:
        if source["problems"]:
            state = f"its manifest did not hold: {', '.join(source['problems'])}"
        elif source["manifest"]:
            state = f"with a manifest: {', '.join(source['actions'])}"
            state += ", synthetic itself" if source["synthetic"] else ""
        else:
            state = source["remark"] or "without a manifest of its own"
        yield ("made from" if depth == 0 else "and that from"), f"{source['title']} ({state})"
        yield from _about_sources(source["sources"], depth + 1)


def _about_conversion(
    conversion: Mapping[str, Any], evidence: Path | None
) -> Iterator[tuple[str, str]]:
    tool, model = conversion.get("tool", {}), conversion.get("model", {})
    yield "tool", f"{tool.get('name', '?')} {tool.get('version', '')}".strip()
    yield (
        "model",
        f"{model.get('architecture', '?')}, step {model.get('step', '?')}, "
        f"weights sha256 {model.get('weights_sha256', '?')}",
    )
    counts = conversion.get("counts", {})
    if "frames" in counts:
        of_frames = f" in {counts['frames_swapped']} of {counts['frames']} frames"
        yield "faces", f"{counts['faces_swapped']} swapped{of_frames}"
    elif counts:
        yield "faces", f"{counts['faces_swapped']} swapped"
    shown = conversion.get("shows", [])
    for identity, records in conversion.get("subjects", {}).items():
        role = "shows" if identity in shown else "model knows"
        yield role, f"{identity}: {describe_records(records)}"
        if evidence is not None:
            yield "evidence", _about_evidence(records, evidence)
    for identity in shown:
        if identity not in conversion.get("subjects", {}):
            yield "shows", f"{identity}: {describe_records([])}"


def _about_evidence(records: Sequence[Mapping[str, Any]], file: Path) -> str:
    answers = [matches_evidence(record, file) for record in records]
    if any(answers):
        return f"{file} is the evidence of this record"
    return f"{file} is not the evidence of this record"


def _about_report(marks: FileProvenance) -> str:
    if marks.report is None:
        return "none beside it"
    words: dict[bool | None, str] = {
        True: "its hash is that of the file",
        False: "IT IS OF ANOTHER CONTENT than the file",
        None: "it has no hash of the file",
    }
    return f"by {marks.report.get('tool', '?')}; {words[marks.report_matches]}"


def _short(text: str) -> str:
    """The last part of an address of the vocabulary; anything else as it is."""
    return text.rpartition("/")[2] if text.startswith("http://cv.iptc.org/") else text
