"""Every type of file is signed, embedded or in a sidecar, or not written at all."""

import errno
import os
import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from faceswap.core.errors import SourceChangedError, StorageFullError
from faceswap.core.files import sha256_file
from faceswap.core.hashed_file import HashedFile
from faceswap.core.held_file import HeldFile
from faceswap.media.animation import write_animation
from faceswap.media.encoders import VideoEncoding
from faceswap.media.images import read_image, write_image
from faceswap.media.muxers import MUXERS
from faceswap.media.video import VideoReader, probe
from faceswap.media.writer import VideoWriter
from faceswap.provenance import signing
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.manifest import stored_names
from faceswap.provenance.metadata import COMPOSITE, xmp_packet
from tests.footage import moving_portrait

EMBEDDED = ["a.jpg", "a.png", "a.webp", "a.tif", "a.tiff", "a.mp4", "a.m4v", "a.mov"]
EMBEDDED += ["a.avi", "a.qt"]
BESIDE = ["a.bmp", "a.mkv", "a.webm", "a.ts", "a.m2ts", "a.mpg", "a.flv"]


@pytest.mark.parametrize("name", EMBEDDED + BESIDE)
def test_a_signed_file_is_read_back(make_signed, tmp_path, clip, name):
    path = make_signed(name)
    found = read_provenance(path)
    assert (found.state, found.problems, found.signer) == ("intact", (), "local")
    assert found.place == ("embedded" if name in EMBEDDED else f"{name}.c2pa")
    assert found.synthetic
    assert [action["action"] for action in found.actions] == ["c2pa.opened", "c2pa.edited"]
    assert found.actions[1]["digitalSourceType"] == COMPOSITE
    assert found.conversion is not None
    assert found.conversion["model"]["weights_sha256"] == "ab" * 32
    assert found.conversion["shows"] == ["bob"]
    assert found.conversion["subjects"]["bob"][0]["reference"] == "release 7"
    source = clip if path.suffix in MUXERS else None
    source = source or tmp_path / f"source{path.suffix}"
    assert found.conversion["sources"] == [{"name": source.name, "sha256": sha256_file(source)}]
    assert [s["title"] for s in found.ingredients] == [source.name]
    assert found.ingredients[0]["relationship"] == "parentOf"
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.ts", "a.mpg"])
def test_the_manifest_changes_no_frame(make_signed, tmp_path, clip, name):
    signed = make_signed(name)
    reader = VideoReader(clip)
    with VideoWriter(tmp_path / f"plain{signed.suffix}", reader.info) as writer:
        for frame in reader:
            writer.write(frame.image, frame.pts)
    frames = VideoReader(signed), VideoReader(tmp_path / f"plain{signed.suffix}")
    for ours, plain in zip(*frames, strict=True):
        assert ours.pts == plain.pts
        np.testing.assert_array_equal(ours.image, plain.image)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_the_manifest_changes_no_pixel(make_signed, name):
    np.testing.assert_array_equal(read_image(make_signed(name)), moving_portrait(2))


@pytest.mark.parametrize(
    ("first", "second"),
    [("a.jpg", "b.png"), ("a.mp4", "b.mov"), ("a.mkv", "b.mp4"), ("a.bmp", "b.bmp")],
)
def test_the_manifest_of_a_source_is_kept(make_signed, first, second):
    found = read_provenance(make_signed(second, source=make_signed(first)))
    assert found.state == "intact"
    (source,) = found.ingredients
    assert source["title"] == first
    assert source["manifest"]
    assert source["synthetic"]
    assert source["problems"] == []
    assert len(source["ingredients"]) == 1


def test_an_invalid_manifest_of_a_source_is_reported(make_signed):
    tampered = make_signed("a.jpg")
    data = bytearray(tampered.read_bytes())
    data[-300] ^= 1
    tampered.write_bytes(data)
    found = read_provenance(make_signed("b.png", source=tampered))
    assert found.state == "intact"
    assert found.ingredients[0]["problems"] == ["assertion.dataHash.mismatch"]


@pytest.mark.parametrize("name", ["odd.jpg", "odd.mkv", "odd.gif"])
def test_a_source_may_be_damaged(make_signed, tmp_path, name):
    odd = tmp_path / name
    odd.write_bytes(b"\xff\xd8\xffnot much of a picture" * 3)
    found = read_provenance(make_signed("b.png", source=odd))
    assert found.state == "intact"
    assert "cannot be read" in found.ingredients[0]["remark"]


def test_several_sources_are_shown_together(signer, make_signed, clip, tmp_path):
    parts = [clip, make_signed("a.mp4"), make_signed("b.mkv")]
    write_image(
        tmp_path / "grid.png",
        moving_portrait(1),
        sign=signer.for_sources(*map(HashedFile.of, parts)),
    )
    found = read_provenance(tmp_path / "grid.png")
    assert found.state == "intact"
    assert [action["action"] for action in found.actions] == [
        "c2pa.created",
        *["c2pa.placed"] * 3,
        "c2pa.edited",
    ]
    assert {source["relationship"] for source in found.ingredients} == {"componentOf"}
    assert [bool(source["manifest"]) for source in found.ingredients] == [False, True, True]


def test_the_file_takes_its_name_only_when_it_is_signed(signer, clip, tmp_path, monkeypatch):
    seen = []
    sign = signer._sign

    def watched(file, final, *rest, **named):
        seen.append((final.name, final.exists()))
        companions = sign(file, final, *rest, **named)
        seen.append((read_provenance(file.path).state, final.exists()))
        return companions

    monkeypatch.setattr(signer, "_sign", watched)
    write_image(
        tmp_path / "out.png", moving_portrait(0), sign=signer.for_sources(HashedFile.of(clip))
    )
    with VideoWriter(
        tmp_path / "out.mp4", probe(clip), sign=signer.for_sources(HashedFile.of(clip))
    ) as writer:
        writer.write(moving_portrait(0), 0)
    assert seen == [("out.png", False), ("intact", False), ("out.mp4", False), ("intact", False)]


def test_a_file_that_cannot_be_signed_is_not_written(signer, clip, tmp_path, monkeypatch):
    def fails(*_args: object, **_named: object) -> None:
        raise ProvenanceError("cannot be signed")

    monkeypatch.setattr(signer, "_sign", fails)
    info = VideoReader(clip).info
    with (
        pytest.raises(ProvenanceError),
        VideoWriter(
            tmp_path / "out.mp4", info, sign=signer.for_sources(HashedFile.of(clip))
        ) as writer,
    ):
        writer.write(moving_portrait(0), 0)
    with pytest.raises(ProvenanceError):
        write_image(
            tmp_path / "out.png", moving_portrait(0), sign=signer.for_sources(HashedFile.of(clip))
        )
    assert not list(tmp_path.iterdir())


def test_an_error_of_the_library_names_the_file(signer, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(signing, "media_type_of", lambda _head: "image/png")
    with pytest.raises(ProvenanceError, match=r"out\.jpg cannot be signed"):
        write_image(
            tmp_path / "out.jpg", moving_portrait(0), sign=signer.for_sources(HashedFile.of(clip))
        )
    assert not list(tmp_path.iterdir())


def test_a_full_disk_while_signing_is_reported(signer, clip, tmp_path, monkeypatch):
    class Full(HeldFile):
        def write(self, data, /):
            self.error = OSError(errno.ENOSPC, "No space left on device")
            raise self.error

    monkeypatch.setattr(signing, "HeldFile", Full)
    with pytest.raises(StorageFullError, match="full"):
        write_image(
            tmp_path / "out.png", moving_portrait(0), sign=signer.for_sources(HashedFile.of(clip))
        )
    assert not list(tmp_path.iterdir())


def test_a_sidecar_is_replaced_with_its_file(make_signed, tmp_path):
    make_signed("a.bmp")
    assert (tmp_path / "a.bmp.c2pa").is_file()
    again = make_signed("a.bmp")
    assert read_provenance(again).state == "intact"


def test_long_names_and_odd_letters(make_signed):
    for name in ("Übung %20 #1.png", "日本.mp4", "x" * 150 + ".bmp"):
        assert read_provenance(make_signed(name)).state == "intact"


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are text")
def test_names_that_are_not_valid_unicode(make_signed, tmp_path):
    source = make_signed(os.fsdecode(b"a\xff.png"))
    found = read_provenance(make_signed("b.png", source=source))
    assert found.state == "intact"
    assert [s["title"] for s in found.ingredients] == [r"a\xff.png"]
    assert stored_names(source) == {r"a\xff.png", "a?.png"}


@pytest.mark.parametrize("change", ["removed", "replaced or changed"])
@pytest.mark.parametrize("name", ["out.png", "out.bmp"])
def test_nothing_is_signed_when_the_source_changed(signer, clip, tmp_path, change, name):
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip.read_bytes())
    sign = signer.for_sources(HashedFile.of(source))
    if change == "removed":
        source.unlink()
    else:
        source.write_bytes(clip.read_bytes()[:-1] + b"x")
    with pytest.raises(SourceChangedError, match=change):
        write_image(tmp_path / name, moving_portrait(0), sign=sign)
    assert {path.name for path in tmp_path.iterdir()} <= {"clip.mp4"}


def test_video_keeps_its_length(make_signed, clip):
    assert probe(make_signed("a.mp4")).frames == probe(clip).frames


@pytest.mark.parametrize("name", ["a.gif", "a.webp"])
def test_an_animation_is_signed(signer, tmp_path, clip, name):
    reader = VideoReader(clip)
    encoding = VideoEncoding("ffv1", pixel_format="bgra")
    with VideoWriter(tmp_path / "work.mkv", reader.info, encoding=encoding) as writer:
        for frame in reader:
            writer.write(frame.image, frame.pts)
    sign = signer.for_sources(HashedFile.of(clip))
    write_animation(
        tmp_path / name, tmp_path / "work.mkv", Fraction(1, 10), xmp=xmp_packet(), sign=sign
    )
    found = read_provenance(tmp_path / name)
    assert (found.state, found.place, found.synthetic) == ("intact", "embedded", True)
    assert found.metadata["digital_source_type"] == COMPOSITE
    with Image.open(tmp_path / name) as image:
        assert getattr(image, "n_frames", 1) == 6
        image.seek(5)
        image.load()
