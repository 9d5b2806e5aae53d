"""What is found wrong with a faceset, and how it is repaired."""

import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer

from faceswap.core.errors import FacesetError
from faceswap.curation.checking import check_faceset
from faceswap.curation.masking import make_masks
from faceswap.curation.removal import remove_crops, removed_crops
from faceswap.curation.repairing import drop_rows, repair_faceset
from faceswap.data.cache import CropGeometry, build_cache
from faceswap.extraction.cropping import measure
from faceswap.faces_verbs.check import repair
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.writer import FacesetWriter
from faceswap.geometry.alignment import transform_points
from faceswap.maskers import build_masker
from faceswap.maskers.hull import fill_hull
from faceswap.media.images import read_image, write_image
from tests.core.event_stopper import run_until
from tests.facesets.test_killed_faceset import content
from tests.facesets.written import EXTRACTOR, SOURCE, row, write_whole

SIDE = 64


def picture(frame: int) -> np.ndarray:
    """A crop of low contrast that differs a little from those of other frames."""
    ys, xs = np.mgrid[:SIDE, :SIDE]
    wave = 110 + frame + 40 * np.sin(xs / 5 + frame / 9) + 30 * np.cos(ys / (4 + frame / 9))
    return np.dstack([wave, wave * 0.8, wave * 0.7]).astype(np.uint8)


@pytest.fixture
def path(tmp_path) -> Path:
    folder = tmp_path / "clip"
    writer = FacesetWriter(folder, SOURCE, EXTRACTOR | {"crop_size": SIDE}, overwrite=False)
    rows = [row(frame) for frame in range(8)]
    for frame, one in enumerate(rows):
        one["matrix"] = one["matrix"] * (SIDE / 32)
        crop = picture(frame)
        mask = fill_hull(SIDE, transform_points(one["matrix"], one["landmarks"]))
        one["sharpness"], one["exposure"] = measure(crop, mask)
        write_image(folder / "images" / one["image"], crop)
        write_image(folder / "masks" / one["mask"], mask)
    write_whole(writer, rows, 8)
    return folder


def found(path: Path) -> dict[str, str]:
    return {finding.file: finding.kind for finding in check_faceset(path).findings}


def crops(path: Path) -> list[str]:
    return sorted(file.relative_to(path).as_posix() for file in path.glob("*/*.*"))


def damage(path: Path) -> None:
    """Everything that can be repaired."""
    images = path / "images"
    (images / "000000-0.png").rename(images / "best one.png")
    (images / "000001-0.png").rename(images / "second.png")
    write_image(images / "000002-0.webp", read_image(images / "000002-0.png"))
    (images / "000002-0.png").unlink()
    write_image(images / "000003-0.png", cv2.resize(picture(3), (2 * SIDE, 2 * SIDE)))  # type: ignore[arg-type]
    (images / "000004-0.png").write_bytes(b"\xff\xd8\xff")
    (path / "masks" / "000005-0.png").unlink()
    record = json.loads((path / "faceset.json").read_text())
    record["source"]["faces"] = 99
    (path / "faceset.json").write_text(json.dumps(record))
    (path / "segments").mkdir()
    (path / "segments" / "segment-000000000-end.parquet").touch()


KINDS = {
    "images/best one.png": "renamed",
    "images/second.png": "renamed",
    "images/000002-0.webp": "converted",
    "images/000003-0.png": "size",
    "images/000004-0.png": "damaged",
    "masks/000005-0.png": "mask",
    "faceset.json": "counts",
    "segments/": "segments",
}


def test_nothing_is_wrong_with_a_new_faceset_nor_with_deleted_faces(path):
    (path / "images" / "000002-0.png").unlink()
    remove_crops(path, ["000003-0.png", "000004-0.png"])
    for name in (".DS_Store", "Thumbs.db"):
        (path / "images" / name).touch()
    before, decoded = content(path), []
    report = check_faceset(path, decoded.append)
    assert report.findings == ()
    assert (report.faces, report.images, report.removed, report.deleted) == (8, 5, 2, 1)
    assert sum(decoded) == 7
    assert repair_faceset(report) == []
    assert content(path) == before


def test_what_can_be_mended_is_mended(path):
    before = Faceset.open(path)
    pixels = {face.image: before.load_crop(face) for face in before.faces()}
    mask = before.load_mask(before.faces()[5])
    damage(path)
    assert found(path) == KINDS
    assert len(repair_faceset(check_faceset(path))) == len(KINDS)
    assert found(path) == {}
    after = Faceset.open(path)
    faces = {face.frame: face for face in after.faces()}
    assert [face.frame for face in after.trainable()] == [0, 1, 2, 3, 5, 6, 7]
    for frame in (0, 1):
        np.testing.assert_array_equal(after.load_crop(faces[frame]), pixels[f"00000{frame}-0.png"])
    assert faces[2].image == "000002-0.webp"
    np.testing.assert_array_equal(after.meshes(), before.meshes())  # no metadata are lost
    assert after.load_crop(faces[3]).shape == (SIDE, SIDE, 3)
    assert (path / "removed" / "000004-0.png.damaged").is_file()
    np.testing.assert_allclose(after.load_mask(faces[5]), mask, atol=60)
    assert after.record["source"]["faces"] == 8


def test_repair_after_a_kill_at_any_change_completes_it(path, tmp_path):
    damage(path)
    pictures = len(list((path / "images").iterdir()))

    def job(output: Path) -> None:
        repair_faceset(check_faceset(output))

    def prepare(name: str) -> Path:
        shutil.copytree(path, tmp_path / name / "clip")
        return tmp_path / name / "clip"

    whole = prepare("whole")
    changes = run_until(sys.maxsize, job, whole)
    assert len(changes) > 20
    for number in range(len(changes)):
        output = prepare(f"at-{number}")
        run_until(number, job, output)
        assert len([*output.glob("images/[!.]*"), *output.glob("removed/*")]) == pictures
        job(output)
        assert found(output) == {}, changes[number]
        assert crops(output) == crops(whole), changes[number]
        shutil.rmtree(output.parent)


def test_what_cannot_be_mended_is_reported_and_left_alone(path):
    images = path / "images"
    (images / "notes.txt").write_text("mine")
    shutil.copy(images / "000001-0.png", images / "copy of it.png")
    write_image(images / "000003-0.png", picture(3)[:40])
    (images / "000005-0.png").rename(images / "retouched.png")
    write_image(images / "retouched.png", picture(5)[::-1])
    (path / "removed").mkdir()
    (path / "removed" / "other.png").touch()
    expected = {
        "images/notes.txt": "stray",
        "images/copy of it.png": "stray",
        "images/000003-0.png": "size",
        "images/retouched.png": "stray",
        "removed/other.png": "stray",
    }
    assert found(path) == expected
    before = content(path)
    assert repair_faceset(check_faceset(path)) == []
    assert content(path) == before


def test_damaged_crops_do_not_stop_masks_and_are_not_restored(path):
    remove_crops(path, ["000001-0.png"])
    (path / "images" / "000002-0.png").write_bytes(b"\xff\xd8\xff")
    (path / "removed" / "000001-0.png").write_bytes(b"")
    assert found(path) == {"removed/000001-0.png": "damaged", "images/000002-0.png": "damaged"}
    repair_faceset(check_faceset(path))
    assert found(path) == {}
    assert make_masks(path, "hull", build_masker("hull")) == 6
    assert removed_crops(Faceset.open(path)) == []
    assert drop_rows(path) == 0  # a backup may be there


def test_a_removed_crop_of_another_size_is_scaled_in_its_folder(path):
    remove_crops(path, ["000001-0.png"])
    removed = path / "removed" / "000001-0.png"
    write_image(removed, np.zeros((2 * SIDE, 2 * SIDE, 3), np.uint8))
    repair_faceset(check_faceset(path))
    assert read_image(removed).shape == (SIDE, SIDE, 3)
    assert found(path) == {}


def test_different_crops_of_one_face_in_both_folders_are_reported(path):
    remove_crops(path, ["000001-0.png", "000002-0.png"])
    write_image(path / "images" / "000001-0.png", picture(3))
    shutil.copy(path / "removed" / "000002-0.png", path / "images" / "000002-0.png")
    assert found(path) == {"images/000001-0.png": "both"}


def test_of_two_converted_files_of_one_crop_one_is_adopted(path):
    crop = read_image(path / "images" / "000002-0.png")
    for suffix in (".webp", ".bmp"):
        write_image(path / "images" / f"000002-0{suffix}", crop)
    (path / "images" / "000002-0.png").unlink()
    kinds = {"images/000002-0.bmp": "converted", "images/000002-0.webp": "stray"}
    assert found(path) == kinds
    repair_faceset(check_faceset(path))
    assert found(path) == {"images/000002-0.webp": "stray"}
    assert Faceset.open(path).trainable()[2].image == "000002-0.bmp"


@pytest.mark.parametrize("part", ["faceset.json", "faces.parquet", "images"])
def test_a_faceset_that_cannot_be_opened_is_one_finding(path, part):
    target = path / part
    shutil.rmtree(target) if target.is_dir() else target.write_bytes(target.read_bytes()[:50])
    (finding,) = check_faceset(path).findings
    assert finding.kind == "faceset"
    assert finding.remedy
    assert not finding.repairable


def test_rows_are_dropped_only_where_the_crop_is_gone(path):
    (path / "images" / "000002-0.png").unlink()
    remove_crops(path, ["000003-0.png"])
    assert drop_rows(path) == 1
    faceset = Faceset.open(path)
    assert [face.frame for face in faceset.faces()] == [0, 1, 3, 4, 5, 6, 7]
    source = faceset.record["source"]
    assert (source["faces"], source["frames_with_face"], faceset.record["chosen"]) == (7, 7, True)
    assert not (path / "masks" / "000002-0.png").exists()
    assert (path / "masks" / "000003-0.png").exists()
    assert found(path) == {}
    assert drop_rows(path) == 0


@pytest.mark.parametrize(("lost", "words"), [("images", "no folder"), ("images/*", "found none")])
def test_rows_are_not_dropped_where_all_crops_are_lost(path, lost, words):
    if lost == "images":
        (path / "images").rename(path / "pictures")
    for crop in path.glob("images/*"):
        crop.unlink()
    before = content(path)
    with pytest.raises(FacesetError, match=words):
        drop_rows(path)
    assert content(path) == before


def test_the_command_drops_no_rows_of_a_faceset_without_its_folder_of_crops(path):
    (path / "images").rename(path / "pictures")
    with pytest.raises(typer.Exit):
        repair([path], drop=True)
    assert len(Faceset.open(path).faces()) == 8
    assert len(list((path / "masks").iterdir())) == 8


def test_pixels_that_were_retouched_are_trained_on(path, tmp_path):
    geometry = CropGeometry(32, 1.25, 32)

    def cached() -> np.ndarray:
        faceset = Faceset.open(path)
        pairs = [(faceset, face) for face in faceset.trainable()]
        return np.array(build_cache(tmp_path / "cache", "alice", pairs, geometry).cache.open())

    before = cached()
    write_image(path / "images" / "000004-0.png", np.full((SIDE, SIDE, 3), 200, np.uint8))
    after = cached()
    assert abs(after[4, ..., :3].astype(int) - 200).max() < 4
    np.testing.assert_array_equal(np.delete(before, 4, 0), np.delete(after, 4, 0))
    assert check_faceset(path).findings == ()


def test_lost_masks_of_each_masker_are_found_and_those_of_landmarks_computed_again(path):
    for name in ("eyes", "mesh"):
        make_masks(path, name, build_masker(name))
    before = Faceset.open(path)
    eyes = before.load_mask(before.faces()[1], "eyes")
    for name in ("eyes", "mesh"):
        (path / "masks" / name / "000001-0.png").unlink()
    findings = check_faceset(path).findings
    assert [(finding.file, finding.repairable) for finding in findings] == [
        ("masks/eyes/000001-0.png", True),
        ("masks/mesh/000001-0.png", False),
    ]
    assert "--masker mesh" in findings[1].remedy
    assert len(repair_faceset(check_faceset(path))) == 1
    np.testing.assert_array_equal(before.load_mask(before.faces()[1], "eyes"), eyes)
