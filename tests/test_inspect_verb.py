"""What ``faceswap inspect`` prints and returns."""

import json

import pytest
import torch
from torch import nn

import faceswap.cli
from faceswap.conversion.build import build_swapper
from faceswap.conversion.output.report import ConvertReport
from faceswap.conversion.pipeline import convert_source
from faceswap.conversion.settings import ConvertConfig
from faceswap.core.command_line import run_program
from faceswap.core.documents import read_json
from faceswap.core.hashed_file import HashedFile
from faceswap.media.images import write_image
from faceswap.media.sources import find_sources
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import LoadedModel, ModelMeta
from faceswap.provenance.identity import open_identity
from faceswap.provenance.manifest import Conversion
from faceswap.provenance.signing import ManifestSigner
from faceswap.provenance.subject import Evidence, Subject
from faceswap.subject import subject
from tests.facesets.written import write_faceset
from tests.footage import moving_portrait, plain_picture, write_clip
from tests.provenance.authority import issue


class Grey(nn.Module):
    """A decoder of grey."""

    def __init__(self) -> None:
        super().__init__()
        self.shade = nn.Parameter(torch.zeros(1, 3, 1, 1))

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        return self.shade.expand(len(code), 3, 64, 64)


@pytest.fixture
def release(tmp_path):
    path = tmp_path / "release.txt"
    path.write_text("I agree. Bob")
    return path


@pytest.fixture
def convert(tmp_path, release):
    """A function that converts, with a report, as the verb does."""
    decoders = {"alice": Grey(), "bob": Grey()}
    model = FaceAutoencoder(nn.Identity(), nn.Identity(), decoders, 64, 64).eval()
    bob = Subject("Bob", "consent", "release 7", Evidence.of(release)).to_json()
    meta = ModelMeta("grey", {}, ("alice", "bob"), 1.25, 9, {"alice": [], "bob": [bob]})
    loaded = LoadedModel(model, meta, "c0ffee" * 10, tmp_path)

    def work(source, output, identity=None) -> ConvertReport:
        identity = identity or open_identity()
        (source,) = find_sources([source])
        swapper = build_swapper(loaded, ConvertConfig(), "bob")
        return convert_source(source, output, swapper, identity=identity)

    return work


@pytest.fixture
def inspect(capsys):
    def run(*arguments) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            run_program("faceswap", faceswap.cli.VERBS, "0", ["inspect", *map(str, arguments)])
        said = capsys.readouterr()
        lines = (line.strip("│ ") for line in (said.out + said.err).splitlines())
        return int(ended.value.code or 0), " ".join(" ".join(lines).split())

    return run


def test_a_converted_video_shows_everything(convert, inspect, tmp_path, release):
    convert(write_clip(tmp_path / "clip.mp4", 4), tmp_path / "out.mp4")
    code, said = inspect(tmp_path / "out.mp4", "--evidence", release)
    assert code == 0
    for words in (
        "declared synthetic by an intact manifest",
        "the local identity of this machine",
        "c2pa.edited: compositeWithTrainedAlgorithmicMedia",
        "clip.mp4 (without a manifest)",
        "grey, step 9, weights sha256 c0ffee",
        "shows │ bob: Bob, basis consent, release 7, evidence release.txt",
        "is the evidence of this record",
        "other identity │ alice: name unstated, basis unstated",
        "4 swapped in 4 of 4 frames",
        "its hash matches the file",
    ):
        assert words in said
    report = read_json(tmp_path / "out.mp4.json")
    assert report["files"][0]["manifest"] == "embedded"
    assert report["settings"]["mask"]["name"] == "hull"
    assert "mask_model" not in report["settings"]  # a path of this machine
    assert report["signed_by"]["certificate_sha256"] == open_identity().fingerprint


def test_changed_content_is_code_3(convert, inspect, tmp_path):
    convert(write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out.mov")
    data = bytearray((tmp_path / "out.mov").read_bytes())
    data[data.rfind(b"mdat") + 300] ^= 1
    (tmp_path / "out.mov").write_bytes(data)
    code, said = inspect(tmp_path / "out.mov")
    assert code == 3
    assert "THE CONTENT WAS CHANGED" in said
    assert "ITS HASH DOES NOT MATCH" in said
    code, said = inspect(tmp_path / "clip.mp4", tmp_path / "out.mov")
    assert code == 3


def test_no_manifest_is_code_1(inspect, tmp_path):
    code, said = inspect(write_clip(tmp_path / "clip.mp4", 3))
    assert code == 1
    assert "no Content Credentials found" in said


def test_every_photo_of_a_folder_is_signed(convert, inspect, tmp_path):
    for index, ending in enumerate(("jpg", "png", "bmp", "webp", "tif")):
        write_image(tmp_path / "in" / f"{index}.{ending}", moving_portrait(index))
    report = convert(tmp_path / "in", tmp_path / "out")
    assert len(report.files) == 5
    code, said = inspect(tmp_path / "out")
    assert code == 0
    assert said.count("declared synthetic by an intact manifest") == 5
    assert said.count("its hash matches the file") == 5
    (tmp_path / "out" / "2.bmp.c2pa").unlink()
    code, said = inspect(tmp_path / "out")
    assert code == 1
    assert "2.bmp: no Content Credentials found" in said


def test_a_photo_without_a_face_is_signed_with_zero_faces(convert, inspect, tmp_path):
    write_image(tmp_path / "in" / "face.png", moving_portrait(0))
    write_image(tmp_path / "in" / "waves.png", plain_picture(0))
    convert(tmp_path / "in", tmp_path / "out")
    for name, swapped in (("face", 1), ("waves", 0)):
        code, said = inspect(tmp_path / "out" / f"{name}.png")
        assert (code, f"faces │ {swapped} swapped" in said) == (0, True)


def test_metadata_without_a_manifest_is_not_enough(convert, inspect, tmp_path):
    convert(write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out.mkv")
    (tmp_path / "out.mkv.c2pa").unlink()
    code, said = inspect(tmp_path / "out.mkv")
    assert code == 1
    assert "declared synthetic by plain metadata only" in said


def test_the_user_decides_whom_to_trust(convert, inspect, tmp_path):
    own = issue(tmp_path / "own")
    clip = write_clip(tmp_path / "clip.mp4", 3)
    convert(clip, tmp_path / "out.mp4", open_identity(own.certificate, own.key))
    code, said = inspect(tmp_path / "out.mp4")
    assert code == 0
    assert "Signer (valid signature of an unknown signer" in said
    (tmp_path / "root.pem").write_bytes(own.root)
    code, said = inspect(tmp_path / "out.mp4", "--trust", tmp_path / "root.pem")
    assert code == 0
    assert "certified by one of the trusted authorities" in said


def test_json_for_programs(convert, tmp_path, capsys):
    convert(write_clip(tmp_path / "clip.mp4", 3), tmp_path / "out.mp4")
    arguments = ["inspect", str(tmp_path / "out.mp4"), str(tmp_path / "clip.mp4"), "--json"]
    with pytest.raises(SystemExit) as ended:
        run_program("faceswap", faceswap.cli.VERBS, "0", arguments)
    assert ended.value.code == 1
    signed, plain = json.loads(capsys.readouterr().out)
    assert (signed["exit_code"], signed["synthetic"], signed["signer"]) == (0, True, "local")
    assert signed["conversion"]["subjects"]["bob"][0]["name"] == "Bob"
    assert (plain["exit_code"], plain["state"], plain["signer"]) == (1, "none", None)


def test_text_of_an_unknown_signer_is_shown_without_control_characters(inspect, tmp_path):
    own = issue(tmp_path / "own")
    identity = open_identity(own.certificate, own.key)
    odd = Conversion({"architecture": "\x1b[2Jgone"}, ["bob"], {"bob": [{"basis": "whim"}]})
    clip = write_clip(tmp_path / "clip.mp4", 2)
    write_image(
        tmp_path / "a.png",
        moving_portrait(0),
        sign=ManifestSigner(identity, odd).for_sources(HashedFile.of(clip)),
    )
    code, said = inspect(tmp_path / "a.png")
    assert code == 0
    assert "not in the format of this program" in said
    fine = Conversion({"architecture": "\x1b[2Jgone"}, ["bob"], {})
    write_image(
        tmp_path / "b.png",
        moving_portrait(0),
        sign=ManifestSigner(identity, fine).for_sources(HashedFile.of(clip)),
    )
    code, said = inspect(tmp_path / "b.png")
    assert "gone, step ?" in said
    assert "\x1b[2J" not in said


def test_facesets_show_their_subject_records(inspect, tmp_path):
    path = write_faceset(tmp_path / "faces" / "one").path
    code, said = inspect(path)
    assert (code, "name unstated, basis unstated" in said) == (0, True)
    subject([path], name="Alice", basis="self")
    code, said = inspect(tmp_path / "faces")
    assert (code, "Alice, basis self" in said) == (0, True)


def test_bad_input_is_code_2(inspect, tmp_path):
    (tmp_path / "empty").mkdir()
    for arguments, words in (
        (("absent.mp4",), "absent.mp4"),
        ((tmp_path / "empty",), "no video and no image"),
        ((write_clip(tmp_path / "c.mp4", 2), "--trust", "absent.pem"), "absent.pem"),
    ):
        code, said = inspect(*arguments)
        assert code == 2
        assert words in said
