"""Recognises the files of a conversion that was interrupted or finished earlier."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceswap.core.hashed_file import HashedFile
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.formats import ANY
from faceswap.provenance.identity import SigningIdentity
from faceswap.provenance.library import load_library, new_context, validation_codes
from faceswap.provenance.manifest import CONVERSION
from faceswap.provenance.store import assertion_of, read_store

_LARGEST_SIDECAR = 1 << 28
_OTHER_CONTENT = "assertion.dataHash.mismatch"


@dataclass(frozen=True)
class Declared:
    """What the manifest of a file declares of its faces.

    Attributes:
        counts: Numbers of frames and faces.
        shows: Identities that it shows.
    """

    counts: Mapping[str, int]
    shows: Sequence[str]


def read_own(path: Path, fingerprint: str, identity: SigningIdentity) -> Declared | None:
    """Declaration of a file that this identity signed for this very conversion.

    Args:
        path: An existing or absent file.
        fingerprint: ``Conversion.fingerprint`` of the conversion.
        identity: Signing identity.

    Returns:
        What its manifest declares; None if the file is absent, changed since it was signed, or
        anything else.
    """
    if not path.is_file():
        return None
    try:
        found = read_provenance(path)
    except ProvenanceError:  # of another form than manifests of this program
        return None
    if found.state != "intact" or not _is_own(
        found.conversion, found.signature, fingerprint, identity
    ):
        return None
    assert found.conversion is not None
    counts, shows = found.conversion.get("counts"), found.conversion.get("shows")
    given = counts.items() if isinstance(counts, dict) else ()
    return Declared(
        {name: count for name, count in given if isinstance(count, int)},
        [name for name in (shows if isinstance(shows, list) else ()) if isinstance(name, str)],
    )


def is_own_sidecar(path: Path, fingerprint: str, identity: SigningIdentity) -> bool:
    """Whether a sidecar whose file is missing was signed for this very conversion."""
    if not path.is_file() or path.stat().st_size > _LARGEST_SIDECAR:
        return False
    library = load_library()
    try:
        with library.Reader(
            ANY, io.BytesIO(b"\0"), manifest_data=path.read_bytes(), context=new_context()
        ) as reader:
            store = read_store(reader.json(), path)
    except (library.C2paError, ProvenanceError):
        return False
    if set(validation_codes(store.get("validation_results"), "failure")) - {_OTHER_CONTENT}:
        return False
    active = store["manifests"][store["active_manifest"]]
    stated = assertion_of(active, CONVERSION)
    return _is_own(stated, active.get("signature_info") or {}, fingerprint, identity)


def is_made_from(path: Path, source: HashedFile) -> bool:
    """Whether the manifest of a file states that it was converted from this source."""
    try:
        stated = read_provenance(path).conversion or {}
    except ProvenanceError:  # of another form than manifests of this program
        return False
    sources = stated.get("sources")
    return isinstance(sources, list) and any(
        isinstance(one, dict) and one.get("sha256") == source.sha256 for one in sources
    )


def _is_own(
    stated: Any,
    signature: Mapping[str, Any],
    fingerprint: str,
    identity: SigningIdentity,
) -> bool:
    return (
        isinstance(stated, dict)
        and stated.get("fingerprint") == fingerprint
        and str(signature.get("cert_serial_number")) == str(identity.certificate.serial_number)
    )
