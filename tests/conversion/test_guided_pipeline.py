"""From footage to a converted file with a guided model."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.output.encode_settings import EncodeSettings
from faceswap.conversion.output.names import name_outputs
from faceswap.conversion.pipeline import ConvertJob, convert_source
from faceswap.conversion.swap.swapper import Swapper
from faceswap.core.errors import ConfigError, FacesetError, NoFacesError
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.landmarkers import FaceLandmarks
from faceswap.landmarkers.facemesh import FaceMesh
from faceswap.media.frame import Frame
from faceswap.media.images import read_image, write_image
from faceswap.media.sources import find_sources
from faceswap.media.video import VideoReader
from faceswap.models.model_file import LoadedModel
from faceswap.provenance.identity import open_identity
from tests.conversion.guided import SIDE, guided_model, stored_references
from tests.conversion.parts import make_parts
from tests.footage import moving_portrait, plain_picture, write_clip

FRAMES = 30


@pytest.fixture(scope="module")
def model(faceset) -> LoadedModel:
    """``alice`` is the person of the clip, ``bob`` the same person in green."""
    chosen = range(0, FRAMES, 3)
    alice = stored_references(faceset, chosen)
    green = (alice.crops * [0.2, 1, 0.2]).astype(np.uint8)
    return guided_model(alice=alice, bob=alice._replace(crops=green))


def swapper(model: LoadedModel, to: str) -> Swapper:
    return Swapper(model, make_parts(), to)


@pytest.fixture(scope="module")
def converted(clip, model, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("out") / "out.mp4"
    report = convert_source(find_sources([clip])[0], output, swapper(model, "bob"))
    assert (report.frames, report.frames_swapped, report.faces_swapped) == (FRAMES,) * 3
    return output


def inner(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The pixels around the nose."""
    x, y = landmarks[30].round().astype(int)
    return image[y - 12 : y + 12, x - 12 : x + 12].astype(int)


def test_the_face_is_the_targets_with_the_geometry_of_the_source(converted, clip, faceset):
    pairs = zip(VideoReader(converted), VideoReader(clip), faceset.faces(), strict=True)
    for ours, source, face in pairs:
        shown, real = (inner(frame.image, face.landmarks) for frame in (ours, source))
        assert np.abs(shown - real * [0.2, 1, 0.2]).mean() < 12
        outside = ours.image[:, :40].astype(int) - source.image[:, :40]
        assert np.abs(outside).mean() < 3


def test_a_person_shown_as_themselves_looks_the_same(clip, faceset, model, tmp_path):
    source, output = find_sources([clip])[0], tmp_path / "out.mp4"
    convert_source(source, output, swapper(model, "alice"), faceset=faceset)
    for ours, theirs in zip(VideoReader(output), VideoReader(clip), strict=True):
        assert cv2.PSNR(ours.image, theirs.image) > 28


def test_a_faceset_gives_the_same_pixels_as_detection(converted, clip, faceset, model, tmp_path):
    source, output = find_sources([clip])[0], tmp_path / "out.mp4"
    convert_source(source, output, swapper(model, "bob"), faceset=faceset)
    for ours, theirs in zip(VideoReader(output), VideoReader(converted), strict=True):
        np.testing.assert_array_equal(ours.image, theirs.image)


def test_progress_counts_both_passes(clip, faceset, model, tmp_path):
    source = find_sources([clip])[0]
    extract_source(source, tmp_path / "faces", ExtractSettings(every=4))
    sparse = Faceset.open(tmp_path / "faces")
    kinds = (("live", FaceFinding(), 2), ("stored", faceset, 1), ("sparse", sparse, 2))
    for name, faces, passes in kinds:
        outputs, counted = name_outputs(source, tmp_path / f"{name}.mp4"), []
        encode, identity = EncodeSettings(), open_identity()
        job = ConvertJob(source, outputs, swapper(model, "bob"), faces, encode, identity)
        report = job.run(on_frames=counted.append)
        assert job.passes == passes
        assert sum(counted) == passes * report.frames == passes * FRAMES
        assert report.faces_swapped == FRAMES


def test_faces_without_meshes_are_an_error_and_leave_nothing(
    clip, faceset, model, tmp_path, monkeypatch
):
    source, output = find_sources([clip])[0], tmp_path / "out.mp4"
    place = FaceMesh.__call__

    def bare(*given: Any) -> list[FaceLandmarks]:
        return [replace(landmarks, mesh=None) for landmarks in place(*given)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FaceMesh, "__call__", bare)
        with pytest.raises(ConfigError, match="face mesh") as raised:
            convert_source(source, output, swapper(model, "bob"))
        assert "--landmarker facemesh" in raised.value.hint
    with pytest.MonkeyPatch.context() as patch:
        no_mesh = Mock(side_effect=FacesetError("none"))
        patch.setattr(Faceset, "each_mesh", no_mesh)
        with pytest.raises(FacesetError, match="none"):
            convert_source(source, output, swapper(model, "bob"), faceset=faceset)
    assert list(tmp_path.iterdir()) == []


def test_no_face_is_an_error_of_the_first_pass(model, tmp_path):
    source = find_sources([write_clip(tmp_path / "waves.mp4", 6, plain_picture)])[0]
    counted: list[int] = []
    with pytest.raises(NoFacesError, match="6 frames read"):
        convert_source(
            source, tmp_path / "out.mp4", swapper(model, "bob"), on_frames=counted.append
        )
    assert sum(counted) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["waves.mp4"]


def test_a_faceset_without_faces_fails_before_any_frame(clip, faceset, model, tmp_path):
    empty = replace(faceset, rows=faceset.rows.slice(0, 0))
    source, output, counted = find_sources([clip])[0], tmp_path / "out.mp4", []
    to_bob = swapper(model, "bob")
    with pytest.raises(NoFacesError, match="faceset"):
        convert_source(source, output, to_bob, faceset=empty, on_frames=counted.append)
    assert sum(counted) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("interrupted_at", [4, FRAMES + 4])
def test_an_interrupted_pass_is_resumed(converted, clip, model, tmp_path, interrupted_at):
    count = 0

    def interrupt(frames: int) -> None:
        nonlocal count
        count += frames
        if count == interrupted_at:
            raise KeyboardInterrupt

    source, output = find_sources([clip])[0], tmp_path / "out.mp4"
    with pytest.raises(KeyboardInterrupt):
        convert_source(source, output, swapper(model, "bob"), on_frames=interrupt)
    assert [path.name[:6] for path in tmp_path.iterdir()] == [".work-"]
    convert_source(source, output, swapper(model, "bob"))
    for ours, theirs in zip(VideoReader(output), VideoReader(converted), strict=True):
        np.testing.assert_array_equal(ours.image, theirs.image)


def test_photos_are_guided_one_by_one(model, tmp_path):
    for index in (1, 2):
        write_image(tmp_path / "in" / f"{index}.png", moving_portrait(9 * index))
    source = find_sources([tmp_path / "in"])[0]
    report = convert_source(source, tmp_path / "out", swapper(model, "bob"))
    assert report.faces_swapped == 2
    for index in (1, 2):
        shown = read_image(tmp_path / "out" / f"{index}.png").astype(int)
        changed = np.argwhere((shown != moving_portrait(9 * index)).any(-1))
        x, y = changed.mean(0).astype(int)[::-1]
        red, green, blue = shown[y - 10 : y + 10, x - 10 : x + 10].mean((0, 1))
        assert green > 2 * max(red, blue)


@pytest.mark.parametrize(("scale", "detail"), [(1, 2 * SIDE), (0.5, SIDE)])
def test_a_face_has_the_detail_of_its_frame(model, faceset, scale, detail):
    face = SourceFace(scale * faceset.faces()[0].landmarks, scale * faceset.meshes()[0])
    image = np.asarray(cv2.resize(moving_portrait(0), None, fx=scale, fy=scale), np.uint8)
    to_bob, swap, sides = swapper(model, "bob"), model.model.swap, []

    def measure(*given):
        decoded = swap(*given)
        sides.append(decoded.face.shape[-1])
        return decoded

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model.model, "swap", measure)
        faces = to_bob.guidance("bob").guide_photo([face])
        list(to_bob([(Frame(0, 0, 0.0, image), faces)]))
    assert sides == [detail]


@pytest.mark.parametrize("video", [True, False])
def test_frames_in_memory_are_swapped_in_order(model, faceset, video):
    frames = [moving_portrait(index) for index in range(FRAMES)]

    def reading() -> Iterator[np.ndarray]:
        yield from frames

    swapped = list(Swapper(model, make_parts()).swap(reading(), "bob", video=video))
    assert len(swapped) == FRAMES
    for before, after, face in zip(frames, swapped, faceset.faces(), strict=True):
        shown, real = (inner(image, face.landmarks) for image in (after, before))
        assert np.abs(shown - real * [0.2, 1, 0.2]).mean() < 12
        assert not (before != after)[:20].any()
