"""Describes the provenance of a file: lines for people, and one exit code for scripts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from faceswap.core.errors import ConfigError
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.file_provenance import FileProvenance
from faceswap.provenance.metadata import SYNTHETIC_TYPES
from faceswap.provenance.subject import describe_records, matches_evidence
from faceswap.provenance.swapped_ranges import SwappedRanges

DECLARED, UNDECLARED, INVALID = 0, 1, 3
"""Exit codes: an intact manifest declares synthetic content; none does; a manifest is not valid.
Code 2 stands for bad input."""

_STATES = {
    "intact": "valid, and the content is unchanged",
    "changed": "THE CONTENT WAS CHANGED after signing",
    "broken": "THE MANIFEST IS DAMAGED or was altered",
}
_SIGNERS = {
    "local": "the local identity of this machine",
    "trusted": "certified by one of the trusted authorities",
    "unknown": "valid signature of an unknown signer: not certified by a trusted authority",
}


def verdict(found: FileProvenance) -> int:
    """Exit code of a file: ``DECLARED``, ``UNDECLARED`` or ``INVALID``."""
    if found.state in ("changed", "broken"):
        return INVALID
    return DECLARED if found.state == "intact" and found.synthetic else UNDECLARED


def headline(found: FileProvenance) -> str:
    """The verdict in a few words."""
    code = verdict(found)
    if code == DECLARED:
        return "declared synthetic by an intact manifest"
    if code == INVALID:
        return "the manifest is not valid"
    if found.state == "intact":
        return "an intact manifest that does not declare synthetic content"
    if found.metadata.get("digital_source_type") in SYNTHETIC_TYPES:
        return "declared synthetic by plain metadata only: the manifest may have been removed"
    return "no Content Credentials found"


def as_json(found: FileProvenance) -> dict[str, Any]:
    """Provenance of a file with verdict and exit code, as JSON values."""
    values = asdict(found)
    return {
        "verdict": headline(found),
        "exit_code": verdict(found),
        **values,
        "path": str(found.path),
    }


def describe(found: FileProvenance, evidence: Path | None = None) -> Iterator[tuple[str, str]]:
    """Describes the provenance of a file line by line.

    Args:
        found: Provenance of the file.
        evidence: File to compare with the evidence in the subject records.

    Yields:
        Topic and text of each line.
    """
    if found.state == "none":
        yield "manifest", "; ".join(["none", *found.problems])
    else:
        yield "manifest", f"{found.place or 'embedded'}; {_STATES[found.state]}"
        yield from _signature_lines(found)
        yield from _content_lines(found)
    if found.conversion:
        try:
            yield from list(_conversion_lines(found.conversion, evidence))
        except (AttributeError, KeyError, TypeError, ConfigError, ProvenanceError):
            # Other signers may use the label of our assertion for any content.
            yield "conversion", "not in the format of this program"
    for name, text in found.metadata.items():
        yield "metadata", f"{name.replace('_', ' ')}: {_short(text)}"
    if not found.metadata:
        yield "metadata", "no digital source type"
    yield "report", _report_line(found)


def _signature_lines(found: FileProvenance) -> Iterator[tuple[str, str]]:
    if found.problems:
        yield "problems", "; ".join(found.problems)
    if found.signer is not None:
        name = found.signature.get("common_name") or found.signature.get("issuer") or "?"
        yield "signed by", f"{name} ({_SIGNERS[found.signer]})"
    if found.signature.get("time"):
        yield "signed at", f"{found.signature['time']} (trusted timestamp)"
    if found.expired:
        yield "certificate", "expired; without a trusted timestamp the time of signing is unknown"


def _content_lines(found: FileProvenance) -> Iterator[tuple[str, str]]:
    for action in found.actions:
        kind = action.get("digitalSourceType", "")
        text = f"{action.get('action')}: {_short(kind)}" if kind else f"{action.get('action')}"
        yield "action", f"{text}, {action['when']}" if action.get("when") else text
    yield from _ingredient_lines(found.ingredients, level=1)


def _ingredient_lines(
    ingredients: Sequence[Mapping[str, Any]], level: int
) -> Iterator[tuple[str, str]]:
    for ingredient in ingredients:
        if ingredient["problems"]:
            state = f"its manifest is not valid: {', '.join(ingredient['problems'])}"
        elif ingredient["manifest"]:
            state = f"with a manifest: {', '.join(ingredient['actions'])}"
            state += ", declared synthetic" if ingredient["synthetic"] else ""
        else:
            state = ingredient["remark"] or "without a manifest"
        topic = "ingredient" if level == 1 else f"ingredient, level {level}"
        yield topic, f"{ingredient['title']} ({state})"
        yield from _ingredient_lines(ingredient["ingredients"], level + 1)


def _conversion_lines(
    conversion: Mapping[str, Any], evidence: Path | None
) -> Iterator[tuple[str, str]]:
    tool, model = conversion.get("tool", {}), conversion.get("model", {})
    yield "tool", f"{tool.get('name', '?')} {tool.get('version', '')}".strip()
    yield "model", _model_line(model)
    counts = conversion.get("counts", {})
    if "frames" in counts:
        of_frames = f" in {counts['frames_swapped']} of {counts['frames']} frames"
        yield "faces", f"{counts['faces_swapped']} swapped{of_frames}"
    elif counts:
        yield "faces", f"{counts['faces_swapped']} swapped"
    if ranges := SwappedRanges.of(conversion):
        yield "ranges", ranges.describe()
    for rule in conversion.get("mapping", []):
        yield "mapping", f"{rule['faces']} to {rule['to']}"
    shown = conversion.get("shows", [])
    for identity, records in conversion.get("subjects", {}).items():
        topic = "shows" if identity in shown else "other identity"
        yield topic, f"{identity}: {describe_records(records)}"
        if evidence is not None:
            yield "evidence", _evidence_line(records, evidence)
    for identity in shown:
        if identity not in conversion.get("subjects", {}):
            yield "shows", f"{identity}: {describe_records([])}"


def _model_line(model: Mapping[str, Any]) -> str:
    if "methods" in model:  # a side-by-side view of several models
        return f"several: {', '.join(model['methods'])}"
    digest = f", weights sha256 {model['weights_sha256']}" if "weights_sha256" in model else ""
    return f"{model.get('architecture', '?')}, step {model.get('step', '?')}{digest}"


def _evidence_line(records: Sequence[Mapping[str, Any]], file: Path) -> str:
    if any(matches_evidence(record, file) for record in records):
        return f"{file} is the evidence of this record"
    return f"{file} is not the evidence of this record"


def _report_line(found: FileProvenance) -> str:
    if found.report is None:
        return "none"
    matches: dict[bool | None, str] = {
        True: "its hash matches the file",
        False: "ITS HASH DOES NOT MATCH the file",
        None: "it has no hash of the file",
    }
    return f"by {found.report.get('tool', '?')}; {matches[found.report_matches]}"


def _short(text: str) -> str:
    """Last part of a term of the IPTC vocabulary; any other text unchanged."""
    return text.rpartition("/")[2] if text.startswith("http://cv.iptc.org/") else text
