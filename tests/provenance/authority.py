"""Certificates for tests: a small authority that issues good ones and bad ones."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime.now(datetime.UTC)
PEM = serialization.Encoding.PEM
FLAGS = "content_commitment key_encipherment data_encipherment key_agreement crl_sign"
FLAGS += " encipher_only decipher_only digital_signature key_cert_sign"
USAGE = dict.fromkeys(FLAGS.split(), False)
KEYS = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
}


def name(common: str) -> x509.Name:
    organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Studio")
    return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, common)])


@dataclass
class Issued:
    certificate: Path
    key: Path
    root: bytes


def issue(
    folder: Path,
    kind: str = "p256",
    *,
    days: int = 30,
    purpose: bool = True,
    self_signed: bool = False,
    password: bytes | None = None,
    root_first: bool = False,
) -> Issued:
    """Writes a chain and its key; the defaults are fit to sign with."""
    authority, key = ec.generate_private_key(ec.SECP256R1()), KEYS[kind]()
    root = certificate(authority.public_key(), authority, "Root", "Root", 3650, signs=True)
    issuer = (key, "Signer") if self_signed else (authority, "Root")
    leaf = certificate(key.public_key(), issuer[0], "Signer", issuer[1], days, purpose=purpose)
    chain = [leaf] if self_signed else [root, leaf] if root_first else [leaf, root]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chain.pem").write_bytes(b"".join(c.public_bytes(PEM) for c in chain))
    protection = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, protection)
    (folder / "key.pem").write_bytes(private)
    return Issued(folder / "chain.pem", folder / "key.pem", root.public_bytes(PEM))


def certificate(key, signer, subject, issuer, days, *, signs=False, purpose=True):
    end = NOW + datetime.timedelta(days=days)
    usage = USAGE | {"digital_signature": not signs, "key_cert_sign": signs, "crl_sign": signs}
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(NOW, end) - datetime.timedelta(days=2))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=signs, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if purpose and not signs:
        extended = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(extended, critical=False)
    edwards = isinstance(signer, ed25519.Ed25519PrivateKey)
    return builder.sign(signer, None if edwards else hashes.SHA256())
