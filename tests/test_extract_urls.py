"""Extraction from URLs, to URLs, and in shards."""

import json
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import (
    ConfigError,
    FacesetError,
    MediaError,
    OutputBusyError,
    OutputError,
    RemoteError,
)
from faceswap.core.remote import RemoteFolder
from faceswap.core.remote_claim import ClaimTiming, RemoteClaim
from faceswap.extract import extract
from faceswap.extraction.output_folder import OutputFolder
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.media.images import write_image
from faceswap.media.remote_sources import fetched, find_remote_sources
from faceswap.media.sources import find_sources
from tests.footage import plain_picture, portrait, write_clip


@pytest.fixture
def memory(memory, tmp_path, monkeypatch):
    # Weights stay where they are: only copies of facesets go to this cache.
    monkeypatch.setattr("faceswap.extraction.output_folder.user_cache", lambda: tmp_path / "cache")
    return memory


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", 6)


def names(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.*g"))


def assert_same_faceset(store, url: str, local: Path) -> None:
    files = {path.partition(f"{url}/")[2] for path in store.find(url)}
    assert files == {"faceset.json", "faces.parquet", *names(local)}
    for name in files - {"faceset.json"}:
        assert store.cat(f"{url}/{name}") == (local / name).read_bytes()
    record = json.loads(store.cat(f"{url}/faceset.json"))
    expected = json.loads((local / "faceset.json").read_text())
    assert record["source"].pop("path").startswith(("memory://", "s3://"))
    expected["source"].pop("path")
    assert record == expected


def test_a_video_at_a_url_becomes_the_same_faceset_at_a_url(memory, clip, tmp_path):
    extract([str(clip)], str(tmp_path / "faces"))
    memory.put_file(str(clip), "/in/day/clip.mp4")
    extract(["memory://in"], "memory://out/faces")
    assert_same_faceset(memory, "/out/faces/day-clip", renamed(tmp_path / "faces" / "clip"))
    copies = [p for p in (tmp_path / "cache").rglob("*") if p.is_file() and p.name[0] != "."]
    assert sorted(file.name for file in copies) == ["faces.parquet", "faceset.json"]


def renamed(faceset: Path) -> Path:
    """A faceset as it is called when its video lies in the folder ``day``."""
    record = json.loads((faceset / "faceset.json").read_text())
    record["source"]["name"] = "day-clip"
    (faceset / "faceset.json").write_text(json.dumps(record))
    return faceset


def test_what_is_complete_at_the_url_is_kept_on_another_machine(memory, clip, tmp_path, capsys):
    extract([str(clip)], "memory://out")
    before = {path: memory.info(path)["created"] for path in memory.find("/out")}
    (tmp_path / "cache").rename(tmp_path / "other machine")
    extract([str(clip)], "memory://out")
    assert "already complete" in capsys.readouterr().err.replace("\n", " ")
    assert {path: memory.info(path)["created"] for path in memory.find("/out")} == before
    with pytest.raises(FacesetError, match="other settings"):
        extract([str(clip)], "memory://out", crop_size=128)


def test_another_process_that_writes_the_faceset_to_the_url_is_not_disturbed(memory, clip):
    (source,) = find_sources([clip])
    with OutputFolder("memory://out").faceset("clip") as folder:
        with pytest.raises(OutputBusyError, match="the extraction"):
            extract([str(clip)], "memory://out")
        extract_source(source, folder, ExtractSettings(every=3))
        assert memory.find("/out/clip") == []
    assert memory.exists("/out/clip/faceset.json")
    assert [path.name for path in folder.parent.iterdir()] == ["clip"]  # no lock is left


def test_another_machine_that_took_the_faceset_over_is_not_disturbed(memory, clip, tmp_path):
    now = [0.0]

    def wait(seconds: float) -> None:
        now[0] += seconds

    timing = ClaimTiming(clock=lambda: now[0], wait=wait)
    (source,) = find_sources([clip])
    asleep = OutputFolder("memory://out", timing)
    asleep.path = tmp_path / "a"
    other = OutputFolder("memory://out", timing)
    other.path = tmp_path / "b"

    def work_while_asleep() -> None:
        with asleep.faceset("clip") as mine:
            extract_source(source, mine, ExtractSettings())
            with other.faceset("clip") as theirs:
                assert now[0] >= timing.expiry
                extract_source(source, theirs, ExtractSettings(every=3))
            assert memory.exists("/out/clip/faceset.json")

    with pytest.raises(OutputBusyError, match="taken over memory://out/clip"):
        work_while_asleep()
    assert len(memory.find("/out/clip/images")) == 2
    assert memory.find("/out/.claims") == []


def test_a_faceset_deleted_at_the_url_is_made_again(memory, clip):
    extract([str(clip)], "memory://out")
    before = sorted(memory.find("/out"))
    memory.rm("/out", recursive=True)
    extract([str(clip)], "memory://out")
    assert sorted(memory.find("/out")) == before


def test_overwriting_leaves_no_crop_of_the_old_faceset(memory, clip):
    extract([str(clip)], "memory://out", image_format="png")
    extract([str(clip)], "memory://out", every=3, overwrite=True)
    crops = memory.find("/out/clip/images")
    assert [Path(path).name for path in crops] == ["000000-0.jpg", "000003-0.jpg"]


def test_a_failed_copy_is_finished_by_the_same_command(memory, clip, monkeypatch):
    upload, copied = RemoteFolder.upload, []

    def failing(self, source, name):
        copied.append(name)
        if len(copied) == 4:
            raise OutputError("The connection was lost.")
        upload(self, source, name)

    monkeypatch.setattr(RemoteFolder, "upload", failing)
    with pytest.raises(OutputError, match="connection"):
        extract([str(clip)], "memory://out")
    assert not memory.exists("/out/clip/faceset.json")  # what has a record is complete
    extract([str(clip)], "memory://out")
    assert copied[-1] == "clip/faceset.json"
    rows = pq.read_table(memory.open("/out/clip/faces.parquet"))
    images = {Path(path).name for path in memory.find("/out/clip/images")}
    assert images == set(rows["image"].to_pylist())
    assert rows.num_rows == 6


def test_photos_of_a_folder_are_one_source(memory, tmp_path):
    for name in ("2.png", "10.png", ".hidden.png"):
        write_image(tmp_path / name, plain_picture(0) if name == "10.png" else portrait())
        memory.put_file(str(tmp_path / name), f"/in/photos/{name}")
    extract(["memory://in/photos"], str(tmp_path / "faces"))
    record = json.loads((tmp_path / "faces" / "photos" / "faceset.json").read_text())
    assert record["source"]["files"] == ["2.png", "10.png"]
    assert record["source"]["path"] == "memory://in/photos"
    assert (record["source"]["faces"], record["source"]["frames"]) == (1, 2)


def test_the_query_of_a_signed_link_is_neither_recorded_nor_shown(memory, clip, tmp_path, capsys):
    memory.put_file(str(clip), "/in/clip.mp4?sig=secret.x/y")
    url, faces = "memory://in/clip.mp4?sig=secret.x/y", tmp_path / "faces"
    extract([url], str(faces))
    (source,) = find_remote_sources(url, tmp_path)
    record = json.loads((faces / "clip" / "faceset.json").read_text())
    assert (record["source"]["path"], source.origin) == ("memory://in/clip.mp4",) * 2
    assert record["source"]["faces"] == 6
    memory.rm("/in", recursive=True)
    with pytest.raises(MediaError, match=r"memory://in/clip\.mp4 contains no") as missing:
        extract([url], str(faces))
    with pytest.raises(RemoteError, match=r"clip\.mp4, found") as gone, fetched(source):
        pass
    with pytest.raises(ConfigError, match="found one after memory://out") as refused:
        extract([str(clip)], "memory://out?sig=secret")
    written = b"".join(file.read_bytes() for file in faces.rglob("*") if file.is_file())
    shown = [repr(source), capsys.readouterr().err, missing.value, gone.value, refused.value]
    assert "secret" not in " ".join(map(str, shown))
    assert b"secret" not in written


def test_a_url_without_footage_is_an_error(memory, tmp_path):
    memory.pipe("/in/notes.txt", b"none")
    with pytest.raises(MediaError, match="memory://in contains no video"):
        extract(["memory://in"], str(tmp_path / "faces"))


def test_shards_share_the_sources(clip, tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / "in").mkdir(exist_ok=True)
        os.link(clip, tmp_path / "in" / f"{name}.mp4")
    found = []
    for shard in ("1/2", "2/2"):
        extract([str(tmp_path / "in")], str(tmp_path / "faces"), shard=shard, every=3)
        found.append(sorted(path.name for path in (tmp_path / "faces").iterdir()))
    assert found == [["a", "c"], ["a", "b", "c"]]


@pytest.fixture
def s3(monkeypatch):
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("NO_PROXY", host)
    s3fs = pytest.importorskip("s3fs")
    s3fs.S3FileSystem.clear_instance_cache()
    store = s3fs.S3FileSystem()
    store.makedirs("studio", exist_ok=True)
    yield store
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_an_s3_server_serves_and_stores(s3, clip, tmp_path, monkeypatch):
    monkeypatch.setattr("faceswap.extraction.output_folder.user_cache", lambda: tmp_path / "cache")
    extract([str(clip)], str(tmp_path / "faces"))
    s3.put_file(str(clip), "studio/in/clip.mp4")
    extract(["s3://studio/in/clip.mp4"], "s3://studio/faces")
    s3.invalidate_cache()
    assert_same_faceset(s3, "studio/faces/clip", tmp_path / "faces" / "clip")
    crop = np.frombuffer(s3.cat("studio/faces/clip/images/000000-0.jpg"), np.uint8)
    assert crop[:2].tolist() == [0xFF, 0xD8]


def test_an_s3_server_tells_who_has_a_claim(s3):
    now = [0.0]

    def wait(seconds: float) -> None:
        now[0] += seconds

    timing = ClaimTiming(clock=lambda: now[0], wait=wait)
    folder = RemoteFolder.open("s3://studio/claims")
    first, second = (RemoteClaim(folder, "a.json", "a", "the work", timing) for _ in range(2))
    first.acquire()
    assert not folder.create("a.json", b"")
    second.acquire()
    assert now[0] >= timing.expiry
    with pytest.raises(OutputBusyError, match="taken over"):
        first.check()
    second.release()
    assert folder.files() == []
