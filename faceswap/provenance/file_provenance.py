"""Reads the provenance of a file: manifest, signature, plain metadata, and the report beside it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from faceswap.core.documents import DocumentModel, Items, read_json
from faceswap.core.errors import DocumentError, MediaError
from faceswap.core.files import sha256_file
from faceswap.media.container import open_media
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.formats import ANY, EMBEDDABLE, media_type
from faceswap.provenance.identity import local_chains
from faceswap.provenance.library import load_library, new_context, validation_codes
from faceswap.provenance.manifest import CONVERSION, stored_names
from faceswap.provenance.metadata import SYNTHETIC_TYPES, xmp_source_type
from faceswap.provenance.sidecar import SUFFIX, find_sidecar
from faceswap.provenance.store import actions_of, assertion_of, read_store

if TYPE_CHECKING:
    import c2pa

State = Literal["intact", "changed", "broken", "none"]
Signer = Literal["local", "trusted", "unknown"]

_CHUNK = 1 << 20
_INGREDIENTS = 100  # in the tree of a file
_STORE = b"jumdc2pa"  # a JUMBF description box, and the type of a manifest store

# The content and the signature are valid; only the signer or the time is in doubt.
_NO_DAMAGE = frozenset(
    {"signingCredential.untrusted", "signingCredential.expired", "claimSignature.outsideValidity"}
)
_CONTENT_CHANGED = frozenset(
    {"assertion.dataHash.mismatch", "assertion.bmffHash.mismatch", "assertion.boxesHash.mismatch"}
)


@dataclass(frozen=True)
class FileProvenance:
    """Provenance of a file.

    Attributes:
        path: The file.
        state: State of its manifest. ``intact``: valid; ``changed``: the content differs from what
            was signed; ``broken``: the manifest itself is damaged; ``none``: there is no manifest.
        problems: Validation failures: codes of the C2PA specification, or messages of the library.
        place: ``embedded``, the name of the sidecar file, or "".
        synthetic: Whether a manifest of the file or of its ingredients declares synthetic content.
        signer: ``local``: an identity of this machine; ``trusted``: certified by a given
            authority; ``unknown``: valid signature of any other signer.
        signature: Signature of the active manifest: issuer, name, algorithm, serial number.
        expired: Whether the signer's certificate has expired; without a trusted timestamp it is
            unknown whether the file was signed before that.
        actions: Actions of the active manifest.
        ingredients: Ingredients of the active manifest, as a tree.
        conversion: Our own assertion: model, identities shown, subjects and hashes; or None.
        metadata: Digital source type and comment in the plain metadata.
        report: Conversion report beside the file, or None.
        report_matches: Whether the report's hash matches the file; None when it has no hash of it.
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
    ingredients: tuple[Mapping[str, Any], ...] = ()
    conversion: Mapping[str, Any] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    report: Mapping[str, Any] | None = None
    report_matches: bool | None = None


def read_provenance(path: Path, anchors: bytes = b"") -> FileProvenance:
    """Reads and verifies the provenance of an image or video.

    Args:
        path: The file.
        anchors: Certificates (PEM) of trusted authorities.

    Raises:
        MediaError: There is no such file, or it is a sidecar manifest.
        ProvenanceError: c2pa-python cannot be used, or the anchors are not certificates.
    """
    if not path.is_file():
        raise MediaError(f"There is no file {path}.", "Check the path.")
    if path.suffix == SUFFIX:
        raise MediaError(
            f"{path} is a sidecar manifest.", f"Give the file itself: {path.with_suffix('')}"
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
        # A damaged file, or one of another type than it claims, need not have had a manifest.
        state: State = "broken" if find_sidecar(path) or _holds_manifest(path) else "none"
        return FileProvenance(path, state, (str(error).strip(),), **plain)
    if found is None:
        return FileProvenance(path, **plain)
    store, place = found
    return FileProvenance(path, place=place, **_evaluate(store), **plain)


def _holds_manifest(path: Path) -> bool:
    """Whether a file contains the start of a manifest store."""
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if _STORE in tail + chunk:
                return True
            tail = chunk[-len(_STORE) :]
    return False


def _open_manifest(path: Path, context: "c2pa.Context") -> tuple[dict[str, Any], str] | None:
    """The manifest store as the library reads it, and where it was found."""
    library = load_library()
    kind, beside = media_type(path), find_sidecar(path)
    if kind in EMBEDDABLE:
        try:
            with path.open("rb") as file, library.Reader(kind, file, context=context) as reader:
                return read_store(reader.json(), path), "embedded"
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
        return read_store(reader.json(), beside), beside.name


def _anchors(given: bytes) -> list[bytes]:
    """Trusted certificates in PEM: those of this machine and the given ones."""
    try:
        trusted = x509.load_pem_x509_certificates(given) if given else []
    except ValueError as error:
        raise ProvenanceError(
            "Expected trusted certificates in PEM format, found none.",
            "Give a text file with BEGIN CERTIFICATE.",
        ) from error
    every = [certificate for chain in (*local_chains(), trusted) for certificate in chain]
    return [certificate.public_bytes(serialization.Encoding.PEM) for certificate in every]


def _evaluate(store: Mapping[str, Any]) -> dict[str, Any]:
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
        "synthetic": _declares_synthetic(store["manifests"].values()),
        "signer": None if state == "broken" else _signer(failures, signature),
        "signature": signature,
        "expired": any("expired" in code or "outside" in code for code in failures),
        "actions": tuple(actions_of(active)),
        "ingredients": tuple(_ingredients(active, store["manifests"], iter(range(_INGREDIENTS)))),
        "conversion": assertion_of(active, CONVERSION),
    }


def _signer(failures: list[str], signature: Mapping[str, Any]) -> Signer:
    if "signingCredential.untrusted" in failures:
        return "unknown"
    local = {str(chain[0].serial_number) for chain in local_chains()}
    return "local" if str(signature.get("cert_serial_number")) in local else "trusted"


def _declares_synthetic(manifests: Any) -> bool:
    return any(
        action.get("digitalSourceType") in SYNTHETIC_TYPES
        for manifest in manifests
        for action in actions_of(manifest)
    )


def _ingredients(
    manifest: Mapping[str, Any], manifests: Mapping[str, Any], left: Iterator[int]
) -> Iterator[Mapping[str, Any]]:
    """Ingredients as a tree, each with its manifest and the problems found in it.

    Manifests may name each other in circles, and one may be named any number of times: the tree
    ends when nothing is left of the numbers ``left``.
    """
    for ingredient in manifest.get("ingredients") or []:
        if next(left, None) is None:
            return
        label = ingredient.get("active_manifest")
        failures = validation_codes(ingredient.get("validation_results"), "failure")
        below = manifests.get(label) if label else None
        yield {
            "title": ingredient.get("title") or "",
            "relationship": ingredient.get("relationship") or "",
            "remark": ingredient.get("description") or "",
            "manifest": label,
            "problems": [code for code in failures if code not in _NO_DAMAGE],
            "actions": [a.get("action", "?") for a in actions_of(below)] if below else [],
            "synthetic": _declares_synthetic([below]) if below else False,
            "ingredients": list(_ingredients(below, manifests, left)) if below else [],
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


class _ReportedFile(DocumentModel):
    name: str
    sha256: str


class ReportDocument(DocumentModel):
    """Conversion report, as far as it is read again.

    Attributes:
        tool: Program that wrote it.
        synthetic: Marks of synthetic content; what tells a report from other JSON.
        files: Converted files and their hashes.
    """

    tool: str
    synthetic: dict[str, Any]
    files: Items[_ReportedFile]


def _report(path: Path) -> dict[str, Any] | None:
    """The conversion report beside a file, or beside its folder."""
    for candidate in (path, path.parent):
        place = candidate.with_name(candidate.name + ".json") if candidate.name else None
        if place is not None and place.is_file():
            try:
                return read_json(place, ReportDocument, finite=False)
            except (OSError, DocumentError):
                continue  # of another program
    return None


def _report_hash(path: Path, report: Mapping[str, Any] | None) -> bool | None:
    files = report["files"] if report else []
    names = stored_names(path)
    known = [file["sha256"] for file in files if file["name"] in names]
    return sha256_file(path) in known if known else None
