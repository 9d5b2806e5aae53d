import os
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap.core.errors import (
    ConfigError,
    FacesetError,
    NoFacesError,
    OutputBusyError,
    SourceChangedError,
    StorageFullError,
)
from faceswap.core.hashed_file import HashedFile
from faceswap.core.locks import hold_folder
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.segment_tracking import SegmentTracking, TrackedFrame
from faceswap.extraction.selection import Selection
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import HEAD_COVERAGE, crop_matrix, transform_points
from faceswap.media.images import write_image
from faceswap.media.sources import find_sources
from tests.extraction.short_segments import cut_short, kill_extraction
from tests.facesets.test_killed_faceset import content
from tests.footage import (
    moving_portrait,
    plain_picture,
    portrait,
    squeezed_portrait,
    write_clip,
)

FRAMES = 24
EYES = ((36, 42), (42, 48))


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", FRAMES)


def extract(path: Path, directory: Path, **options):
    settings = ExtractSettings(**options)
    return extract_source(find_sources([path])[0], directory, settings)


@pytest.fixture(scope="module")
def faceset(clip, tmp_path_factory) -> Faceset:
    directory = tmp_path_factory.mktemp("faces") / "clip"
    report = extract(clip, directory)
    assert (report.frames, report.frames_with_face, report.faces) == (FRAMES,) * 3
    return Faceset.open(directory)


def test_every_frame_has_its_one_face_on_one_track(faceset):
    faces = faceset.faces()
    assert [face.frame for face in faces] == list(range(FRAMES))
    assert {face.track for face in faces} == {0}
    assert [face.time for face in faces] == pytest.approx([i / 25 for i in range(FRAMES)])


def test_landmarks_follow_the_face(faceset):
    # The picture turns about its middle by a known angle; so must the eye line.
    rolls = [face.roll for face in faceset.faces()]
    expected = [-6 * np.sin(i / 7) for i in range(FRAMES)]
    offset = np.mean(np.subtract(rolls, expected))
    np.testing.assert_allclose(np.subtract(rolls, offset), expected, atol=1.5)


def test_footage_without_square_pixels_gives_the_same_faces(faceset, tmp_path):
    squeezed = write_clip(
        tmp_path / "squeezed.mp4", 6, squeezed_portrait, pixel_aspect=Fraction(4, 3)
    )
    extract(squeezed, tmp_path / "squeezed")
    found = Faceset.open(tmp_path / "squeezed")
    assert (found.pixel_aspect, faceset.pixel_aspect) == (pytest.approx(4 / 3), 1)
    assert "pixel_aspect" not in faceset.record["extractor"]
    for same, face in zip(faceset.faces(), found.faces(), strict=False):
        assert np.abs(face.landmarks - same.landmarks).max() < 3
        assert face.yaw == pytest.approx(same.yaw, abs=4)
        difference = found.load_crop(face).astype(int) - faceset.load_crop(same)
        assert np.abs(difference).mean() < 12


def test_stored_crop_is_what_its_matrix_says(faceset):
    face = faceset.faces()[7]
    crop = faceset.load_crop(face)
    assert crop.shape == (384, 384, 3)
    frame = moving_portrait(7)
    for point in ([128, 60], [110, 90], [140, 120]):
        x, y = transform_points(face.matrix, np.array([point], float))[0].round().astype(int)
        assert crop[y, x].astype(int) == pytest.approx(frame[point[1], point[0]], abs=40)
    expected = crop_matrix(face.landmarks, 384, HEAD_COVERAGE)
    corners = np.array([[0, 0], [255, 255]], float)
    gap = transform_points(face.matrix, corners) - transform_points(expected, corners)
    assert np.abs(gap).max() < 12  # smoothing moves landmarks by a fraction of a frame pixel


def test_mask_covers_the_face_only(faceset):
    face = faceset.faces()[3]
    mask = faceset.load_mask(face)
    inner = transform_points(face.matrix, face.landmarks[27:]).round().astype(int)
    assert (mask[inner[:, 1], inner[:, 0]] == 255).all()
    assert 0.1 < (mask > 127).mean() < 0.35


def test_sharpness_tells_a_blurred_face(faceset, tmp_path):
    blurred = cv2.GaussianBlur(portrait(), (0, 0), 1.5)
    write_image(tmp_path / "photos" / "soft.png", np.asarray(blurred, np.uint8))
    extract(tmp_path / "photos", tmp_path / "soft")
    soft = Faceset.open(tmp_path / "soft").faces()[0]
    assert soft.sharpness < 0.5 * faceset.faces()[0].sharpness
    assert soft.exposure == pytest.approx(faceset.faces()[0].exposure, abs=0.1)


def test_killed_and_repeated_gives_the_same_faces(clip, tmp_path, monkeypatch):
    cut_short(monkeypatch, 7, 3)  # 0 to 10, to 17, to the end
    source = find_sources([clip])[0]
    assert extract(clip, tmp_path / "whole").frames_now == FRAMES

    kill_extraction(source, tmp_path / "clip", 16)
    report = extract_source(source, tmp_path / "clip", ExtractSettings())
    assert report.frames_now == FRAMES - 10
    assert content(tmp_path / "clip") == content(tmp_path / "whole")
    assert len(Faceset.open(tmp_path / "clip").trainable()) == FRAMES
    assert extract_source(source, tmp_path / "clip", ExtractSettings()).frames_now == 0


def test_every_nth_frame(clip, tmp_path):
    report = extract(clip, tmp_path / "clip", every=5)
    assert [face.frame for face in Faceset.open(tmp_path / "clip").faces()] == [0, 5, 10, 15, 20]
    assert report.frames == report.frames_with_face == 5
    assert set(report.rates) == {"decode", "detect", "track", "write"}
    assert all(rate > 0 for rate in report.rates.values())


def test_photos_make_one_faceset_and_an_unreadable_one_is_reported(tmp_path):
    for index in (1, 2):
        write_image(tmp_path / "photos" / f"{index}.png", moving_portrait(9 * index))
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no picture")
    report = extract(tmp_path / "photos", tmp_path / "faces")
    assert report.faces == 2
    assert "broken.jpg" in report.damage
    faceset = Faceset.open(tmp_path / "faces")
    names = faceset.record["source"]["files"]
    assert {names[face.frame] for face in faceset.faces()} == {"1.png", "2.png"}


def test_no_face_is_an_error_and_leaves_nothing(tmp_path):
    clip = write_clip(tmp_path / "waves.mp4", 8, plain_picture)
    with pytest.raises(NoFacesError, match="No face was found"):
        extract(clip, tmp_path / "waves")
    assert not (tmp_path / "waves").exists()


def test_a_span_after_the_end_is_not_blamed_on_the_detector(clip, tmp_path):
    with pytest.raises(NoFacesError, match="from number 100 on") as caught:
        extract(clip, tmp_path / "clip", first_frame=100)
    assert "--start lies after the last frame" in caught.value.hint
    assert not (tmp_path / "clip").exists()


def test_truncated_video_keeps_what_decodes(clip, tmp_path):
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    report = extract(cut, tmp_path / "cut")
    assert 5 < report.faces < FRAMES
    assert report.damage


def test_small_faces_are_skipped(clip, tmp_path):
    with pytest.raises(NoFacesError):
        extract(clip, tmp_path / "clip", selection=Selection(min_size=200))


def test_full_disk_is_reported_and_resumable(clip, tmp_path, monkeypatch):
    cut_short(monkeypatch, 7, 3)
    real = Path.write_bytes

    def full(self, data):
        if self.name.startswith("000016"):
            raise OSError(28, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageFullError):
        extract(clip, tmp_path / "clip")
    monkeypatch.setattr(Path, "write_bytes", real)
    assert extract(clip, tmp_path / "clip").frames_now == FRAMES - 10


def test_a_source_replaced_while_it_is_read_makes_no_faceset(clip, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(clip.read_bytes())

    def replace(frames: int) -> None:
        if frames:
            path.write_bytes(clip.read_bytes() + b"x")

    source = find_sources([path])[0]
    with pytest.raises(SourceChangedError, match="while it was read"):
        extract_source(source, tmp_path / "faces", ExtractSettings(), on_frames=replace)
    assert not (tmp_path / "faces").exists()


def test_photos_are_checked_with_their_segment_and_once_at_the_end(tmp_path, monkeypatch):
    for number in range(6):
        write_image(tmp_path / "photos" / f"{number}.png", moving_portrait(number))
    cut_short(monkeypatch, 2, 25)
    checked = []
    monkeypatch.setattr(HashedFile, "check", lambda file: checked.append(file.path.stem))
    extract(tmp_path / "photos", tmp_path / "faces")
    assert "".join(checked) == "012345" * 2


def test_a_photo_replaced_after_its_segment_is_noticed_at_the_end(tmp_path, monkeypatch):
    photos = tmp_path / "photos"
    for number in range(4):
        write_image(photos / f"{number}.png", moving_portrait(number))
    cut_short(monkeypatch, 2, 25)
    done = []

    def replace(frames: int) -> None:
        done.append(frames)
        if sum(done) == 3:
            write_image(photos / "0.png", moving_portrait(9))

    source = find_sources([photos])[0]
    with pytest.raises(SourceChangedError, match=r"0\.png was replaced or changed"):
        extract_source(source, tmp_path / "faces", ExtractSettings(), on_frames=replace)


def test_a_faceset_has_one_writer(clip, tmp_path):
    with hold_folder(tmp_path / "clip", "the extraction"), pytest.raises(OutputBusyError):
        extract(clip, tmp_path / "clip")


@pytest.mark.skipif(sys.platform != "linux", reason="names of other systems are text")
def test_names_that_no_file_should_have_are_made_plain(clip, tmp_path):
    path = tmp_path / os.fsdecode(b"a\xff\x01b.mp4")
    path.write_bytes(clip.read_bytes())
    (source,) = find_sources([path])
    extract_source(source, tmp_path / "faces", ExtractSettings(every=12))
    assert Faceset.open(tmp_path / "faces").name == "a\ufffd_b"


def test_a_span_has_the_frames_of_the_whole(faceset, clip, tmp_path):
    report = extract(clip, tmp_path / "clip", first_frame=8, end_frame=14)
    assert (report.frames, report.frames_with_face, report.frames_now) == (6, 6, 6)
    found = Faceset.open(tmp_path / "clip").faces()
    whole = faceset.faces()[8:14]
    assert [(face.frame, face.pts, face.time) for face in found] == [
        (face.frame, face.pts, face.time) for face in whole
    ]
    for face, same in zip(found, whole, strict=True):
        assert np.abs(face.landmarks - same.landmarks).max() < 3


def test_selection_is_counted_and_part_of_the_settings(faceset, clip, tmp_path):
    rolls = [face.roll for face in faceset.faces()]
    selection = Selection(roll=(min(rolls) - 5, float(np.median(rolls))))
    report = extract(clip, tmp_path / "clip", selection=selection)
    assert 0 < report.faces < FRAMES
    assert report.left_out == {"roll": FRAMES - report.faces}
    names = {file.stem for file in (tmp_path / "clip" / "images").iterdir()}
    assert names == {f"{face.frame:06d}-0" for face in Faceset.open(tmp_path / "clip").faces()}
    assert extract(clip, tmp_path / "clip", selection=selection).left_out == report.left_out
    with pytest.raises(FacesetError, match="roll"):
        extract(clip, tmp_path / "clip", selection=Selection())


def test_sharp_faces_only(faceset, clip, tmp_path):
    sharpness = sorted(face.sharpness for face in faceset.faces())
    least = (sharpness[11] + sharpness[12]) / 2
    report = extract(clip, tmp_path / "clip", selection=Selection(min_sharpness=least))
    assert report.left_out == {"min_sharpness": 12}
    assert report.faces == FRAMES - 12
    with pytest.raises(NoFacesError, match="None of 24 faces"):
        extract(clip, tmp_path / "none", selection=Selection(min_sharpness=1e9))
    assert not (tmp_path / "none").exists()


def test_several_maskers_give_a_column_and_a_folder_each(clip, faceset, tmp_path):
    extract(clip, tmp_path / "clip", every=8, maskers=("hull", "mesh", "eyes"))
    several = Faceset.open(tmp_path / "clip")
    assert several.maskers == several.record["extractor"]["maskers"] == ["hull", "mesh", "eyes"]
    face = several.faces()[1]
    assert face.masks == {"mesh": face.mask, "eyes": face.mask}
    assert (tmp_path / "clip" / "masks" / "eyes" / str(face.mask)).is_file()
    hull, mesh, eyes = (several.load_mask(face, name) > 127 for name in several.maskers)
    assert np.array_equal(several.load_mask(face) > 127, hull)
    first, same = (each.load_mask(each.faces()[0]) for each in (several, faceset))
    assert np.array_equal(first, same)
    assert mesh.sum() > hull.sum() > 5 * eyes.sum() > 0
    left, right = (transform_points(face.matrix, face.landmarks[a:b]).mean(0) for a, b in EYES)
    for x, y in np.round([left, right]).astype(int):
        assert eyes[y, x]
    assert faceset.maskers == ["hull"]


def test_masks_of_meshes_need_some_before_an_older_faceset_is_replaced(clip, tmp_path, monkeypatch):
    extract(clip, tmp_path / "clip", every=12)
    before = (tmp_path / "clip" / "faceset.json").read_bytes()

    run = SegmentTracking.run

    def without_mesh(*args):
        for each in run(*args):
            if isinstance(each, TrackedFrame):
                plain = [replace(face.landmarks, mesh=None) for face in each.faces]
                found = zip(each.faces, plain, strict=True)
                yield replace(each, faces=[replace(f, landmarks=marks) for f, marks in found])
            else:
                yield each

    monkeypatch.setattr(SegmentTracking, "run", without_mesh)
    settings = ExtractSettings(every=12, maskers=("hull", "mesh"))
    with pytest.raises(ConfigError, match="found 68 landmarks only"):
        extract_source(find_sources([clip])[0], tmp_path / "clip", settings, overwrite=True)
    assert (tmp_path / "clip" / "faceset.json").read_bytes() == before
    assert len(Faceset.open(tmp_path / "clip").trainable()) == 2


def test_a_faceset_without_crops_says_where_faces_are(tmp_path):
    (source,) = find_sources([write_clip(tmp_path / "clip.mp4", 12)])
    extract_source(source, tmp_path / "with", ExtractSettings())
    bare = ExtractSettings(crop_size=192, image_format="none")
    extract_source(source, tmp_path / "without", bare)
    ours, theirs = Faceset.open(tmp_path / "without"), Faceset.open(tmp_path / "with")
    assert not [path for path in ours.path.rglob("*.*") if path.suffix in (".jpg", ".png")]
    assert [face.track for face in ours.faces()] == [face.track for face in theirs.faces()]
    for one, other in zip(ours.faces(), theirs.faces(), strict=True):
        np.testing.assert_array_equal(one.landmarks, other.landmarks)
    np.testing.assert_array_equal(ours.meshes(), theirs.meshes())
    assert ours.with_crops() == []
