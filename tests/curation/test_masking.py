"""Masks that are added to complete facesets from their crops."""

import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from faceswap.core.errors import FacesetError
from faceswap.curation.masking import has_masks, make_masks, set_default
from faceswap.curation.removal import remove_crops
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import place_face
from faceswap.maskers import Masker, build_masker
from faceswap.maskers.hull import fill_hull
from faceswap.maskers.outlines import LandmarkMasker
from tests.core.event_stopper import run_until
from tests.facesets.written import make_unversioned, write_faceset

MESH = build_masker("mesh")


def filled(value: int, **facts: str) -> Masker:
    masker = LandmarkMasker(lambda size, _: np.full((size, size), value, np.uint8))
    masker.facts = facts
    return masker


def expected(faceset: Faceset, number: int) -> np.ndarray:
    face, mesh = faceset.faces()[number], faceset.meshes()[number]
    points, placed = place_face(face.matrix, face.landmarks, mesh)
    return MESH([faceset.load_crop(face)], [points], [placed])[0]


def test_a_further_mask_is_what_its_masker_makes_of_the_stored_crops(tmp_path):
    before = write_faceset(tmp_path / "clip", maskers=["hull"])
    known, done = before.content_hash(), list[int]()
    assert make_masks(before.path, "mesh", MESH, on_faces=done.append) == sum(done) == 6
    faceset = Faceset.open(before.path)
    assert (faceset.masker, faceset.maskers) == ("hull", ["hull", "mesh"])
    for number, face in enumerate(faceset.faces()):
        assert np.array_equal(faceset.load_mask(face, "mesh"), expected(faceset, number))
        assert (faceset.load_mask(face) == 255).all()
    assert faceset.content_hash() == known  # trainings know it by its faces
    assert sorted(path.name for path in (before.path / "masks").glob("*/")) == ["mesh"]
    set_default(before.path, "mesh")
    assert Faceset.open(before.path).masker == "mesh"
    with pytest.raises(FacesetError, match="found hull, mesh"):
        set_default(before.path, "eyes")


def test_masks_are_there_until_the_network_changes_or_a_file_is_lost(tmp_path):
    path = write_faceset(tmp_path / "clip", maskers=["hull"]).path
    old, new = filled(1, mask_model="a" * 64), filled(2, mask_model="b" * 64)
    assert has_masks(Faceset.open(path), "hull", build_masker("hull"))
    assert not has_masks(Faceset.open(path), "segmentation", old)
    make_masks(path, "segmentation", old)
    faceset = Faceset.open(path)
    assert has_masks(faceset, "segmentation", old)
    assert not has_masks(faceset, "segmentation", new)
    make_masks(path, "segmentation", new)
    faceset = Faceset.open(path)
    assert [faceset.load_mask(face, "segmentation").max() for face in faceset.faces()] == [2] * 6
    (path / "masks" / "segmentation" / "000003-0.png").unlink()
    assert not has_masks(faceset, "segmentation", new)


def test_the_first_mask_can_be_replaced_in_its_place(tmp_path):
    path = write_faceset(tmp_path / "clip", maskers=["hull"]).path
    make_masks(path, "hull", filled(7))
    faceset = Faceset.open(path)
    assert faceset.maskers == ["hull"]
    assert [faceset.load_mask(face).min() for face in faceset.faces()] == [7] * 6
    assert not (path / "masks" / "hull").exists()


def test_retouched_and_removed_crops_are_masked_and_deleted_ones_are_not(tmp_path):
    path = write_faceset(tmp_path / "clip", maskers=["hull"]).path
    remove_crops(path, ["000001-0.png"])
    (path / "images" / "000002-0.png").unlink()
    cv2.imwrite(str(path / "images" / "000004-0.png"), np.full((32, 32, 3), 200, np.uint8))

    class Brightness(LandmarkMasker):
        def __call__(self, crops, landmarks, meshes):
            return [crop[..., 0].copy() for crop in crops]

    assert make_masks(path, "eyes", Brightness(fill_hull)) == 5
    faceset = Faceset.open(path)
    masks = [face.masks.get("eyes") for face in faceset.faces()]
    assert masks == [f"{i:06d}-0.png" if i != 2 else None for i in range(6)]
    assert faceset.load_mask(faceset.faces()[1], "eyes").max() == 1
    assert faceset.load_mask(faceset.faces()[4], "eyes").max() == 200


def test_a_faceset_of_version_2_takes_further_masks(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    make_unversioned(path)
    record = json.loads((path / "faceset.json").read_text())
    record["extractor"]["masker"] = "hull"
    del record["extractor"]["maskers"]
    (path / "faceset.json").write_text(json.dumps(record))
    make_masks(path, "mesh", MESH)
    assert Faceset.open(path).maskers == ["hull", "mesh"]
    assert json.loads((path / "faceset.json").read_text())["version"] == 3


def test_the_first_masks_of_a_faceset_are_its_default(tmp_path):
    named, unnamed = (write_faceset(tmp_path / name).path for name in ("named", "unnamed"))
    rewrite_rows(
        named,
        lambda rows: rows.set_column(
            rows.schema.get_field_index("mask"), "mask", pa.nulls(len(rows), pa.string())
        ),
    )
    for path in (named, unnamed):
        make_masks(path, "mesh", MESH)
    assert Faceset.open(named).masker == "mesh"
    faceset = Faceset.open(unnamed)  # its masks were made by a masker that is not known
    assert faceset.masker == ""
    assert faceset.load_mask(faceset.faces()[0]).min() == 255


def test_masks_of_meshes_need_meshes(tmp_path, monkeypatch):
    path = write_faceset(tmp_path / "clip", maskers=["hull"]).path

    def none(_):
        raise FacesetError("Expected a face mesh in each row, found landmarks only.")

    monkeypatch.setattr(Faceset, "meshes", none)
    with pytest.raises(FacesetError, match="landmarks only"):
        make_masks(path, "mesh", MESH)
    assert [child.name for child in (path / "masks").glob("*/")] == []


def test_a_kill_at_any_change_is_resumed(tmp_path, monkeypatch):
    monkeypatch.setattr("faceswap.curation.masking._CHUNK", 2)
    start = write_faceset(tmp_path / "start", frames=range(3), maskers=["hull"]).path
    make_masks(start, "segmentation", filled(1, mask_model="a" * 64))
    new = filled(2, mask_model="b" * 64)

    def job(path: Path) -> None:
        make_masks(path, "segmentation", new)

    def content(path: Path) -> dict[str, bytes]:
        files = (file for file in sorted(path.rglob("[!.]*")) if file.is_file())
        return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}

    whole = tmp_path / "whole"
    shutil.copytree(start, whole)
    changes = run_until(sys.maxsize, job, whole)
    assert len(changes) > 15
    for number, change in enumerate(changes):
        path = tmp_path / "killed"
        shutil.copytree(start, path)
        run_until(number, job, path)
        faceset = Faceset.open(path)  # at any moment
        assert {int(faceset.load_mask(face, "segmentation")[0, 0]) for face in faceset.faces()} <= {
            1,
            2,
        }
        if not has_masks(faceset, "segmentation", new):
            job(path)
        assert content(path) == content(whole), (number, change)
        shutil.rmtree(path)


def test_another_face_list_does_not_resume_an_earlier_run(tmp_path, monkeypatch):
    monkeypatch.setattr("faceswap.curation.masking._CHUNK", 2)
    path = write_faceset(tmp_path / "clip", maskers=["hull"]).path

    class Stopped(LandmarkMasker):
        def __call__(self, crops, landmarks, meshes):
            if int(crops[0][0, 0, 0]) >= 4:
                raise KeyboardInterrupt
            return super().__call__(crops, landmarks, meshes)

    with pytest.raises(KeyboardInterrupt):
        make_masks(path, "eyes", Stopped(lambda size, _: np.ones((size, size), np.uint8)))
    (path / "images" / "000000-0.png").unlink()
    make_masks(path, "eyes", filled(5))
    faceset = Faceset.open(path)
    assert [faceset.load_mask(face, "eyes").max() for face in faceset.faces()[1:]] == [5] * 5
