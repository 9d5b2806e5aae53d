"""Plain metadata of synthetic media, for programs that do not read manifests.

The vocabulary is IPTC's: https://cv.iptc.org/newscodes/digitalsourcetype/
"""

import re
from pathlib import Path

from faceswap.core.synthetic import COMPOSITE, DESCRIPTION, NAME, SOURCE_TYPES, TOOL, xmp_packet

__all__ = [
    "COMPOSITE",
    "DESCRIPTION",
    "NAME",
    "SYNTHETIC",
    "SYNTHETIC_TYPES",
    "TOOL",
    "xmp_packet",
    "xmp_source_type",
]

SYNTHETIC_TYPES = frozenset(
    SOURCE_TYPES + name
    for name in (
        "compositeWithTrainedAlgorithmicMedia",
        "trainedAlgorithmicMedia",
        "compositeSynthetic",
        "algorithmicMedia",
    )
)
"""Digital source types that declare at least a part of the content synthetic."""

SYNTHETIC = {"comment": DESCRIPTION, "digital_source_type": COMPOSITE, "software": TOOL}
"""Container metadata of every synthetic video."""

_SOURCE_TYPE = re.compile(
    rb"DigitalSourceType(?:>|=[\"']|\s+rdf:resource=[\"'])\s*(" + SOURCE_TYPES.encode() + rb"\w+)"
)
_XMP_AT_MOST = 1 << 26


def xmp_source_type(path: Path) -> str:
    """Digital source type in the XMP of an image, or ""."""
    with path.open("rb") as file:
        found = _SOURCE_TYPE.search(file.read(_XMP_AT_MOST))
    return found[1].decode() if found else ""
