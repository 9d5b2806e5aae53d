"""What cannot be signed is not begun: through the command line, before any output."""

from pathlib import Path

import pytest

import faceswap.cli
from faceswap.conversion.pipeline import convert_source
from faceswap.core.command_line import run_program
from faceswap.media.sources import find_sources
from faceswap.provenance.errors import ProvenanceError
from tests.conversion.test_pipeline import swapper
from tests.footage import write_clip
from tests.provenance.authority import issue


@pytest.fixture
def convert(tmp_path, capsys):
    """Tries to convert; the model does not matter, since signing is looked at first."""
    clip = write_clip(tmp_path / "clip.mp4", 2)

    def run(*options: object) -> str:
        output = tmp_path / "out" / "out.mp4"
        arguments = ["convert", clip, "--model", "absent", "--to", "bob", "-o", output, *options]
        with pytest.raises(SystemExit) as ended:
            run_program("faceswap", faceswap.cli.VERBS, "0", [str(word) for word in arguments])
        assert ended.value.code == 2
        assert not output.parent.exists()
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert len(said.strip().splitlines()) <= 3
        return said

    return run


def test_a_key_of_another_certificate(convert, tmp_path):
    own, other = issue(tmp_path / "own"), issue(tmp_path / "other")
    said = convert("--sign-cert", own.certificate, "--sign-key", other.key)
    assert "does not match the certificate" in said


def test_a_certificate_out_of_date(convert, tmp_path):
    own = issue(tmp_path / "own", days=-1)
    assert "not today" in convert("--sign-cert", own.certificate, "--sign-key", own.key)


def test_a_key_with_a_password(convert, tmp_path):
    own = issue(tmp_path / "own", password=b"secret")
    said = convert("--sign-cert", own.certificate, "--sign-key", own.key)
    assert "protected by a password" in said
    assert "openssl pkey" in said


def test_a_certificate_for_another_purpose(convert, tmp_path):
    own = issue(tmp_path / "own", purpose=False)
    said = convert("--sign-cert", own.certificate, "--sign-key", own.key)
    assert "cannot sign a C2PA manifest" in said
    assert "emailProtection" in said


def test_a_certificate_without_its_key(convert, tmp_path):
    own = issue(tmp_path / "own")
    assert "Expected both --sign-cert and --sign-key" in convert("--sign-cert", own.certificate)


def test_a_good_pair_gets_as_far_as_the_model(convert, tmp_path):
    own = issue(tmp_path / "own")
    assert "absent" in convert("--sign-cert", own.certificate, "--sign-key", own.key)


def test_no_folder_for_the_identity(convert, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("FACESWAP_CONFIG", str(tmp_path / "file" / "config"))
    said = convert()
    assert "always signed" in said
    assert "FACESWAP_CONFIG" in said


def test_from_python(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("FACESWAP_CONFIG", str(tmp_path / "file" / "config"))
    (source,) = find_sources([write_clip(tmp_path / "clip.mp4", 2)])
    output: Path = tmp_path / "out.mp4"
    with pytest.raises(ProvenanceError, match="always signed"):
        convert_source(source, output, swapper())
    assert not output.exists()
