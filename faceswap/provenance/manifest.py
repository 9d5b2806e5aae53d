"""What a C2PA manifest says of a converted file.

The vocabulary is that of the C2PA specification 2.x: https://spec.c2pa.org
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceswap import __version__
from faceswap.core.files import sha256_file
from faceswap.provenance.metadata import COMPOSITE, DESCRIPTION

CONVERSION = "org.faceswap-toolkit.conversion"
"""Label of our own assertion: model, identity shown, subject records, hashes of the sources."""

_TOOL = {"name": "faceswap-toolkit", "version": __version__}


@dataclass(frozen=True)
class Conversion:
    """What was done, as JSON values.

    Attributes:
        model: Of the model that was used: ``weights_sha256``, which names it, and more.
        shows: The identities whose faces are shown.
        subjects: For each identity of the model, the subject records it was trained on.
    """

    model: Mapping[str, Any]
    shows: Sequence[str]
    subjects: Mapping[str, Sequence[Mapping[str, Any]]]


def manifest_definition(
    title: str,
    media_type: str,
    conversion: Conversion,
    sources: Sequence[Path],
    counts: Mapping[str, int],
) -> dict[str, Any]:
    """The definition that the library's Builder takes.

    Args:
        title: Name of the converted file.
        media_type: Of the converted file.
        conversion: What was done.
        sources: What it was made of: one file that was edited, or several shown together. Each is
            to be added as the ingredient ``source-<number>``.
        counts: How many faces were swapped, and the like.

    Returns:
        JSON values.
    """
    names = [ingredient_id(number) for number in range(len(sources))]
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    swapped = {
        "action": "c2pa.edited",
        "when": now,
        "digitalSourceType": COMPOSITE,
        "softwareAgent": _TOOL,
        "description": DESCRIPTION,
    }
    return {
        "claim_generator_info": [_TOOL],
        "title": title,
        "format": media_type,
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {"actions": [*_origin(names, now), swapped]},
            },
            {
                "label": CONVERSION,
                "data": _described(conversion, sources) | {"counts": dict(counts)},
            },
        ],
    }


def readable_name(path: Path) -> str:
    """The name of a file as text; names on Linux may hold bytes that are none."""
    return path.name.encode("utf-8", "replace").decode()


def ingredient_id(number: int) -> str:
    """How actions refer to a source."""
    return f"source-{number}"


def _origin(names: Sequence[str], now: str) -> list[dict[str, Any]]:
    """One source was opened; several were placed into something new."""
    if len(names) == 1:
        return [{"action": "c2pa.opened", "when": now, "parameters": {"ingredientIds": [names[0]]}}]
    created = {
        "action": "c2pa.created",
        "when": now,
        "digitalSourceType": COMPOSITE,
        "softwareAgent": _TOOL,
    }
    placed = [
        {"action": "c2pa.placed", "when": now, "parameters": {"ingredientIds": [name]}}
        for name in names
    ]
    return [created, *placed]


def _described(conversion: Conversion, sources: Sequence[Path]) -> dict[str, Any]:
    return {
        "tool": _TOOL,
        "model": dict(conversion.model),
        "shows": list(conversion.shows),
        "subjects": {name: list(records) for name, records in conversion.subjects.items()},
        "sources": [{"name": readable_name(p), "sha256": sha256_file(p)} for p in sources],
    }
