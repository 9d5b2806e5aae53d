"""Marks that are whole, tampered with, torn off, or somebody else's."""

import datetime

import av
import numpy as np
import pytest
from PIL import Image as PillowImage

from faceswap.core.errors import MediaError
from faceswap.core.files import sha256_file, write_json
from faceswap.media.images import read_image, write_image
from faceswap.provenance import identity as identity_module
from faceswap.provenance.describe import UNMARKED, headline, verdict
from faceswap.provenance.errors import ProvenanceError
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.identity import open_identity
from faceswap.provenance.library import load_library, new_context
from faceswap.provenance.metadata import COMPOSITE, SOURCE_TYPES, xmp_packet
from tests.footage import moving_portrait, write_clip
from tests.provenance.authority import issue


def without_own_identity(monkeypatch, tmp_path) -> None:
    """From here on this is another machine."""
    monkeypatch.setenv("FACESWAP_CONFIG", str(tmp_path / "elsewhere"))


def pixels_changed(path) -> None:
    """Changes one sample of the media data, as an editor that keeps all metadata would."""
    data = bytearray(path.read_bytes())
    in_video = path.suffix in (".mp4", ".mov")
    data[data.rfind(b"mdat") + 200 if in_video else len(data) // 2] ^= 0x10
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.mp4", "a.mov"])
def test_changed_content_is_found_out(make_marked, name):
    path = make_marked(name)
    pixels_changed(path)
    marks = read_provenance(path)
    assert marks.state == "changed"
    assert all("mismatch" in problem for problem in marks.problems)
    assert marks.synthetic


@pytest.mark.parametrize("name", ["a.bmp", "a.mkv"])
def test_changed_content_beside_a_sidecar_is_found_out(make_marked, name):
    path = make_marked(name)
    pixels_changed(path)
    assert read_provenance(path).state == "changed"


def test_an_altered_manifest_is_found_out(make_marked):
    path = make_marked("a.png")
    data = path.read_bytes()
    assert data.count(b"release 7") == 1
    path.write_bytes(data.replace(b"release 7", b"release 8"))
    marks = read_provenance(path)
    assert marks.state == "broken"
    assert "assertion.hashedURI.mismatch" in marks.problems


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_saving_anew_tears_the_manifest_off(make_marked, tmp_path, name):
    path = make_marked(name)
    write_image(tmp_path / f"again{path.suffix}", read_image(path))
    marks = read_provenance(tmp_path / f"again{path.suffix}")
    assert (marks.state, marks.synthetic, dict(marks.metadata)) == ("none", False, {})


def test_a_video_packed_anew_keeps_the_plain_metadata_only(make_marked, tmp_path):
    with (
        av.open(str(make_marked("a.mp4"))) as source,
        av.open(str(tmp_path / "b.mkv"), "w") as target,
    ):
        target.metadata.update(source.metadata)
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    marks = read_provenance(tmp_path / "b.mkv")
    assert marks.state == "none"
    assert marks.metadata["digital_source_type"] == COMPOSITE


def test_without_its_sidecar_a_file_has_no_mark(make_marked, tmp_path):
    path = make_marked("a.mkv")
    (tmp_path / "a.mkv.c2pa").rename(tmp_path / "a.c2pa")  # as other programs call it
    assert read_provenance(path).state == "intact"
    (tmp_path / "a.c2pa").unlink()
    assert read_provenance(path).state == "none"
    assert read_provenance(path).metadata["digital_source_type"] == COMPOSITE


def test_a_sidecar_that_is_none_is_broken(make_marked, tmp_path):
    path = make_marked("a.bmp")
    (tmp_path / "a.bmp.c2pa").write_bytes(b"nonsense")
    marks = read_provenance(path)
    assert marks.state == "broken"
    assert marks.problems


def test_rubbish_had_no_mark(tmp_path):
    for name in ("a.jpg", "a.mp4", "a.txt"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff\0ftypmp42 no media at all" * 9)
        assert read_provenance(tmp_path / name).state == "none"


def test_a_marked_file_cut_short_is_broken(make_marked):
    path = make_marked("a.mp4")
    path.write_bytes(path.read_bytes()[:-2000])
    assert read_provenance(path).state in ("changed", "broken")
    path.write_bytes(path.read_bytes()[:3000])
    assert read_provenance(path).state == "broken"


def test_footage_that_nobody_marked(clip, tmp_path):
    write_image(tmp_path / "a.png", moving_portrait(0))
    for path in (clip, tmp_path / "a.png", write_clip(tmp_path / "b.mkv", 3)):
        marks = read_provenance(path)
        assert (marks.state, marks.synthetic, marks.signer) == ("none", False, None)
        assert "digital_source_type" not in marks.metadata


def test_a_signer_whom_nobody_vouches_for(make_marked, monkeypatch, tmp_path):
    path = make_marked("a.png")
    without_own_identity(monkeypatch, tmp_path)
    marks = read_provenance(path)
    assert (marks.state, marks.signer) == ("intact", "unknown")
    assert not (tmp_path / "elsewhere").exists()


def test_a_signer_of_a_trusted_authority(make_marked, tmp_path):
    own = issue(tmp_path / "own")
    path = make_marked("a.mp4", identity=open_identity(own.certificate, own.key))
    assert read_provenance(path).signer == "unknown"
    marks = read_provenance(path, own.root)
    assert (marks.state, marks.signer) == ("intact", "trusted")
    assert marks.signature["common_name"] == "Signer"
    with pytest.raises(ProvenanceError, match="no certificates"):
        read_provenance(path, b"nonsense")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_xmp_is_where_other_programs_look(make_marked, name):
    path = make_marked(name)
    assert read_provenance(path).metadata == {"digital_source_type": COMPOSITE}
    with PillowImage.open(path) as image:
        image.load()
        tags = getattr(image, "tag_v2", {})
        found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or tags.get(700)
        packet = found.encode() if isinstance(found, str) else bytes(found or b"")
        np.testing.assert_array_equal(np.asarray(image), read_image(path))
    assert f"<Iptc4xmpExt:DigitalSourceType>{COMPOSITE}<".encode() in packet


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
def test_tags_are_where_other_programs_look(make_marked, name):
    with av.open(str(make_marked(name))) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
    assert tags["digital_source_type"] == COMPOSITE
    assert "neural network" in tags["comment"]


def test_metadata_of_a_camera_is_not_taken_for_ours(tmp_path):
    camera = xmp_packet().replace(COMPOSITE.encode(), f"{SOURCE_TYPES}digitalCapture".encode())
    write_image(tmp_path / "a.jpg", moving_portrait(0), xmp=camera)
    marks = read_provenance(tmp_path / "a.jpg")
    assert marks.metadata["digital_source_type"].endswith("digitalCapture")
    assert headline(marks) == "no mark found"


def test_the_report_beside_it(make_marked, tmp_path):
    path = make_marked("a.png")
    assert read_provenance(path).report is None
    files = [{"name": "a.png", "sha256": sha256_file(path)}]
    write_json(tmp_path / "a.png.json", {"synthetic": {}, "tool": "t", "files": files})
    assert read_provenance(path).report_matches is True
    pixels_changed(path)
    assert read_provenance(path).report_matches is False
    (tmp_path / "a.png.json").write_text("{")
    assert read_provenance(path).report is None


def test_what_an_earlier_identity_signed_is_still_ours(make_marked, monkeypatch, tmp_path):
    monkeypatch.setenv("FACESWAP_CONFIG", str(tmp_path / "config"))
    path = make_marked("a.png")
    monkeypatch.setattr(identity_module, "_RENEW_BEFORE", datetime.timedelta(days=36500))
    serial = str(open_identity().certificate.serial_number)
    marks = read_provenance(path)
    assert marks.signer == "local"
    assert marks.signature["cert_serial_number"] != serial
    (tmp_path / "config" / "identity" / "chain.pem").write_text("nonsense")
    with pytest.raises(ProvenanceError, match="no certificate"):
        read_provenance(path)


def test_a_camera_s_manifest_holds_and_says_nothing_of_synthetic(tmp_path):
    write_image(tmp_path / "plain.png", moving_portrait(0))
    source_type = f"{SOURCE_TYPES}digitalCapture"
    created = {"action": "c2pa.created", "digitalSourceType": source_type}
    definition = {
        "claim_generator_info": [{"name": "a camera"}],
        "format": "image/png",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}],
    }
    builder = load_library().Builder(definition, context=new_context())
    with (tmp_path / "plain.png").open("rb") as source, (tmp_path / "a.png").open("w+b") as target:
        builder.sign(open_identity().signer(), "image/png", source, target)
    marks = read_provenance(tmp_path / "a.png")
    assert (marks.state, marks.synthetic, marks.conversion) == ("intact", False, None)
    assert verdict(marks) == UNMARKED
    assert "does not say that this is synthetic" in headline(marks)


def test_a_sidecar_is_not_looked_at_by_itself(make_marked, tmp_path):
    make_marked("a.bmp")
    with pytest.raises(MediaError, match="beside a file") as error:
        read_provenance(tmp_path / "a.bmp.c2pa")
    assert error.value.hint.endswith("a.bmp")


def test_no_such_file(tmp_path):
    with pytest.raises(MediaError, match="no file"):
        read_provenance(tmp_path / "absent.png")
