"""The manifest store of a file as JSON of c2pa-python, whose parts other programs wrote."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from faceswap.core.documents import DocumentModel, Items, parse_json
from faceswap.provenance.errors import ProvenanceError


class _Status(DocumentModel):
    code: str


class _Statuses(DocumentModel):
    success: Items[_Status] | None = None
    informational: Items[_Status] | None = None
    failure: Items[_Status] | None = None


class ValidationDocument(DocumentModel):
    """Validation results of a manifest and its ingredients."""

    activeManifest: _Statuses | None = None  # noqa: N815 (the specification names it)


class _Signature(DocumentModel):
    issuer: str | None = None
    common_name: str | None = None
    alg: str | None = None
    cert_serial_number: str | None = None
    time: str | None = None


class _Assertion(DocumentModel):
    label: str
    data: Any = None


class _Ingredient(DocumentModel):
    title: str | None = None
    relationship: str | None = None
    description: str | None = None
    active_manifest: str | None = None
    validation_results: ValidationDocument | None = None


class _Manifest(DocumentModel):
    signature_info: _Signature | None = None
    assertions: Items[_Assertion] | None = None
    ingredients: Items[_Ingredient] | None = None


class StoreDocument(DocumentModel):
    """Manifest store.

    Attributes:
        active_manifest: Label of the manifest of the file itself.
        manifests: Manifests by label.
        validation_results: Results of checking the active manifest.
    """

    active_manifest: str
    manifests: dict[str, _Manifest]
    validation_results: ValidationDocument | None = None


def read_store(content: str, path: Path) -> dict[str, Any]:
    """Parses and checks the manifest store of a file.

    Args:
        content: JSON of the library.
        path: File of the store, for messages.

    Raises:
        ProvenanceError: It has not the form of a manifest store.
    """
    where, hint = f"The manifest of {path}", "It cannot be checked: do not rely on it."
    store = parse_json(
        content, where, StoreDocument, finite=False, error=ProvenanceError, hint=hint
    )
    if store["active_manifest"] not in store["manifests"]:
        raise ProvenanceError(f"{where} has no active manifest.", hint)
    return store


def assertion_of(manifest: Mapping[str, Any], label: str) -> Any:
    """Data of the first assertion with a label, of any form; None without it."""
    assertions = manifest.get("assertions") or []
    return next((a.get("data") for a in assertions if a["label"] == label), None)


def actions_of(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Actions of a manifest: mappings of text and other values; the text is checked."""
    for label in ("c2pa.actions.v2", "c2pa.actions"):
        data = assertion_of(manifest, label)
        actions = data.get("actions") if isinstance(data, dict) else None
        for action in actions if isinstance(actions, list) else []:
            if isinstance(action, dict):
                texts = ("action", "when", "digitalSourceType")
                wrong = [name for name in texts if not isinstance(action.get(name, ""), str)]
                yield {name: value for name, value in action.items() if name not in wrong}
