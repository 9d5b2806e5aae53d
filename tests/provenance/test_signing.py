"""Every kind of file is signed, inside or beside it, or is not there at all."""

import errno
import os
import sys

import numpy as np
import pytest

from faceswap.core.errors import StorageFullError
from faceswap.core.files import sha256_file
from faceswap.media.images import read_image, write_image
from faceswap.media.video import VideoReader, probe
from faceswap.media.writer import VideoWriter
from faceswap.provenance import signing
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.metadata import COMPOSITE
from tests.footage import moving_portrait

EMBEDDED = ["a.jpg", "a.png", "a.webp", "a.tif", "a.tiff", "a.mp4", "a.m4v", "a.mov"]
BESIDE = ["a.bmp", "a.mkv", "a.webm"]


@pytest.mark.parametrize("name", EMBEDDED + BESIDE)
def test_what_is_signed_is_read_back(make_marked, tmp_path, clip, name):
    path = make_marked(name)
    marks = read_provenance(path)
    assert (marks.state, marks.problems, marks.signer) == ("intact", (), "local")
    assert marks.place == ("embedded" if name in EMBEDDED else f"{name}.c2pa")
    assert marks.synthetic
    assert [action["action"] for action in marks.actions] == ["c2pa.opened", "c2pa.edited"]
    assert marks.actions[1]["digitalSourceType"] == COMPOSITE
    assert marks.conversion is not None
    assert marks.conversion["model"]["weights_sha256"] == "ab" * 32
    assert marks.conversion["shows"] == ["bob"]
    assert marks.conversion["subjects"]["bob"][0]["reference"] == "release 7"
    source = clip if path.suffix in (".mp4", ".m4v", ".mov", ".mkv", ".webm") else None
    source = source or tmp_path / f"source{path.suffix}"
    assert marks.conversion["sources"] == [{"name": source.name, "sha256": sha256_file(source)}]
    assert [s["title"] for s in marks.sources] == [source.name]
    assert marks.sources[0]["relationship"] == "parentOf"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_the_manifest_changes_no_frame(make_marked, tmp_path, clip, name):
    signed = make_marked(name)
    reader = VideoReader(clip)
    with VideoWriter(tmp_path / f"plain{signed.suffix}", reader.info) as writer:
        for frame in reader:
            writer.write(frame.image, frame.pts)
    frames = VideoReader(signed), VideoReader(tmp_path / f"plain{signed.suffix}")
    for ours, plain in zip(*frames, strict=True):
        assert ours.pts == plain.pts
        np.testing.assert_array_equal(ours.image, plain.image)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_the_manifest_changes_no_pixel(make_marked, name):
    np.testing.assert_array_equal(read_image(make_marked(name)), moving_portrait(2))


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.jpg", "b.png"), ("a.mp4", "b.mov"), ("a.mkv", "b.mp4"), ("a.bmp", "b.bmp")],
)
def test_a_source_s_own_manifest_is_carried_on(make_marked, first, second):
    marks = read_provenance(make_marked(second, source=make_marked(first)))
    assert marks.state == "intact"
    (source,) = marks.sources
    assert source["title"] == first
    assert source["manifest"]
    assert source["synthetic"]
    assert source["problems"] == []
    assert len(source["sources"]) == 1


def test_a_source_whose_manifest_no_longer_holds_is_said_to_be_so(make_marked):
    tampered = make_marked("a.jpg")
    data = bytearray(tampered.read_bytes())
    data[-300] ^= 1
    tampered.write_bytes(data)
    marks = read_provenance(make_marked("b.png", source=tampered))
    assert marks.state == "intact"
    assert marks.sources[0]["problems"] == ["assertion.dataHash.mismatch"]


@pytest.mark.parametrize("name", ["odd.jpg", "odd.mkv", "odd.gif"])
def test_any_source_will_do(make_marked, tmp_path, name):
    odd = tmp_path / name
    odd.write_bytes(b"\xff\xd8\xffnot much of a picture" * 3)
    marks = read_provenance(make_marked("b.png", source=odd))
    assert marks.state == "intact"
    assert "cannot be read" in marks.sources[0]["remark"]


def test_several_sources_are_shown_together(signer, make_marked, clip, tmp_path):
    parts = [clip, make_marked("a.mp4"), make_marked("b.mkv")]
    write_image(tmp_path / "grid.png", moving_portrait(1), sign=signer.for_sources(*parts))
    marks = read_provenance(tmp_path / "grid.png")
    assert marks.state == "intact"
    assert [action["action"] for action in marks.actions] == [
        "c2pa.created",
        *["c2pa.placed"] * 3,
        "c2pa.edited",
    ]
    assert {source["relationship"] for source in marks.sources} == {"componentOf"}
    assert [bool(source["manifest"]) for source in marks.sources] == [False, True, True]


def test_the_file_takes_its_name_only_when_it_is_signed(signer, clip, tmp_path, monkeypatch):
    seen = []
    sign = signer._sign

    def watched(file, final, *rest) -> None:
        seen.append((final.name, final.exists()))
        sign(file, final, *rest)
        seen.append((read_provenance(file).state, final.exists()))

    monkeypatch.setattr(signer, "_sign", watched)
    write_image(tmp_path / "out.png", moving_portrait(0), sign=signer.for_sources(clip))
    with VideoWriter(tmp_path / "out.mp4", probe(clip), sign=signer.for_sources(clip)) as writer:
        writer.write(moving_portrait(0), 0)
    assert seen == [("out.png", False), ("intact", False), ("out.mp4", False), ("intact", False)]


def test_what_cannot_be_signed_is_not_written(signer, clip, tmp_path, monkeypatch):
    def fails(*_args: object) -> None:
        raise ProvenanceError("cannot be signed")

    monkeypatch.setattr(signer, "_sign", fails)
    info = VideoReader(clip).info
    with (
        pytest.raises(ProvenanceError),
        VideoWriter(tmp_path / "out.mp4", info, sign=signer.for_sources(clip)) as writer,
    ):
        writer.write(moving_portrait(0), 0)
    with pytest.raises(ProvenanceError):
        write_image(tmp_path / "out.png", moving_portrait(0), sign=signer.for_sources(clip))
    assert not list(tmp_path.iterdir())


def test_the_library_s_refusal_is_put_into_words(signer, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(signing, "media_type", lambda _path: "image/png")
    with pytest.raises(ProvenanceError, match=r"out\.jpg cannot be signed"):
        write_image(tmp_path / "out.jpg", moving_portrait(0), sign=signer.for_sources(clip))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_up_while_signing_is_said_to_be_full(signer, clip, tmp_path, monkeypatch):
    class Full(signing._Sink):
        def write(self, data, /):
            self.error = OSError(errno.ENOSPC, "No space left on device")
            raise self.error

    monkeypatch.setattr(signing, "_Sink", Full)
    with pytest.raises(StorageFullError, match="full"):
        write_image(tmp_path / "out.png", moving_portrait(0), sign=signer.for_sources(clip))
    assert not list(tmp_path.iterdir())


def test_a_sidecar_of_an_older_file_goes_away_with_it(make_marked, tmp_path):
    make_marked("a.bmp")
    assert (tmp_path / "a.bmp.c2pa").is_file()
    again = make_marked("a.bmp")
    assert read_provenance(again).state == "intact"


def test_long_names_and_odd_letters(make_marked):
    for name in ("Übung %20 #1.png", "日本.mp4", "x" * 150 + ".bmp"):
        assert read_provenance(make_marked(name)).state == "intact"


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are text")
def test_names_that_are_no_text(make_marked, tmp_path):
    source = make_marked(os.fsdecode(b"a\xff.png"))
    marks = read_provenance(make_marked("b.png", source=source))
    assert marks.state == "intact"
    assert [s["title"] for s in marks.sources] == ["a?.png"]


def test_a_source_that_is_gone_is_said_to_be(make_marked, tmp_path):
    with pytest.raises(ProvenanceError, match="no longer there"):
        make_marked("a.png", source=tmp_path / "gone.mp4")


def test_video_keeps_its_length(make_marked, clip):
    assert probe(make_marked("a.mp4")).frames == probe(clip).frames
