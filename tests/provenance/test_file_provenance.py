"""Manifests that are intact, altered, removed, or of another program."""

import datetime
import os
import sys

import av
import numpy as np
import pytest
from PIL import Image as PillowImage

from faceswap.core.errors import MediaError
from faceswap.core.files import sha256_file, write_json
from faceswap.media.images import read_image, write_image
from faceswap.provenance import identity as identity_module
from faceswap.provenance.describe import UNDECLARED, headline, verdict
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
def test_changed_content_is_detected(make_signed, name):
    path = make_signed(name)
    pixels_changed(path)
    found = read_provenance(path)
    assert found.state == "changed"
    assert all("mismatch" in problem for problem in found.problems)
    assert found.synthetic


@pytest.mark.parametrize("name", ["a.bmp", "a.mkv"])
def test_changed_content_with_a_sidecar_is_detected(make_signed, name):
    path = make_signed(name)
    pixels_changed(path)
    assert read_provenance(path).state == "changed"


def test_an_altered_manifest_is_detected(make_signed):
    path = make_signed("a.png")
    data = path.read_bytes()
    assert data.count(b"release 7") == 1
    path.write_bytes(data.replace(b"release 7", b"release 8"))
    found = read_provenance(path)
    assert found.state == "broken"
    assert "assertion.hashedURI.mismatch" in found.problems


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_encoding_again_removes_the_manifest(make_signed, tmp_path, name):
    path = make_signed(name)
    write_image(tmp_path / f"again{path.suffix}", read_image(path))
    found = read_provenance(tmp_path / f"again{path.suffix}")
    assert (found.state, found.synthetic, dict(found.metadata)) == ("none", False, {})


def test_remuxing_keeps_the_plain_metadata_only(make_signed, tmp_path):
    with (
        av.open(str(make_signed("a.mp4"))) as source,
        av.open(str(tmp_path / "b.mkv"), "w") as target,
    ):
        target.metadata.update(source.metadata)
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    found = read_provenance(tmp_path / "b.mkv")
    assert found.state == "none"
    assert found.metadata["digital_source_type"] == COMPOSITE


def test_without_its_sidecar_a_file_has_no_manifest(make_signed, tmp_path):
    path = make_signed("a.mkv")
    (tmp_path / "a.mkv.c2pa").rename(tmp_path / "a.c2pa")  # as other programs call it
    assert read_provenance(path).state == "intact"
    (tmp_path / "a.c2pa").unlink()
    assert read_provenance(path).state == "none"
    assert read_provenance(path).metadata["digital_source_type"] == COMPOSITE


def test_an_invalid_sidecar_is_broken(make_signed, tmp_path):
    path = make_signed("a.bmp")
    (tmp_path / "a.bmp.c2pa").write_bytes(b"nonsense")
    found = read_provenance(path)
    assert found.state == "broken"
    assert found.problems


def test_files_of_no_known_type_have_no_manifest(tmp_path):
    for name in ("a.jpg", "a.mp4", "a.txt"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff\0ftypmp42 no media at all" * 9)
        assert read_provenance(tmp_path / name).state == "none"


def test_a_truncated_signed_file_is_broken(make_signed):
    path = make_signed("a.mp4")
    path.write_bytes(path.read_bytes()[:-2000])
    assert read_provenance(path).state in ("changed", "broken")
    path.write_bytes(path.read_bytes()[:3000])
    assert read_provenance(path).state == "broken"


def test_footage_without_a_manifest(clip, tmp_path):
    write_image(tmp_path / "a.png", moving_portrait(0))
    for path in (clip, tmp_path / "a.png", write_clip(tmp_path / "b.mkv", 3)):
        found = read_provenance(path)
        assert (found.state, found.synthetic, found.signer) == ("none", False, None)
        assert "digital_source_type" not in found.metadata


def test_an_unknown_signer(make_signed, monkeypatch, tmp_path):
    path = make_signed("a.png")
    without_own_identity(monkeypatch, tmp_path)
    found = read_provenance(path)
    assert (found.state, found.signer) == ("intact", "unknown")
    assert not (tmp_path / "elsewhere").exists()


def test_a_signer_of_a_trusted_authority(make_signed, tmp_path):
    own = issue(tmp_path / "own")
    path = make_signed("a.mp4", identity=open_identity(own.certificate, own.key))
    assert read_provenance(path).signer == "unknown"
    found = read_provenance(path, own.root)
    assert (found.state, found.signer) == ("intact", "trusted")
    assert found.signature["common_name"] == "Signer"
    with pytest.raises(ProvenanceError, match="Expected trusted certificates"):
        read_provenance(path, b"nonsense")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_other_programs_read_the_xmp(make_signed, name):
    path = make_signed(name)
    assert read_provenance(path).metadata == {"digital_source_type": COMPOSITE}
    with PillowImage.open(path) as image:
        image.load()
        tags = getattr(image, "tag_v2", {})
        found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or tags.get(700)
        packet = found.encode() if isinstance(found, str) else bytes(found or b"")
        np.testing.assert_array_equal(np.asarray(image), read_image(path))
    assert f"<Iptc4xmpExt:DigitalSourceType>{COMPOSITE}<".encode() in packet


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.webm"])
def test_other_programs_read_the_tags(make_signed, name):
    with av.open(str(make_signed(name))) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
    assert tags["digital_source_type"] == COMPOSITE
    assert "neural network" in tags["comment"]


def test_metadata_of_a_camera_does_not_declare_synthetic_content(tmp_path):
    camera = xmp_packet().replace(COMPOSITE.encode(), f"{SOURCE_TYPES}digitalCapture".encode())
    write_image(tmp_path / "a.jpg", moving_portrait(0), xmp=camera)
    found = read_provenance(tmp_path / "a.jpg")
    assert found.metadata["digital_source_type"].endswith("digitalCapture")
    assert headline(found) == "no Content Credentials found"


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are text")
@pytest.mark.parametrize("stored", [r"a\xff.png", "a?.png"])  # of this version, of earlier ones
def test_the_report_of_a_name_that_is_not_valid_unicode(make_signed, stored):
    path = make_signed(os.fsdecode(b"a\xff.png"))
    files = [{"name": stored, "sha256": sha256_file(path)}]
    report = path.with_name(path.name + ".json")
    write_json(report, {"synthetic": {}, "tool": "t", "files": files})
    assert read_provenance(path).report_matches is True


def test_the_report_of_a_file(make_signed, tmp_path):
    path = make_signed("a.png")
    assert read_provenance(path).report is None
    files = [{"name": "a.png", "sha256": sha256_file(path)}]
    write_json(tmp_path / "a.png.json", {"synthetic": {}, "tool": "t", "files": files})
    assert read_provenance(path).report_matches is True
    pixels_changed(path)
    assert read_provenance(path).report_matches is False
    (tmp_path / "a.png.json").write_text("{")
    assert read_provenance(path).report is None


def test_a_retired_identity_is_still_local(make_signed, monkeypatch, tmp_path):
    monkeypatch.setenv("FACESWAP_CONFIG", str(tmp_path / "config"))
    path = make_signed("a.png")
    monkeypatch.setattr(identity_module, "_RENEW_BEFORE", datetime.timedelta(days=36500))
    serial = str(open_identity().certificate.serial_number)
    found = read_provenance(path)
    assert found.signer == "local"
    assert found.signature["cert_serial_number"] != serial
    (tmp_path / "config" / "identity" / "chain.pem").write_text("nonsense")
    with pytest.raises(ProvenanceError, match="Expected certificates"):
        read_provenance(path)


def test_a_camera_s_manifest_is_intact_and_not_synthetic(tmp_path):
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
    found = read_provenance(tmp_path / "a.png")
    assert (found.state, found.synthetic, found.conversion) == ("intact", False, None)
    assert verdict(found) == UNDECLARED
    assert "does not declare synthetic content" in headline(found)


def test_a_sidecar_is_not_read_by_itself(make_signed, tmp_path):
    make_signed("a.bmp")
    with pytest.raises(MediaError, match="sidecar manifest") as error:
        read_provenance(tmp_path / "a.bmp.c2pa")
    assert error.value.hint.endswith("a.bmp")


def test_no_such_file(tmp_path):
    with pytest.raises(MediaError, match="no file"):
        read_provenance(tmp_path / "absent.png")
