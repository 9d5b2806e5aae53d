import hashlib
import sys
from pathlib import Path

import pytest

from faceswap.cli import main
from faceswap.core.weights import WEIGHTS
from faceswap.core.weights_table import WeightsEntry


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESWAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("FACESWAP_WEIGHTS", raising=False)
    monkeypatch.delenv("FACESWAP_OFFLINE", raising=False)
    (tmp_path / "tiny.bin").write_bytes(b"x")
    url, sha256 = (tmp_path / "tiny.bin").as_uri(), hashlib.sha256(b"x").hexdigest()
    tiny = WeightsEntry(
        filename="tiny.bin",
        sha256=sha256[:10],
        origin=url,
        size=None,
        role="a test",
        licence="CC-BY-NC-4.0",
        commercial=False,
        note="Beware.",
    )
    monkeypatch.setitem(WEIGHTS, "tiny", tiny)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["faceswap", "weights", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def test_list(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "list") == 0
    captured = capsys.readouterr()
    for name in WEIGHTS:
        assert name in captured.out
    row = next(line for line in captured.out.splitlines() if " tiny " in line)
    assert "CC-BY-NC-4.0" in row
    assert " no " in row
    assert " ? " in row
    assert "tiny: Beware." in captured.err


def test_fetch_then_verify(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "verify", "tiny") == 1
    assert run(monkeypatch, "fetch", "tiny") == 0
    capsys.readouterr()
    assert run(monkeypatch, "verify", "tiny") == 0
    path = tmp_path / "cache" / "weights" / "tiny.bin"
    assert f"tiny: ok (first 10 digits of the SHA-256), {path}" in capsys.readouterr().err
    path.write_bytes(b"y")
    assert run(monkeypatch, "verify", "tiny") == 1
    assert "another file" in capsys.readouterr().err


def test_unknown_name_and_offline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "fetch", "tinny") == 2
    assert "'tiny'" in capsys.readouterr().err
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    assert run(monkeypatch, "fetch", "tiny") == 2
    assert "FACESWAP_OFFLINE" in capsys.readouterr().err
