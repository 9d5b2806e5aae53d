"""The local identity, and the user's own."""

import datetime
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509

from faceswap.provenance import identity as identity_module
from faceswap.provenance import library
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.identity import (
    local_chains,
    local_identity,
    local_status,
    open_identity,
)
from tests.provenance.authority import issue

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "config"
    monkeypatch.setenv("FACESWAP_CONFIG", str(folder))
    return folder


def test_it_is_created_once_and_kept(config):
    first, again = open_identity(), open_identity()
    assert first.origin == "local"
    assert first.fingerprint == again.fingerprint
    assert sorted(p.name for p in (config / "identity").iterdir()) == ["chain.pem", "key.pem"]


def test_the_certificate_follows_c2pa_and_is_anonymous(config):
    leaf, root = x509.load_pem_x509_certificates(local_identity().pair.chain)
    assert leaf.issuer == root.subject != leaf.subject
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc > datetime.timedelta(days=3650)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    private = [os.environ.get("USER", "root"), os.uname().nodename if os.name == "posix" else ""]
    for word in filter(None, private):
        assert word not in leaf.subject.rfc4514_string()


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_only_the_user_can_read_the_key(config):
    old = os.umask(0)
    try:
        local_identity()
    finally:
        os.umask(old)
    assert stat.S_IMODE((config / "identity" / "key.pem").stat().st_mode) == 0o600
    for folder in (config, config / "identity"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not local_status().readable_by_others
    (config / "identity" / "key.pem").chmod(0o644)
    assert local_status().readable_by_others


def test_the_key_is_in_no_message(config):
    identity = local_identity()
    assert identity.pair.key.decode().splitlines()[1] not in repr(identity)


def test_threads_get_the_same_one(config):
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: local_identity().fingerprint, range(16)))
    assert len(found) == 1


def test_processes_get_the_same_one(config):
    code = (
        "from faceswap.provenance.identity import local_identity; "
        "print(local_identity().fingerprint)"
    )
    command = [sys.executable, "-c", code]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)
    ]
    assert len({process.communicate()[0] for process in running}) == 1
    assert all(process.returncode == 0 for process in running)


def test_an_identity_about_to_expire_is_renewed_and_still_local(config, monkeypatch):
    old = local_identity()
    monkeypatch.setattr(identity_module, "_RENEW_BEFORE", datetime.timedelta(days=36500))
    new = local_identity()
    assert new.fingerprint != old.fingerprint
    assert [chain[0] for chain in local_chains()] == [new.certificate, old.certificate]


@pytest.mark.parametrize("file", ["key.pem", "chain.pem"])
def test_a_damaged_identity_is_reported(config, file):
    local_identity()
    (config / "identity" / file).write_text("nonsense")
    with pytest.raises(ProvenanceError, match="damaged") as error:
        open_identity()
    assert str(config / "identity") in error.value.hint
    assert local_status().problem


def test_a_key_of_another_certificate_is_refused(config, tmp_path, monkeypatch):
    local_identity()
    other = issue(tmp_path / "other")
    (config / "identity" / "key.pem").write_bytes(other.key.read_bytes())
    with pytest.raises(ProvenanceError, match="does not match"):
        open_identity()


def test_unwritable_folder_error_has_a_remedy(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("FACESWAP_CONFIG", str(tmp_path / "file" / "config"))
    with pytest.raises(ProvenanceError, match="cannot be stored") as error:
        open_identity()
    assert "FACESWAP_CONFIG" in error.value.hint
    assert "--sign-cert" in error.value.hint
    assert "cannot be created" in local_status().problem


def test_the_status_creates_nothing(config):
    status = local_status()
    assert status.expires is None
    assert not status.problem
    assert not config.exists()
    assert local_chains() == []
    local_identity()
    expires = local_status().expires
    assert expires is not None
    assert expires.year >= datetime.datetime.now(datetime.UTC).year + 9


def test_a_missing_library_is_reported_before_anything_is_created(config, monkeypatch):
    def missing(_name: str) -> None:
        raise ImportError("No module named 'c2pa'")

    monkeypatch.setattr(library.importlib, "import_module", missing)
    with pytest.raises(ProvenanceError, match="c2pa-python cannot be used") as error:
        open_identity()
    assert "pip install" in error.value.hint
    assert not config.exists()
    assert "c2pa-python" in local_status().problem


@pytest.mark.parametrize("kind", ["p256", "p384", "ed25519", "rsa"])
def test_the_user_s_own_certificate(config, tmp_path, kind):
    own = issue(tmp_path / kind, kind)
    identity = open_identity(own.certificate, own.key)
    assert identity.origin == "own"
    assert "CN=Signer" in identity.name
    assert not config.exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"days": -1}, "valid from"),
        ({"password": b"secret"}, "protected by a password"),
        ({"root_first": True}, "matches certificate 2"),
        ({"self_signed": True}, "self-signed"),
        ({"purpose": False}, "cannot sign a C2PA manifest"),
        ({"kind": "secp256k1"}, "does not allow"),
    ],
)
def test_an_unsuitable_certificate_is_refused(tmp_path, wrong, words):
    own = issue(tmp_path, **wrong)
    with pytest.raises(ProvenanceError, match=words) as error:
        open_identity(own.certificate, own.key)
    assert error.value.hint


def test_certificate_and_key_must_belong_together_and_be_there(tmp_path):
    own, other = issue(tmp_path / "own"), issue(tmp_path / "other")
    for pair, words in (
        ((own.certificate, other.key), "does not match"),
        ((own.certificate, None), "Expected both"),
        ((None, own.key), "Expected both"),
        ((own.key, own.key), "Expected certificates"),
        ((own.certificate, own.certificate), "Expected a private key"),
        ((tmp_path / "absent.pem", own.key), "cannot be read"),
    ):
        with pytest.raises(ProvenanceError, match=words):
            open_identity(*pair)
