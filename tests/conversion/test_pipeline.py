import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.masks.covering_objects import CoveringObjects
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import name_outputs
from faceswap.conversion.pipeline import ConvertJob, convert_source
from faceswap.conversion.swap.swapper import Swapper
from faceswap.core.errors import FacesetError, IdentityError, NoFacesError, OutputExistsError
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.media.images import read_image, write_image
from faceswap.media.other_audio import OtherAudio
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader, probe
from faceswap.provenance.file_provenance import read_provenance
from faceswap.provenance.identity import open_identity
from tests.conversion.parts import make_parts, painter
from tests.footage import moving_portrait, plain_picture, squeezed_portrait, write_clip

FRAMES = 14
GREEN = torch.tensor([-4.0, 4.0, -4.0]).view(1, 3, 1, 1)


def swapper(to: str = "bob", colour: str = "none") -> Swapper:
    return Swapper(painter(alice=-GREEN, bob=GREEN), make_parts(colour), to)


@pytest.fixture(scope="module")
def converted(clip, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("out") / "out.mp4"
    report = convert_source(find_sources([clip])[0], output, swapper())
    assert (report.frames, report.frames_swapped, report.faces_swapped) == (FRAMES,) * 3
    return output


def test_the_face_is_replaced_and_the_background_unchanged(converted, faceset):
    for frame, face in zip(VideoReader(converted), faceset.faces(), strict=True):
        x, y = face.landmarks[30].round().astype(int)
        assert frame.image[y, x].tolist() == pytest.approx([5, 250, 5], abs=12)
        outside = np.abs(frame.image[:, :40].astype(int) - moving_portrait(frame.index)[:, :40])
        assert outside.mean() < 3


def test_footage_without_square_pixels(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 6, squeezed_portrait, pixel_aspect=Fraction(4, 3))
    (source,) = find_sources([clip])
    extract_source(source, tmp_path / "faces", ExtractSettings())
    stored = Faceset.open(tmp_path / "faces")
    for name, faceset in (("live", None), ("stored", stored)):
        output = tmp_path / f"{name}.mp4"
        convert_source(source, output, swapper(), faceset=faceset)
        assert probe(output).pixel_aspect == Fraction(4, 3)
        for frame in VideoReader(output):
            green = np.argwhere((np.abs(frame.image.astype(int) - [5, 250, 5]) < 40).all(-1))
            height, width = np.ptp(green, axis=0) + 1
            # A hull from brows to chin is about as wide as it is high, when it is displayed.
            assert width * 4 / 3 == pytest.approx(height, rel=0.15)
            outside = frame.image[:, :30].astype(int) - squeezed_portrait(frame.index)[:, :30]
            assert np.abs(outside).mean() < 3


def test_frames_timestamps_and_audio_equal_the_source(converted, clip):
    assert [f.pts for f in VideoReader(converted)] == [f.pts for f in VideoReader(clip)]
    assert probe(converted).time_base == probe(clip).time_base

    def sound(path: Path) -> list[bytes]:
        with av.open(path) as container:
            return [bytes(p) for p in container.demux(audio=0) if p.size]

    assert sound(converted) == sound(clip)


def test_the_output_is_declared_synthetic(converted, clip):
    found = read_provenance(converted)
    assert (found.state, found.synthetic, found.place) == ("intact", True, "embedded")
    assert found.ingredients[0]["title"] == clip.name
    assert found.conversion is not None
    assert found.conversion["counts"]["faces_swapped"] == FRAMES
    with av.open(converted) as container:
        assert "neural network" in container.metadata["comment"]
        source_type = container.metadata["digital_source_type"]
    assert source_type.endswith("compositeWithTrainedAlgorithmicMedia")


def test_a_faceset_gives_the_same_pixels_as_detection(converted, clip, faceset, tmp_path):
    convert_source(find_sources([clip])[0], tmp_path / "out.mp4", swapper(), faceset=faceset)
    for ours, theirs in zip(VideoReader(tmp_path / "out.mp4"), VideoReader(converted), strict=True):
        np.testing.assert_array_equal(ours.image, theirs.image)


def test_frames_that_a_faceset_skips_are_tracked(clip, tmp_path):
    (source,) = find_sources([clip])
    extract_source(source, tmp_path / "faces", ExtractSettings(every=4))
    sparse = Faceset.open(tmp_path / "faces")
    report = convert_source(source, tmp_path / "out.mp4", swapper(), faceset=sparse)
    assert (report.frames_swapped, report.faces_swapped) == (FRAMES, FRAMES)


def test_photos_that_a_faceset_skips_are_searched(tmp_path):
    for i in range(3):
        write_image(tmp_path / "in" / f"{i}.png", moving_portrait(4 * i))
    (source,) = find_sources([tmp_path / "in"])
    extract_source(source, tmp_path / "faces", ExtractSettings(every=2))
    sparse = Faceset.open(tmp_path / "faces")
    report = convert_source(source, tmp_path / "out", swapper(), faceset=sparse)
    assert (report.frames_swapped, report.faces_swapped) == (3, 3)
    for i in range(3):
        before, after = (tmp_path / folder / f"{i}.png" for folder in ("in", "out"))
        assert not np.array_equal(read_image(before), read_image(after))


def test_a_deleted_face_is_not_swapped(clip, faceset, tmp_path):
    shutil.copytree(faceset.path, tmp_path / "faces")
    (tmp_path / "faces/images" / faceset.faces()[4].image).unlink()
    source, fewer = find_sources([clip])[0], Faceset.open(tmp_path / "faces")
    report = convert_source(source, tmp_path / "out.mp4", swapper(), faceset=faceset)
    assert (report.faces_swapped, report.notes) == (FRAMES, ())
    # Not taken for the conversion of all faces, which is complete.
    with pytest.raises(OutputExistsError):
        convert_source(source, tmp_path / "out.mp4", swapper(), faceset=fewer)
    report = convert_source(source, tmp_path / "out.mp4", swapper(), faceset=fewer, overwrite=True)
    assert report.faces_swapped == FRAMES - 1
    assert "1 face deleted from the faceset: swapped nowhere." in report.notes


def test_the_faceset_of_another_clip_is_rejected(faceset, tmp_path):
    other = find_sources([write_clip(tmp_path / "other.mp4", 6)])[0]
    with pytest.raises(FacesetError, match="Expected a faceset of"):
        convert_source(other, tmp_path / "out.mp4", swapper(), faceset=faceset)
    assert not (tmp_path / "out.mp4").exists()


def test_no_face_is_an_error_and_leaves_no_output(tmp_path):
    source = find_sources([write_clip(tmp_path / "waves.mp4", 6, plain_picture)])[0]
    with pytest.raises(NoFacesError, match="No face was found in"):
        convert_source(source, tmp_path / "out.mp4", swapper())
    assert [path.name for path in tmp_path.iterdir()] == ["waves.mp4"]


def test_photos_without_any_face_leave_no_output(tmp_path):
    for name in ("1.png", "2.bmp"):
        write_image(tmp_path / "in" / name, plain_picture(3))
    source = find_sources([tmp_path / "in"])[0]
    with pytest.raises(NoFacesError, match="Expected faces in"):
        convert_source(source, tmp_path / "out", swapper())
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_unknown_identity_is_rejected_before_conversion():
    with pytest.raises(IdentityError, match="no identity 'carol'"):
        swapper(to="carol")


@pytest.mark.parametrize("overwrite", [False, True])
def test_no_target_identity_is_rejected_before_conversion(clip, tmp_path, overwrite):
    (source,) = find_sources([clip])
    with pytest.raises(IdentityError, match="Expected a target identity, found none"):
        convert_source(source, tmp_path / "out.mp4", swapper(""), overwrite=overwrite)
    assert not list(tmp_path.iterdir())


def test_other_audio_is_identified_by_its_content(clip):
    (source,) = find_sources([clip])
    outputs, identity = name_outputs(source, Path("out.mkv")), open_identity()

    def fingerprint(audio: OtherAudio | None) -> str:
        encode = EncodeSettings(audio=audio)
        job = ConvertJob(source, outputs, swapper(), FaceFinding(), encode, identity)
        return job.conversion.fingerprint([])

    one = fingerprint(OtherAudio("a.wav", "1" * 64))
    assert one == fingerprint(OtherAudio("/elsewhere/b.wav", "1" * 64))
    others = (
        fingerprint(OtherAudio("a.wav", "2" * 64)),
        fingerprint(OtherAudio()),
        fingerprint(None),
    )
    assert len({one, *others}) == 4


def test_photos_keep_their_names(tmp_path):
    for index in (1, 2):
        write_image(tmp_path / "in" / f"{index}.png", moving_portrait(9 * index))
    source = find_sources([tmp_path / "in"])[0]
    report = convert_source(source, tmp_path / "out", swapper())
    assert report.faces_swapped == 2
    assert read_image(tmp_path / "out" / "1.png").shape == (256, 256, 3)
    changed = read_image(tmp_path / "out" / "2.png") != moving_portrait(18)
    assert 0.03 < changed.any(-1).mean() < 0.4


def test_a_note_says_that_objects_are_not_found_in_photos(tmp_path):
    write_image(tmp_path / "in.png", moving_portrait(3))
    parts = replace(make_parts(), occluders=[CoveringObjects(1.25)])
    finder = Swapper(painter(alice=-GREEN, bob=GREEN), parts, "bob")
    report = convert_source(find_sources([tmp_path / "in.png"])[0], tmp_path / "out.png", finder)
    assert any("in photos, hands only" in note for note in report.notes)


def test_a_single_photo_can_be_renamed(tmp_path):
    write_image(tmp_path / "in.png", moving_portrait(3))
    convert_source(find_sources([tmp_path / "in.png"])[0], tmp_path / "new.png", swapper())
    assert (read_image(tmp_path / "new.png") != moving_portrait(3)).any()


def test_lab_transfer_keeps_the_lighting_of_the_scene(clip, faceset, tmp_path):
    source = find_sources([clip])[0]
    convert_source(source, tmp_path / "out.mp4", swapper(colour="lab"), faceset=faceset)
    frame, face = next(iter(VideoReader(tmp_path / "out.mp4"))), faceset.faces()[0]
    box = slice(*face.box[[1, 3]].astype(int)), slice(*face.box[[0, 2]].astype(int))
    ours, theirs = frame.image[box].mean((0, 1)), moving_portrait(0)[box].mean((0, 1))
    np.testing.assert_allclose(ours, theirs, atol=15)
