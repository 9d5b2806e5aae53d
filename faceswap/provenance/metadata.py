"""Plain metadata that says the same as the signed manifest, for programs that read no manifests.

The vocabulary is IPTC's: https://cv.iptc.org/newscodes/digitalsourcetype/
"""

import re
from pathlib import Path
from xml.sax.saxutils import escape

from faceswap import __version__

TOOL = f"faceswap-toolkit {__version__}"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = f"{SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
"""Real footage of which a part was made by a trained network: what a face swap is."""

SYNTHETIC_TYPES = frozenset(
    SOURCE_TYPES + name
    for name in (
        "compositeWithTrainedAlgorithmicMedia",
        "trainedAlgorithmicMedia",
        "compositeSynthetic",
        "algorithmicMedia",
    )
)
"""Source types that say that at least a part did not happen before a camera."""

DESCRIPTION = "Faces shown here were replaced by a neural network."

SYNTHETIC = {"comment": DESCRIPTION, "digital_source_type": COMPOSITE, "software": TOOL}
"""Container metadata of every converted video."""

_SOURCE_TYPE = re.compile(
    rb"DigitalSourceType(?:>|=[\"']|\s+rdf:resource=[\"'])\s*(" + SOURCE_TYPES.encode() + rb"\w+)"
)
_XMP_AT_MOST = 1 << 26


def xmp_packet() -> bytes:
    """The XMP of every converted image: IPTC's digital source type, tool and a sentence."""
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/">
<Iptc4xmpExt:DigitalSourceType>{COMPOSITE}</Iptc4xmpExt:DigitalSourceType>
<xmp:CreatorTool>{escape(TOOL)}</xmp:CreatorTool>
<dc:description><rdf:Alt>
<rdf:li xml:lang="x-default">{DESCRIPTION}</rdf:li>
</rdf:Alt></dc:description>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>""".encode()


def xmp_source_type(path: Path) -> str:
    """The digital source type in the XMP of an image, or ""."""
    with path.open("rb") as file:
        found = _SOURCE_TYPE.search(file.read(_XMP_AT_MOST))
    return found[1].decode() if found else ""
