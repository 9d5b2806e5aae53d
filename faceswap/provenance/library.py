"""The one door to c2pa-python: loaded when it is needed, and without network."""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from faceswap.provenance.errors import ProvenanceError

if TYPE_CHECKING:
    import c2pa

# No thumbnails: one of the source would show the face that was replaced. No look-ups on the
# network either, neither of manifests that live elsewhere nor of revoked certificates.
_SETTINGS: dict[str, Any] = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


def load_library() -> Any:
    """The module ``c2pa``.

    Raises:
        ProvenanceError: It is missing, or its compiled part does not work here.
    """
    try:
        return importlib.import_module("c2pa")
    except Exception as error:  # a broken binary fails in many ways, all of them worth telling
        raise ProvenanceError(
            f"Converted media are always signed, and c2pa-python cannot be used: {error}.",
            "Install it again: pip install --force-reinstall c2pa-python",
        ) from error


def new_context(anchors: Sequence[bytes] = (), *, trust: bool = False) -> "c2pa.Context":
    """Settings for signing and reading.

    Args:
        anchors: Certificates (PEM) whose issue is trusted.
        trust: Whether to compare signers with the anchors at all.
    """
    settings = {**_SETTINGS, "verify": _SETTINGS["verify"] | {"verify_trust": trust}}
    if anchors:
        settings["trust"] = {"trust_anchors": b"\n".join(anchors).decode()}
    return load_library().Context.from_dict(settings)


def validation_codes(results: Mapping[str, Any] | None, kind: str) -> list[str]:
    """Codes of the C2PA specification about the active manifest.

    Args:
        results: As the library gives them.
        kind: ``success``, ``informational`` or ``failure``.
    """
    active = (results or {}).get("activeManifest") or {}
    return [status["code"] for status in active.get(kind, [])]
