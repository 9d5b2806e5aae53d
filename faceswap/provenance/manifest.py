"""Contents of the C2PA manifest of a synthetic file.

The vocabulary is that of the C2PA specification 2.x: https://spec.c2pa.org
"""

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from faceswap import __version__
from faceswap.core.hashed_file import HashedFile
from faceswap.core.text import readable_name
from faceswap.provenance.metadata import COMPOSITE, DESCRIPTION, NAME
from faceswap.provenance.swapped_ranges import SwappedRanges

CONVERSION = "org.faceswap-toolkit.conversion"
"""Label of our own assertion: model, identities shown, subject records, hashes of the sources."""

_TOOL = {"name": NAME, "version": __version__}


@dataclass(frozen=True)
class Conversion:
    """Content of our assertion, as JSON values.

    Attributes:
        model: Description of the model, with ``weights_sha256`` where the weights are on disk.
        shows: Identities whose faces are shown.
        subjects: Subject records of the facesets of each identity of the model.
        settings: Settings that the pixels depend on; only their hash is part of the assertion.
        mapping: Faces and their identity, where not all faces have the same one.
    """

    model: Mapping[str, Any]
    shows: Sequence[str]
    subjects: Mapping[str, Sequence[Mapping[str, Any]]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    mapping: Sequence[Mapping[str, str]] = ()

    def fingerprint(self, sources: Sequence[HashedFile]) -> str:
        """SHA-256 of all that the result is made from, the same for a repeated command."""
        hashes = [source.sha256 for source in sources]
        made_from = json.dumps(asdict(self) | {"sources": hashes}, sort_keys=True)
        return hashlib.sha256(made_from.encode()).hexdigest()


def manifest_definition(
    title: str,
    media_type: str,
    conversion: Conversion,
    sources: Sequence[HashedFile],
    counts: Mapping[str, int],
    shown: Sequence[str] | None = None,
    ranges: SwappedRanges | None = None,
    *,
    attached: bool = True,
) -> dict[str, Any]:
    """Builds the manifest definition for the Builder of c2pa-python.

    Args:
        title: Name of the file.
        media_type: Media type of the file.
        conversion: Content of our assertion.
        sources: Source files, hashed before they were read: one that was edited, several that are
            shown together, or none. Each must be added as the ingredient ``source-<number>``.
        counts: Numbers of frames and of swapped faces.
        shown: Identities that were found to be shown; None for all that may be.
        ranges: Ranges in which faces were swapped; None for everything.
        attached: Whether the sources are added as ingredients.

    Returns:
        JSON values.
    """
    names = [ingredient_id(number) for number in range(len(sources) if attached else 0)]
    return {
        "claim_generator_info": [_TOOL],
        "title": title,
        "format": media_type,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": _actions(names)}},
            {
                "label": CONVERSION,
                "data": {
                    **_assertion(conversion, sources, shown),
                    **(ranges.stated() if ranges is not None else {}),
                    "counts": dict(counts),
                },
            },
        ],
    }


def stored_names(path: Path) -> set[str]:
    """Names that manifests and reports have for a file, those of earlier versions included."""
    earlier = path.name.encode(errors="replace").decode()  # bytes that are not UTF-8 were "?"
    return {readable_name(path.name), earlier}


def ingredient_id(number: int) -> str:
    """Identifier by which actions refer to a source."""
    return f"source-{number}"


def _actions(names: Sequence[str]) -> list[dict[str, Any]]:
    """Actions: one source is opened and edited; several are placed; without any, all is created."""
    when = {"when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    synthetic = when | {"digitalSourceType": COMPOSITE, "softwareAgent": _TOOL}
    edited = {"action": "c2pa.edited", **synthetic, "description": DESCRIPTION}
    created = {"action": "c2pa.created", **synthetic}
    if not names:
        return [created | {"description": DESCRIPTION}]
    if len(names) == 1:
        return [_of_ingredient("c2pa.opened", names[0]) | when, edited]
    return [created, *(_of_ingredient("c2pa.placed", name) | when for name in names), edited]


def _of_ingredient(action: str, name: str) -> dict[str, Any]:
    return {"action": action, "parameters": {"ingredientIds": [name]}}


def _assertion(
    conversion: Conversion, sources: Sequence[HashedFile], shown: Sequence[str] | None
) -> dict[str, Any]:
    mapping = {"mapping": [dict(rule) for rule in conversion.mapping]} if conversion.mapping else {}
    return {
        "tool": _TOOL,
        "model": dict(conversion.model),
        "shows": list(conversion.shows if shown is None else shown),
        **mapping,
        "subjects": {name: list(records) for name, records in conversion.subjects.items()},
        "fingerprint": conversion.fingerprint(sources),
        "sources": [{"name": readable_name(s.path.name), "sha256": s.sha256} for s in sources],
    }
