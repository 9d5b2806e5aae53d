"""Reads the marks of a file: manifest, signature, plain metadata, and the report beside it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from faceswap.core.errors import MediaError
from faceswap.core.files import read_json, sha256_file
from faceswap.media.container import open_media
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.formats import ANY, EMBEDDABLE, media_type
from faceswap.provenance.identity import local_chains
from faceswap.provenance.library import load_library, new_context, validation_codes
from faceswap.provenance.manifest import CONVERSION, readable_name
from faceswap.provenance.metadata import SYNTHETIC_TYPES, xmp_source_type
from faceswap.provenance.sidecar import SUFFIX, find_sidecar

if TYPE_CHECKING:
    import c2pa

State = Literal["intact", "changed", "broken", "none"]
Signer = Literal["local", "trusted", "unknown"]

_CHUNK = 1 << 20
_STORE = b"jumdc2pa"  # a JUMBF description box, and the type of a manifest store

# The file is what was signed, and the signature is good: only who signed, or when, is in doubt.
_NO_DAMAGE = frozenset(
    {"signingCredential.untrusted", "signingCredential.expired", "claimSignature.outsideValidity"}
)
_CONTENT_CHANGED = frozenset(
    {"assertion.dataHash.mismatch", "assertion.bmffHash.mismatch", "assertion.boxesHash.mismatch"}
)


@dataclass(frozen=True)
class FileProvenance:
    """What the marks of a file say.

    Attributes:
        path: The file.
        state: Of its manifest: ``intact``; ``changed``: the content is not what was signed;
            ``broken``: the manifest itself is damaged; ``none``: there is none.
        problems: What does not hold, as codes of the C2PA specification or the library's words.
        place: ``embedded``, the name of the file beside it, or "".
        synthetic: Whether a manifest of the file or of its sources says that it is synthetic.
        signer: ``local``: an identity of this machine; ``trusted``: by the given authorities;
            ``unknown``: the signature holds, but nobody here vouches for the signer.
        signature: Of the active manifest: issuer, name, algorithm, serial number.
        expired: Whether the signer's certificate has expired; without a time stamp nobody knows
            whether it was signed before.
        actions: Of the active manifest.
        sources: The ingredients of the active manifest, with theirs below.
        conversion: Model, identity shown, subjects and hashes, as the toolkit wrote them, or None.
        metadata: Digital source type and comment in the plain metadata.
        report: The report beside it, or None.
        report_matches: Whether the report's hash is that of the file; None when it has none.
    """

    path: Path
    state: State = "none"
    problems: tuple[str, ...] = ()
    place: str = ""
    synthetic: bool = False
    signer: Signer | None = None
    signature: Mapping[str, Any] = field(default_factory=dict)
    expired: bool = False
    actions: tuple[Mapping[str, Any], ...] = ()
    sources: tuple[Mapping[str, Any], ...] = ()
    conversion: Mapping[str, Any] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    report: Mapping[str, Any] | None = None
    report_matches: bool | None = None


def read_provenance(path: Path, anchors: bytes = b"") -> FileProvenance:
    """Reads all marks of an image or video.

    Args:
        path: The file.
        anchors: Certificates (PEM) of authorities whose signers are trusted.

    Raises:
        MediaError: There is no such file, or it is a manifest that belongs to another.
        ProvenanceError: c2pa-python cannot be used, or the anchors are no certificates.
    """
    if not path.is_file():
        raise MediaError(f"There is no file {path}.", "Check the path.")
    if path.suffix == SUFFIX:
        raise MediaError(
            f"{path} is a manifest that lies beside a file.",
            f"Name the file: {path.with_suffix('')}",
        )
    report = _report(path)
    matches = _report_hash(path, report)
    plain = {"metadata": _metadata(path), "report": report, "report_matches": matches}
    library = load_library()
    context = new_context(_anchors(anchors), trust=True)
    try:
        found = _open_manifest(path, context)
    except (library.C2paError.ManifestNotFound, library.C2paError.NotSupported):
        return FileProvenance(path, **plain)
    except library.C2paError as error:
        # A file that is damaged as a whole, or is none of its kind, need not have had a mark.
        state: State = "broken" if find_sidecar(path) or _holds_manifest(path) else "none"
        return FileProvenance(path, state, (str(error).strip(),), **plain)
    if found is None:
        return FileProvenance(path, **plain)
    store, place = found
    return FileProvenance(path, place=place, **_judged(store), **plain)


def _holds_manifest(path: Path) -> bool:
    """Whether the beginning of a manifest store is anywhere in a file."""
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if _STORE in tail + chunk:
                return True
            tail = chunk[-len(_STORE) :]
    return False


def _open_manifest(path: Path, context: "c2pa.Context") -> tuple[dict[str, Any], str] | None:
    """The manifest store as the library reads it, and where it was."""
    library = load_library()
    kind, beside = media_type(path), find_sidecar(path)
    if kind in EMBEDDABLE:
        try:
            with path.open("rb") as file, library.Reader(kind, file, context=context) as reader:
                return json.loads(reader.json()), "embedded"
        except library.C2paError.ManifestNotFound:
            if beside is None:
                raise
    if beside is None:
        return None
    manifest = beside.read_bytes()
    with (
        path.open("rb") as file,
        library.Reader(ANY, file, manifest_data=manifest, context=context) as reader,
    ):
        return json.loads(reader.json()), beside.name


def _anchors(given: bytes) -> list[bytes]:
    """Whose word counts here, in PEM: this machine's own and those that were given."""
    try:
        trusted = x509.load_pem_x509_certificates(given) if given else []
    except ValueError as error:
        raise ProvenanceError(
            "The trusted authorities are no certificates in PEM form.",
            "Give a text file with BEGIN CERTIFICATE in it.",
        ) from error
    every = [certificate for chain in (*local_chains(), trusted) for certificate in chain]
    return [certificate.public_bytes(serialization.Encoding.PEM) for certificate in every]


def _judged(store: Mapping[str, Any]) -> dict[str, Any]:
    active = store["manifests"][store["active_manifest"]]
    failures = validation_codes(store.get("validation_results"), "failure")
    problems = tuple(dict.fromkeys(code for code in failures if code not in _NO_DAMAGE))
    state: State = "intact"
    if problems:
        state = "changed" if set(problems) <= _CONTENT_CHANGED else "broken"
    signature = active.get("signature_info") or {}
    return {
        "state": state,
        "problems": problems,
        "synthetic": _says_synthetic(store["manifests"].values()),
        "signer": None if state == "broken" else _signer(failures, signature),
        "signature": signature,
        "expired": any("expired" in code or "outside" in code for code in failures),
        "actions": tuple(_actions(active)),
        "sources": tuple(_sources(active, store["manifests"])),
        "conversion": _assertion(active, CONVERSION),
    }


def _signer(failures: list[str], signature: Mapping[str, Any]) -> Signer:
    if "signingCredential.untrusted" in failures:
        return "unknown"
    local = {str(chain[0].serial_number) for chain in local_chains()}
    return "local" if str(signature.get("cert_serial_number")) in local else "trusted"


def _assertion(manifest: Mapping[str, Any], label: str) -> Any:
    assertions = manifest.get("assertions", [])
    return next((a.get("data") for a in assertions if a.get("label") == label), None)


def _actions(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for label in ("c2pa.actions.v2", "c2pa.actions"):
        yield from (_assertion(manifest, label) or {}).get("actions", [])


def _says_synthetic(manifests: Any) -> bool:
    return any(
        action.get("digitalSourceType") in SYNTHETIC_TYPES
        for manifest in manifests
        for action in _actions(manifest)
    )


def _sources(
    manifest: Mapping[str, Any], manifests: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Ingredients as a tree; each says whether it had a manifest and whether that held."""
    for ingredient in manifest.get("ingredients", []):
        label = ingredient.get("active_manifest")
        failures = validation_codes(ingredient.get("validation_results"), "failure")
        below = manifests.get(label) if label else None
        yield {
            "title": ingredient.get("title", ""),
            "relationship": ingredient.get("relationship", ""),
            "remark": ingredient.get("description", ""),
            "manifest": label,
            "problems": [code for code in failures if code not in _NO_DAMAGE],
            "actions": [a.get("action") for a in _actions(below)] if below else [],
            "synthetic": _says_synthetic([below]) if below else False,
            "sources": list(_sources(below, manifests)) if below else [],
        }


def _metadata(path: Path) -> dict[str, str]:
    """Digital source type and comment in the container's tags or the image's XMP."""
    kind = media_type(path)
    if kind.startswith("image/"):
        found = xmp_source_type(path)
        return {"digital_source_type": found} if found else {}
    try:
        with open_media(path) as container:
            tags = {name.lower(): text for name, text in container.metadata.items()}
    except MediaError:
        return {}
    return {name: tags[name] for name in ("digital_source_type", "comment") if name in tags}


def _report(path: Path) -> dict[str, Any] | None:
    """The report beside a file, or beside the folder it was converted into."""
    for candidate in (path, path.parent):
        place = candidate.with_name(candidate.name + ".json") if candidate.name else None
        if place is not None and place.is_file():
            try:
                report = read_json(place)
            except (OSError, ValueError):
                continue
            if isinstance(report, dict) and "synthetic" in report:
                return report
    return None


def _report_hash(path: Path, report: Mapping[str, Any] | None) -> bool | None:
    files = report.get("files", []) if report else []
    known = [file["sha256"] for file in files if file.get("name") == readable_name(path)]
    return sha256_file(path) in known if known else None
