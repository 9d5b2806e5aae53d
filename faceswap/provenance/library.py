"""Access to c2pa-python: imported on first use, without network access."""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from faceswap.provenance.errors import ProvenanceError

if TYPE_CHECKING:
    import c2pa

# No thumbnails: one of the source would show the face that was replaced. No network access
# either, neither for remote manifests nor for revoked certificates. Copies of files above 64 MB are
# on disk, in temporary files without a name: by default those of up to 512 MB are in memory.
_SETTINGS: dict[str, Any] = {
    "builder": {"thumbnail": {"enabled": False}},
    "core": {"backing_store_memory_threshold_in_mb": 64},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


def load_library() -> Any:
    """Imports the module ``c2pa``.

    Raises:
        ProvenanceError: The module is not installed, or its native library cannot be loaded.
    """
    try:
        return importlib.import_module("c2pa")
    except Exception as error:  # a broken native library fails in many ways
        raise ProvenanceError(
            f"Synthetic media are always signed, and c2pa-python cannot be used: {error}.",
            "Reinstall it: pip install --force-reinstall c2pa-python",
        ) from error


def new_context(anchors: Sequence[bytes] = (), *, trust: bool = False) -> "c2pa.Context":
    """Builds the library's settings for signing and reading.

    Args:
        anchors: Certificates (PEM) of trusted authorities.
        trust: Whether to check signers against the anchors.
    """
    settings = {**_SETTINGS, "verify": _SETTINGS["verify"] | {"verify_trust": trust}}
    if anchors:
        settings["trust"] = {"trust_anchors": b"\n".join(anchors).decode()}
    return load_library().Context.from_dict(settings)


def validation_codes(results: Mapping[str, Any] | None, kind: str) -> list[str]:
    """Validation codes of the active manifest, as the C2PA specification defines them.

    Args:
        results: Validation results of the library.
        kind: ``success``, ``informational`` or ``failure``.
    """
    active = (results or {}).get("activeManifest") or {}
    return [status["code"] for status in active.get(kind, [])]
