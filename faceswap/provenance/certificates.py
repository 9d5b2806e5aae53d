"""Certificates: creates a chain for C2PA, and checks one given by the user.

The rules are those of the C2PA specification, section "Certificate profile".
"""

import datetime
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from faceswap.provenance.errors import ProvenanceError

_YEARS = 10
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
_ORGANISATION = "faceswap-toolkit, self-issued, not verified by an authority"


@dataclass(frozen=True)
class KeyPair:
    """A private key and its certificates.

    Attributes:
        key: Private key, PKCS #8 in PEM.
        chain: Certificates in PEM, that of the key first.
        algorithm: C2PA name of the signature algorithm.
    """

    key: bytes
    chain: bytes
    algorithm: str

    def __repr__(self) -> str:
        return f"KeyPair({self.algorithm})"  # a key must not get into a log


def make_key_pair() -> KeyPair:
    """Creates a P-256 key, with a certificate by a new authority that is valid for ten years.

    The authority's key is discarded at once, so nothing else can be issued in its name. The names
    contain nothing about the user or the machine, since they are part of every signed file.
    """
    number = secrets.token_hex(4)
    authority, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = _name(f"faceswap-toolkit local authority {number}")
    root = _builder(issuer, issuer, authority)
    root = root.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    root = root.add_extension(_usage(signs_certificates=True), critical=True)
    signer = _builder(_name(f"faceswap-toolkit local identity {number}"), issuer, leaf)
    signer = signer.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    signer = signer.add_extension(_usage(signs_certificates=False), critical=True)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    signer = signer.add_extension(purpose, critical=False)
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    signer = signer.add_extension(above, critical=False)
    chain = [builder.sign(authority, hashes.SHA256()) for builder in (signer, root)]
    return KeyPair(_as_pem(leaf), b"".join(_certificate_pem(c) for c in chain), "es256")


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Valid from yesterday, to tolerate clock differences.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365.25 * _YEARS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _as_pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _certificate_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def read_key_pair(certificate: Path, key: Path) -> KeyPair:
    """Reads a chain and a key in PEM and checks that they match and are valid today.

    Raises:
        ProvenanceError: A file cannot be read, or the pair cannot be used.
    """
    chain = read_chain(certificate)
    private = _read_key(key)
    _check_match(chain, private, certificate, key)
    _check_dates(chain[0], certificate)
    if chain[0].issuer == chain[0].subject:
        # The library accepts it, but other programs then reject the file.
        raise ProvenanceError(
            f"The certificate {certificate} is self-signed, which C2PA does not allow.",
            "Use one that is issued by an authority; it may be your own.",
        )
    pem = b"".join(_certificate_pem(c) for c in chain)
    return KeyPair(_as_pem(private), pem, _algorithm(private, key))


def read_chain(path: Path) -> list[x509.Certificate]:
    """Reads the certificates of a PEM file, in its order.

    Raises:
        ProvenanceError: The file cannot be read or has no certificates.
    """
    try:
        return x509.load_pem_x509_certificates(_content(path))
    except ValueError as error:
        raise ProvenanceError(
            f"Expected certificates in PEM format in {path}, found none.",
            "Give a text file with BEGIN CERTIFICATE, the signer's own certificate first.",
        ) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ProvenanceError(
            f"{path} cannot be read: {error.strerror}.", "Check the path and its permissions."
        ) from error


def _read_key(path: Path) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(_content(path), password=None)
    except TypeError as error:
        raise ProvenanceError(
            f"The key {path} is protected by a password, which is not supported.",
            f"Decrypt a copy that only you can read: openssl pkey -in {path} -out plain.pem",
        ) from error
    except ValueError as error:
        raise ProvenanceError(
            f"Expected a private key in PEM format in {path}, found none.",
            "Give a text file with BEGIN PRIVATE KEY.",
        ) from error


def _check_match(
    chain: list[x509.Certificate], key: PrivateKeyTypes, certificate: Path, path: Path
) -> None:
    public = _public_bytes(key.public_key())
    places = [i for i, c in enumerate(chain) if _public_bytes(c.public_key()) == public]
    if not places:
        raise ProvenanceError(
            f"The key {path} does not match the certificate {certificate}.",
            "Give the key that the certificate was issued for.",
        )
    if places[0]:
        raise ProvenanceError(
            f"The key {path} matches certificate {places[0] + 1} of {certificate}, not the first.",
            "Order the chain from the signer's own certificate upwards.",
        )


def _public_bytes(key: object) -> bytes:
    return key.public_bytes(  # pyright: ignore[reportAttributeAccessIssue]  # every kind has it
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _check_dates(certificate: x509.Certificate, path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin <= now <= end:
        raise ProvenanceError(
            f"The certificate {path} is valid from {begin:%Y-%m-%d} to {end:%Y-%m-%d}, not today.",
            "Renew it, or leave out --sign-cert to sign with the local identity.",
        )


def _algorithm(key: PrivateKeyTypes, path: Path) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise ProvenanceError(
        f"The key {path} is of a type that C2PA does not allow.",
        "Use an elliptic curve key (P-256, P-384, P-521), Ed25519, or RSA with at least 2048 bits.",
    )
