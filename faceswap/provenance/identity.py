"""The signing identity: created on this machine on first use, or given by the user."""

import datetime
import io
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from filelock import FileLock, Timeout

from faceswap.core.files import atomic_directory, user_path
from faceswap.provenance.certificates import KeyPair, make_key_pair, read_chain, read_key_pair
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.formats import ANY
from faceswap.provenance.library import load_library, new_context, validation_codes
from faceswap.provenance.metadata import COMPOSITE

if TYPE_CHECKING:
    import c2pa

FOLDER, KEY, CHAIN = "identity", "key.pem", "chain.pem"
_RETIRED = "retired-*.pem"
_RENEW_BEFORE = datetime.timedelta(days=30)
_LOCK_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class SigningIdentity:
    """A key with its certificates.

    Attributes:
        pair: Private key and certificate chain.
        origin: ``local``: created on this machine; ``own``: given by the user.
    """

    pair: KeyPair
    origin: Literal["local", "own"]

    @property
    def certificate(self) -> x509.Certificate:
        """Certificate of the signer."""
        return x509.load_pem_x509_certificates(self.pair.chain)[0]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate in hex."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    @property
    def name(self) -> str:
        """Subject of the certificate, as an RFC 4514 string."""
        return self.certificate.subject.rfc4514_string()

    def signer(self) -> "c2pa.Signer":
        """A new signer of the library; without a timestamp server, so it works offline."""
        library, pair = load_library(), self.pair
        info = library.C2paSignerInfo(pair.algorithm, pair.chain, pair.key, None)
        return library.Signer.from_info(info)


@dataclass(frozen=True)
class IdentityStatus:
    """Status of the local identity.

    Attributes:
        key: Path of its key, which need not exist yet.
        expires: End of its validity; None when it does not exist yet.
        readable_by_others: Whether other users of the machine can read its key.
        problem: Reason why nothing can be signed, or "".
    """

    key: Path = Path()
    expires: datetime.datetime | None = None
    readable_by_others: bool = False
    problem: str = ""


def config_folder() -> Path:
    """Configuration folder of this user: ``$FACESWAP_CONFIG``, or the default of the system."""
    given = os.environ.get("FACESWAP_CONFIG")
    return user_path(given) if given else platformdirs.user_config_path("faceswap")


def open_identity(certificate: Path | None = None, key: Path | None = None) -> SigningIdentity:
    """Opens the identity to sign with and verifies it by a trial signature.

    Args:
        certificate: Certificate chain (PEM) of the user; None for the local identity.
        key: Private key (PEM) of the first certificate.

    Raises:
        ProvenanceError: The identity cannot be used or created.
    """
    if (certificate is None) != (key is None):
        raise ProvenanceError(
            "Expected both --sign-cert and --sign-key, found only one of them.",
            "Give the certificate chain and its private key, or neither.",
        )
    load_library()
    if certificate is not None and key is not None:
        identity = SigningIdentity(read_key_pair(certificate, key), "own")
        _check_signing(identity, certificate)
    else:
        identity = local_identity()
        _check_signing(identity, config_folder() / FOLDER)
    return identity


def local_identity() -> SigningIdentity:
    """The identity of this user on this machine, created when missing or about to expire.

    The key is in the user's configuration folder, readable by the user only. Concurrent processes
    get the same identity.

    Raises:
        ProvenanceError: The identity cannot be created or read.
    """
    folder = config_folder() / FOLDER
    try:
        if not _is_usable(folder):
            _create(folder)
        pair = read_key_pair(folder / CHAIN, folder / KEY)
    except Timeout as error:
        raise ProvenanceError(
            f"{folder}.lock has been held by another process for a minute.",
            "Run the command again.",
        ) from error
    except OSError as error:
        raise ProvenanceError(
            f"Synthetic media are always signed, and the signing identity cannot be stored in "
            f"{folder}: {error.strerror}.",
            "Make that folder writable, set FACESWAP_CONFIG to a writable one, or give --sign-cert "
            "and --sign-key.",
        ) from error
    except ProvenanceError as error:
        raise ProvenanceError(
            f"The signing identity is damaged. {error.message}",
            f"Move the folder {folder} away; a new identity will be created.",
        ) from error
    return SigningIdentity(pair, "local")


def _is_usable(folder: Path) -> bool:
    if not (folder / KEY).is_file() or not (folder / CHAIN).is_file():
        return False
    end = read_chain(folder / CHAIN)[0].not_valid_after_utc
    return end - datetime.datetime.now(datetime.UTC) > _RENEW_BEFORE


def _create(folder: Path) -> None:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{FOLDER}.lock"), timeout=_LOCK_TIMEOUT_S, mode=0o600):
        if _is_usable(folder):
            return  # created by another process in the meantime
        with atomic_directory(folder) as temporary:
            temporary.chmod(0o700)
            for old in _chains(folder):
                number = read_chain(old)[0].serial_number
                shutil.copyfile(old, temporary / f"retired-{number:x}.pem")
            pair = make_key_pair()
            _write_private(temporary / KEY, pair.key)
            (temporary / CHAIN).write_bytes(pair.chain)


def _chains(folder: Path) -> list[Path]:
    current = [folder / CHAIN] if (folder / CHAIN).is_file() else []
    return [*current, *sorted(folder.glob(_RETIRED))]


def _write_private(path: Path, data: bytes) -> None:
    # Created with its final permissions, so that others can never read it.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def local_chains() -> list[list[x509.Certificate]]:
    """Certificate chains of this machine's identities, retired ones included; creates nothing.

    Raises:
        ProvenanceError: The chains exist but cannot be read.
    """
    return [read_chain(path) for path in _chains(config_folder() / FOLDER)]


def local_status() -> IdentityStatus:
    """Checks the local identity without creating it."""
    folder = config_folder() / FOLDER
    key = folder / KEY
    try:
        load_library()
        if not key.is_file():
            return IdentityStatus(key, problem=_why_not_writable(folder))
        _check_signing(SigningIdentity(read_key_pair(folder / CHAIN, key), "local"), folder)
        expires = read_chain(folder / CHAIN)[0].not_valid_after_utc
    except ProvenanceError as error:
        return IdentityStatus(key, problem=error.message)
    shared = os.name == "posix" and bool(key.stat().st_mode & 0o077)
    return IdentityStatus(key, expires, shared)


def _why_not_writable(folder: Path) -> str:
    place = next(p for p in folder.parents if p.exists())
    if place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        return ""
    return f"the signing identity cannot be created in {folder}: {place} is not writable"


def _check_signing(identity: SigningIdentity, place: Path) -> None:
    """Signs a few bytes and reads the signature back."""
    library = load_library()
    created = {"action": "c2pa.created", "digitalSourceType": COMPOSITE}
    definition = {
        "claim_generator_info": [{"name": "faceswap-toolkit"}],
        "format": ANY,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
    content = b"a trial signature"
    try:
        builder = library.Builder(definition, context=new_context())
        builder.set_no_embed()
        manifest = builder.sign(identity.signer(), ANY, io.BytesIO(content), io.BytesIO())
        with library.Reader(
            ANY, io.BytesIO(content), manifest_data=manifest, context=new_context()
        ) as reader:
            failures = validation_codes(reader.get_validation_results(), "failure")
    except library.C2paError as error:
        raise _cannot_sign(place, str(error)) from error
    if failures:
        raise _cannot_sign(place, ", ".join(failures))


def _cannot_sign(place: Path, reason: str) -> ProvenanceError:
    return ProvenanceError(
        f"{place} cannot sign a C2PA manifest: {reason.strip()}.",
        "Use an X.509 v3 certificate that is not self-signed, with key usage digitalSignature and "
        "extended key usage emailProtection or documentSigning.",
    )
