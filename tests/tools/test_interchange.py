"""Facesets go to the other programs and come back as they were."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceswap.core.errors import DocumentError, FacesetError, MediaError, OutputExistsError
from faceswap.extraction.imported_faces import ImportedFace, ImportedFaces
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import crop_matrix, transform_points, warp
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.media.images import read_image, write_image
from faceswap.media.sources import find_sources
from tests.footage import portrait, write_clip

FRAMES = 5
PROGRAMS = ["faceswap", "deepfacelab"]


def points(frame: int) -> np.ndarray:
    return (MEAN_FACE[:, :2] * 90 + [150 + 3 * frame, 140]).astype(np.float32)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", FRAMES, lambda _: portrait())


@pytest.fixture(scope="module")
def faceset(clip, tmp_path_factory) -> Faceset:
    """Two faces in the second frame, one in the others."""
    by_frame = {}
    for frame in range(FRAMES):
        found = [points(frame), points(frame) / 2] if frame == 1 else [points(frame)]
        by_frame[frame] = [
            ImportedFace(np.rint(np.concatenate([p.min(0), p.max(0)])), p) for p in found
        ]
    folder = tmp_path_factory.mktemp("faces") / "clip"
    (source,) = find_sources([clip])
    extract_source(source, folder, ExtractSettings(), imported=ImportedFaces(by_frame))
    return Faceset.open(folder)


@pytest.fixture
def export(tools):
    return importlib.import_module("export_faceset").export_faceset


@pytest.fixture
def bring(tools):
    return importlib.import_module("import_faceset").import_faceset


def opened(folder: Path) -> Faceset:
    (inside,) = folder.iterdir()
    return Faceset.open(inside)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize(
    ("to", "pack"), [("faceswap", False), ("deepfacelab", False), ("deepfacelab", True)]
)
def test_an_export_of_an_import_is_the_same(export, bring, faceset, clip, tmp_path, to, pack):
    export(faceset.path, tmp_path / "out", to, video=clip, size=128, pack=pack)
    bring(tmp_path / "out", tmp_path / "back", video=clip)
    back = opened(tmp_path / "back")
    for face, same in zip(back.faces(), faceset.faces(), strict=True):
        assert (face.frame, face.time) == (same.frame, same.time)
        assert np.array_equal(face.landmarks, same.landmarks)
        assert np.array_equal(face.box, same.box)
    difference = back.load_crop(back.faces()[0]).astype(int) - faceset.load_crop(faceset.faces()[0])
    assert np.abs(difference).max() == 0
    export(back.path, tmp_path / "again", to, video=clip, size=128, pack=pack)
    assert contents(tmp_path / "again") == contents(tmp_path / "out")


@pytest.mark.parametrize("to", PROGRAMS)
def test_images_alone_are_imported_in_their_own_pixels(export, bring, faceset, clip, tmp_path, to):
    export(faceset.path, tmp_path / "out", to, video=clip, size=256)
    bring(tmp_path / "out", tmp_path / "back")
    back = opened(tmp_path / "back")
    assert len(back.faces()) == len(faceset.faces())
    face, same = back.faces()[0], faceset.faces()[0]
    crops = importlib.import_module("peers.crops")
    matrix_of = crops.head_matrix if to == "faceswap" else crops.whole_face_matrix
    expected = transform_points(matrix_of(same.landmarks, 256), same.landmarks)
    assert np.abs(face.landmarks - expected).max() < 1e-3
    assert np.allclose(face.matrix, crop_matrix(face.landmarks, back.crop_size, 2.0))
    image = read_image(tmp_path / "out" / back.record["source"]["files"][0])
    crop = warp(image, face.matrix, back.crop_size)
    assert np.abs(back.load_crop(face).astype(int) - crop).mean() < 2


def test_alignments_need_the_footage(export, bring, faceset, clip, tmp_path):
    export(faceset.path, tmp_path / "out", "faceswap", video=clip, size=64)
    alignments = tmp_path / "out" / "clip_alignments.fsa"
    with pytest.raises(MediaError, match="no images"):
        bring(alignments, tmp_path / "back")
    bring(alignments, tmp_path / "back", video=clip)
    assert len(opened(tmp_path / "back").faces()) == len(faceset.faces())


@pytest.mark.parametrize("to", PROGRAMS)
def test_without_footage_crops_are_cut_from_the_stored_ones(export, faceset, clip, tmp_path, to):
    export(faceset.path, tmp_path / "near", to, size=128)
    export(faceset.path, tmp_path / "far", to, size=128, video=clip)
    name = "clip_000001_0.png" if to == "faceswap" else "00001_0.jpg"
    near, far = (read_image(tmp_path / folder / name).astype(int) for folder in ("near", "far"))
    inside = np.s_[40:88, 40:88]
    assert np.abs(near[inside] - far[inside]).mean() < 4
    assert (near == 0).mean() >= (far == 0).mean()


def test_deleted_faces_are_not_exported(export, make_faceset, tmp_path):
    made = make_faceset(tmp_path / "alice", faces=3)
    next((made / "images").iterdir()).unlink()
    export(made, tmp_path / "out", "deepfacelab", size=64)
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_frames_of_photos_keep_their_names(export, bring, tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / "photos" / f"{name}.png", portrait())
    (source,) = find_sources([tmp_path / "photos"])
    faces = ImportedFaces({1: [ImportedFace(np.float32([10, 10, 200, 200]), points(0))]})  # type: ignore[arg-type]
    extract_source(source, tmp_path / "f", ExtractSettings(), imported=faces)
    export(tmp_path / "f", tmp_path / "out", "faceswap", size=64)
    assert sorted(contents(tmp_path / "out")) == ["alignments.fsa", "b_0.png"]
    bring(tmp_path / "out", tmp_path / "back", video=tmp_path / "photos")
    (face,) = opened(tmp_path / "back").faces()
    assert face.frame == 1
    assert np.array_equal(face.landmarks, points(0))


@pytest.mark.parametrize("to", PROGRAMS)
def test_photos_whose_names_differ_in_the_suffix_are_told_apart(export, bring, tmp_path, to):
    for name in ("x.bmp", "x.png"):
        write_image(tmp_path / "photos" / name, portrait())
    (source,) = find_sources([tmp_path / "photos"])
    by_frame = {
        frame: [ImportedFace(np.float32([10, 10, 200, 200]), points(frame))]  # type: ignore[arg-type]
        for frame in range(2)
    }
    extract_source(source, tmp_path / "f", ExtractSettings(), imported=ImportedFaces(by_frame))
    export(tmp_path / "f", tmp_path / "out", to, size=64, pack=to == "deepfacelab")
    bring(tmp_path / "out", tmp_path / "back", video=tmp_path / "photos")
    faces = opened(tmp_path / "back").faces()
    assert [face.frame for face in faces] == [0, 1]
    for face in faces:
        assert np.array_equal(face.landmarks, points(face.frame))
    (tmp_path / "photos" / "x.png").rename(tmp_path / "photos" / "x.jpg")
    with pytest.raises(DocumentError, match=r"no frame 'x\.png'"):
        bring(tmp_path / "out", tmp_path / "none", video=tmp_path / "photos")


def test_images_without_a_header_are_left_out(export, bring, faceset, tmp_path, capsys):
    export(faceset.path, tmp_path / "out", "deepfacelab", size=64)
    write_image(tmp_path / "out" / "00000_9.jpg", np.zeros((64, 64, 3), np.uint8))
    bring(tmp_path / "out", tmp_path / "back")
    assert len(opened(tmp_path / "back").faces()) == len(faceset.faces())
    assert "Left out: 1 image without a header" in capsys.readouterr().err


def test_footage_is_checked(export, bring, faceset, clip, tmp_path):
    other = write_clip(tmp_path / "other.mp4", 2, lambda _: portrait())
    with pytest.raises(FacesetError, match="not the source"):
        export(faceset.path, tmp_path / "out", "faceswap", video=other)
    export(faceset.path, tmp_path / "out", "faceswap", video=clip, size=64)
    with pytest.raises(DocumentError, match="no frame"):
        bring(tmp_path / "out", tmp_path / "back", video=clip, first_number=9)
    with pytest.raises(OutputExistsError):
        export(faceset.path, tmp_path / "out", "faceswap")
    with pytest.raises(MediaError, match="face images"):
        bring(tmp_path / "out" / "clip_000001_0.png", tmp_path / "back")


def test_pixels_that_are_not_square_are_refused(export, faceset, tmp_path):
    record = faceset.record | {"extractor": faceset.record["extractor"] | {"pixel_aspect": 1.5}}
    exporting = importlib.import_module("peers.exporting")
    with pytest.raises(FacesetError, match="square"):
        exporting.export_to_faceswap(
            replace(faceset, record=record), tmp_path, 64, None, lambda: None
        )
