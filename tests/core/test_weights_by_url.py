"""Weights given by their URL."""

import hashlib
from pathlib import Path

import pytest

from faceswap.core.errors import WeightsUnavailable
from faceswap.core.weights import hub_folder
from faceswap.core.weights_by_url import weights_by_url
from faceswap.core.weights_table import file_at_url

CONTENT = b"numbers"
PREFIX = hashlib.sha256(CONTENT).hexdigest()[:8]


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch hub's cache folder, not created yet."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("FACESWAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("FACESWAP_OFFLINE", raising=False)
    monkeypatch.delenv("FACESWAP_WEIGHTS", raising=False)
    return tmp_path / "torch" / "hub" / "checkpoints"


def publish(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize(
    ("filename", "prefix"),
    [
        ("resnet18-f37072fd.pth", "f37072fd"),
        ("2DFAN4-11f355bf06.pth.tar", "11f355bf06"),
        ("s3fd-619a316812.pth", "619a316812"),
        ("mobilenet-0.25_Final.pth", ""),
        ("model-feedface", ""),
        ("vit-large.bin", ""),
    ],
)
def test_hash_prefix_in_a_file_name(filename: str, prefix: str) -> None:
    file = file_at_url(f"https://example.org/models/{filename}")
    assert (file.filename, file.sha256) == (filename, prefix)
    assert file.matches(prefix + "0" * (64 - len(prefix)))
    assert not file.is_hash_complete
    assert file.matches("1" * 64) is not bool(prefix)


def test_hub_folder_is_torch_hubs(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch import hub as torch_hub  # noqa: TID251 (its folder is compared)

    assert hub_folder() == hub == Path(torch_hub.get_dir()) / "checkpoints"
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(hub.parent))
    assert hub_folder() == Path(torch_hub.get_dir()) / "checkpoints"


def test_download_is_stored_in_the_hub_and_verified(hub: Path, tmp_path: Path) -> None:
    name = f"net-{PREFIX}.pth"
    origin = publish(tmp_path / "web", name)
    assert weights_by_url("net", origin.as_uri()) == hub / name
    assert (hub / name).read_bytes() == CONTENT
    origin.unlink()
    assert weights_by_url("net", origin.as_uri()) == hub / name, "from the cache"


def test_failed_downloads_leave_no_file(hub: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match="download failed"):
        weights_by_url("net", (tmp_path / "absent-00000000.pth").as_uri())
    other = publish(tmp_path / "web", "net-00000000.pth")
    with pytest.raises(WeightsUnavailable, match="SHA-256 of the downloaded file does not match"):
        weights_by_url("net", other.as_uri())
    assert not list(hub.glob("[!.]*"))


def test_local_files_are_verified(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    url = f"https://example.org/net-{PREFIX}.pth"
    damaged = publish(hub, f"net-{PREFIX}.pth")
    damaged.write_bytes(b"half")
    named = publish(tmp_path / "named", f"net-{PREFIX}.pth")
    with pytest.raises(WeightsUnavailable) as caught:
        weights_by_url("net", url)
    for text in (url, str(damaged), "another file", f"SHA-256 {PREFIX}...", "FACESWAP_OFFLINE"):
        assert text in caught.value.message
    assert "--weights FILE" in caught.value.hint
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(named.parent))
    assert weights_by_url("net", url) == named
