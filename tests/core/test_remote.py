"""Folders at URLs."""

import pytest

from faceswap.core.errors import ConfigError, OutputError, RemoteError
from faceswap.core.remote import RemoteFolder
from faceswap.core.urls import is_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s3://a/b", True),
        ("memory://a", True),
        ("C://a", False),
        ("a/b", False),
        ("./s3:/a", False),
    ],
)
def test_urls_and_paths_are_told_apart(text, expected):
    assert is_url(text) == expected


def test_files_are_copied_there_and_back(memory, tmp_path):
    folder = RemoteFolder.open("memory://bucket/clips/")
    assert folder.files() == []
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 9000)  # more than two chunks
    folder.upload(tmp_path / "a.bin", "deep/a.bin")
    folder.upload(tmp_path / "a.bin", "b.bin")
    assert folder.files() == ["b.bin", "deep/a.bin"]
    assert folder.files("deep") == ["deep/a.bin"]
    folder.download("deep/a.bin", tmp_path / "copy" / "a.bin")
    assert (tmp_path / "copy" / "a.bin").read_bytes() == (tmp_path / "a.bin").read_bytes()
    folder.delete("b.bin")
    folder.delete("b.bin")
    assert folder.files() == ["deep/a.bin"]


def test_a_single_file_is_a_folder_of_itself(memory, tmp_path):
    memory.pipe("/bucket/clip.mp4", b"film")
    file = RemoteFolder.open("memory://bucket/clip.mp4")
    assert file.files() == [""]
    file.download("", tmp_path / "clip.mp4")
    assert (tmp_path / "clip.mp4").read_bytes() == b"film"


def test_what_cannot_be_read_is_named_and_leaves_no_file(memory, tmp_path):
    with pytest.raises(RemoteError, match="memory://bucket/none"):
        RemoteFolder.open("memory://bucket").download("none", tmp_path / "none")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(RemoteError, match="found: Protocol not known: nosuch"):
        RemoteFolder.open("nosuch://bucket")
    with pytest.raises(OutputError, match="write memory://bucket/a"):
        RemoteFolder.open("memory://bucket").upload(tmp_path / "missing", "a")


def test_names_that_no_local_file_could_have_are_skipped(memory):
    for name in ("a\nb.mp4", "aux.mp4", "c.mp4"):
        memory.pipe(f"/bucket/{name}", b"film")
    notes = []
    assert RemoteFolder.open("memory://bucket").files(on_note=notes.append) == ["c.mp4"]
    assert [note.partition(": Expected")[0] for note in notes] == [
        "Skipped memory://bucket/a b.mp4",
        "Skipped memory://bucket/aux.mp4",
    ]
    assert "reserved on Windows" in notes[1]


@pytest.mark.parametrize(
    "url",
    [
        "memory://user:secret@host/clip.mp4",
        "s3://key:sec/ret@bucket/a",
        "https://secret@host/clip.mp4",
        "sftp://:secret@host/a",
    ],
)
def test_credentials_in_a_url_are_refused_and_not_shown(url):
    with pytest.raises(ConfigError, match="without credentials") as caught:
        RemoteFolder.open(url)
    assert "ret@" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("path", ["user@host/a", "host:8080/a@2x.mp4", "bucket/a@2x.mp4"])
def test_names_of_users_ports_and_files_are_no_credentials(memory, path):
    assert RemoteFolder.open(f"memory://{path}").url == f"memory://{path}"


@pytest.mark.parametrize("knows", [True, False])
def test_a_store_is_asked_to_create_and_written_to_if_it_cannot(memory, monkeypatch, knows):
    folder = RemoteFolder.open("memory://bucket")
    pipe_file = memory.pipe_file

    def piped(path, value, **options):
        if options and not knows:
            raise NotImplementedError("If-None-Match")
        pipe_file(path, value, **options)

    monkeypatch.setattr(RemoteFolder, "creates_exclusively", False)
    monkeypatch.setattr(memory, "pipe_file", piped)
    assert folder.create("a", b"1")
    assert folder.create("a", b"2") is not knows
    assert folder.read("a") == (b"1" if knows else b"2")
    assert folder.read("b") is None
