"""Reading facesets."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import FacesetError, UnsafeNameError
from faceswap.facesets import faceset as faceset_module
from faceswap.facesets import rows as rows_module
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.record import FORMAT
from faceswap.facesets.rows import KEPT, SCHEMA, read_rows
from faceswap.facesets.subjects import set_subject
from faceswap.geometry.mesh_shape import LEFT_EYE
from faceswap.media.images import write_image
from faceswap.provenance.subject import Subject
from tests.facesets.written import make_unversioned, row, write_faceset
from tests.meshes import face_mesh


def test_what_is_written_is_read(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    faces = faceset.faces()
    assert [face.frame for face in faces] == list(range(6))
    assert faces[3].pts == 1536
    np.testing.assert_allclose(faces[3].matrix, row(3)["matrix"])
    # Evenly moving landmarks are what temporal smoothing must leave alone, away from the ends.
    np.testing.assert_allclose(faces[3].landmarks, row(3)["landmarks"], atol=0.05)
    assert faceset.load_crop(faces[4]).mean() == 4
    assert faceset.load_mask(faces[4]).shape == (32, 32)
    assert faceset.subject == {"name": "", "basis": "unstated", "reference": ""}
    assert faceset.by_frame()[5][0].image == "000005-0.png"
    assert faceset.record["source"]["faces"] == faceset.record["source"]["frames_with_face"] == 6
    assert not (tmp_path / "clip" / "segments").exists()


def test_parquet_holds_the_mesh_and_is_plain(tmp_path):
    write_faceset(tmp_path / "clip")
    table = pq.read_table(tmp_path / "clip" / "faces.parquet")
    assert table.num_rows == 6
    assert len(table["mesh"][2].as_py()) == 478 * 3
    assert len(table["landmarks"][0].as_py()) == 136


def test_meshes_are_those_of_the_faces(tmp_path):
    meshes = write_faceset(tmp_path / "clip").meshes()
    assert meshes.shape == (6, 478, 3)
    np.testing.assert_allclose(meshes, [row(frame)["mesh"] for frame in range(6)], atol=0.05)


@pytest.mark.parametrize(
    ("factor", "damaged"),
    [(0, True), (0.01, True), (1, False), (1e5, True), (1e30, True), ([1, 0, 1], True)],
)
def test_meshes_without_the_extent_of_a_face_are_refused(tmp_path, factor, damaged):
    faceset = write_faceset(tmp_path / "clip")
    file = tmp_path / "clip" / "faces.parquet"
    rows = pq.read_table(file).to_pylist()
    rows[3]["mesh"] = (60 * face_mesh() * factor).astype(np.float32).ravel()
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), file)
    if not damaged:
        assert faceset.meshes().shape == (6, 478, 3)
        return
    with pytest.raises(FacesetError, match=r"1 to 1,000,000 pixels .* 000003-0\.png"):
        faceset.meshes()


@pytest.mark.parametrize("column", ["sharpness", "exposure"])
def test_measures_that_are_no_numbers_are_refused(tmp_path, column):
    faceset = write_faceset(tmp_path / "clip")
    rows = pq.read_table(faceset.path / "faces.parquet").to_pylist()
    rows[2][column] = float("nan")
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), faceset.path / "faces.parquet")
    with pytest.raises(FacesetError, match=f"finite numbers in '{column}'"):
        Faceset.open(faceset.path)


def test_meshes_of_version_1_are_completed(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    meshes = faceset.meshes()
    file = faceset.path / "faces.parquet"
    rows = pq.read_table(file)
    earlier = pa.array(list(meshes[:, :468].reshape(len(meshes), -1)), pa.list_(pa.float32(), 1404))
    place = rows.schema.get_field_index("mesh")
    pq.write_table(rows.set_column(place, "mesh", earlier), file)
    record = faceset.path / "faceset.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"version": 1}))
    read = Faceset.open(faceset.path).meshes()
    np.testing.assert_array_equal(read[:, :468], meshes[:, :468])
    np.testing.assert_allclose(read[:, 468], read[:, LEFT_EYE.contour].mean(1), rtol=1e-5)


def test_a_faceset_without_meshes_says_how_to_get_them(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    file = tmp_path / "clip" / "faces.parquet"
    rows = [row | {"mesh": None} for row in pq.read_table(file).to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), file)
    with pytest.raises(FacesetError, match="mesh") as raised:
        faceset.meshes()
    assert "--landmarker facemesh" in raised.value.hint


@pytest.mark.parametrize("name", ["aux.mp4", "a:b.mp4", ".hidden.mp4"])
def test_the_name_of_a_source_is_a_label(name, tmp_path):
    write_faceset(tmp_path / "clip")
    file = tmp_path / "clip" / "faceset.json"
    record = json.loads(file.read_text())
    record["source"] |= {"name": name, "files": [name]}
    file.write_text(json.dumps(record))
    assert Faceset.open(tmp_path / "clip").name == name


def test_names_of_crops_other_than_usual_are_checked(tmp_path, monkeypatch):
    faceset = write_faceset(tmp_path / "clip")
    others = ["face one.png", "0" * 300 + "-0.png", "../000001-0.png", "000001-0.png\n"]
    checked = []
    monkeypatch.setattr(rows_module, "check_name", lambda name, what: checked.append(name))
    for name in ("000001-0.jpg", "", *others):
        rows = faceset.rows.to_pylist()
        rows[1]["image"] = name
        pq.write_table(pa.Table.from_pylist(rows, KEPT), tmp_path / "rows")
        read_rows(tmp_path / "rows", KEPT)
    assert checked == others


def test_the_rows_are_hashed_once(tmp_path, monkeypatch):
    write_faceset(tmp_path / "clip")
    faceset = Faceset.open(tmp_path / "clip")
    before = faceset.content_hash()
    monkeypatch.setattr(faceset_module, "sha256_file", lambda path: pytest.fail("hashed again"))
    assert faceset.content_hash() == before


def test_deleting_an_image_removes_the_face_from_training_only(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    before = faceset.content_hash()
    (tmp_path / "clip" / "images" / "000002-0.png").unlink()
    assert [face.frame for face in faceset.trainable()] == [0, 1, 3, 4, 5]
    assert len(faceset.faces()) == 6
    assert faceset.content_hash() != before


def test_errors_say_what_to_do(tmp_path):
    with pytest.raises(FacesetError, match="no faceset") as error:
        Faceset.open(tmp_path)
    assert "faceswap extract" in error.value.hint
    write_faceset(tmp_path / "alice")
    with pytest.raises(FacesetError) as error:
        Faceset.open(tmp_path)
    assert "alice" in error.value.hint

    record = tmp_path / "alice" / "faceset.json"
    document = json.loads(record.read_text())
    for damaged, message in (
        (document | {"version": 99}, "version 99"),
        (document | {"format": "other"}, "found the text 'other'"),
        ({k: v for k, v in document.items() if k != "source"}, "source is missing"),
        ({"schema_version": 9}, "version 9"),
        ([], "found None"),
    ):
        record.write_text(json.dumps(damaged))
        with pytest.raises(FacesetError, match=message):
            Faceset.open(tmp_path / "alice")
    record.write_text("{")
    with pytest.raises(FacesetError, match="not valid JSON"):
        Faceset.open(tmp_path / "alice")


def test_a_faceset_from_before_formats_had_names_is_read(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    make_unversioned(faceset.path)
    again = Faceset.open(faceset.path)
    assert again.record == faceset.record
    assert again.content_hash() == faceset.content_hash()
    set_subject(faceset.path, Subject("Alice", "self"))
    document = json.loads((faceset.path / "faceset.json").read_text())
    assert (document["format"], document["version"]) == ("faceswap-faceset", 3)
    assert Faceset.open(faceset.path).subject["name"] == "Alice"


def test_half_a_parquet_is_an_error_not_a_traceback(tmp_path):
    write_faceset(tmp_path / "clip")
    rows = tmp_path / "clip" / "faces.parquet"
    rows.write_bytes(rows.read_bytes()[:500])
    with pytest.raises(FacesetError, match="not a valid Parquet file"):
        Faceset.open(tmp_path / "clip")


def test_files_that_belong_to_no_face_are_named(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    assert faceset.unknown_images() == []
    images = faceset.path / "images"
    (images / "000002-0.png").rename(images / "best one.png")
    write_image(images / "000003-0.webp", np.zeros((32, 32, 3), np.uint8))
    for name in (".DS_Store", "Thumbs.db"):
        (images / name).touch()
    (images / "@eaDir").mkdir()
    assert faceset.unknown_images() == ["000003-0.webp", "best one.png"]
    assert len(faceset.trainable()) == 5


def test_a_faceset_without_its_images_is_refused(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    shutil.rmtree(faceset.path / "images")
    with pytest.raises(FacesetError, match="images") as raised:
        faceset.trainable()
    assert "extract" in raised.value.hint


def test_links_that_lead_out_of_a_faceset_are_not_read(tmp_path):
    faceset = write_faceset(tmp_path / "clip")
    first, second = faceset.faces()[:2]
    private = tmp_path / "private.png"
    write_image(private, np.zeros((32, 32, 3), np.uint8))
    crop = faceset.path / "images" / first.image
    crop.unlink()
    crop.symlink_to(private)
    with pytest.raises(FacesetError, match="link to another place"):
        faceset.load_crop(first)
    crop.unlink()
    crop.symlink_to(second.image)  # stays inside
    assert faceset.load_crop(first).mean() == 1
    (faceset.path / "masks").rename(tmp_path / "elsewhere")
    (faceset.path / "masks").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FacesetError, match="link to another place"):
        faceset.load_mask(first)


def add_eyes(path) -> None:
    """Adds masks of the masker ``eyes`` to a faceset of ``write_faceset``, of value 100."""

    def change(rows):
        return rows.append_column(pa.field("mask_eyes", pa.string()), rows["mask"])

    rewrite_rows(path, change)
    for file in (path / "masks").glob("*.png"):
        write_image(path / "masks" / "eyes" / file.name, np.full((32, 32), 100, np.uint8))


def test_each_masker_has_masks_of_its_own(tmp_path):
    write_faceset(tmp_path / "clip", maskers=["hull"])
    add_eyes(tmp_path / "clip")
    faceset = Faceset.open(tmp_path / "clip")
    face = faceset.faces()[2]
    assert faceset.maskers == ["hull", "eyes"]
    assert [int(faceset.load_mask(face, name)[0, 0]) for name in (None, "hull", "eyes")] == [
        *(255, 255, 100)
    ]
    assert faceset.with_masker("").load_mask(face)[0, 0] == 255
    assert faceset.with_masker("eyes").load_mask(face)[0, 0] == 100
    with pytest.raises(FacesetError, match=r"masker 'mesh' in .*, found hull, eyes") as raised:
        faceset.with_masker("mesh")
    assert "faces masks" in raised.value.hint
    with pytest.raises(FacesetError, match="no mask of the masker 'mesh'"):
        faceset.load_mask(face, "mesh")
    read_json = json.loads((tmp_path / "clip" / "faceset.json").read_text())
    FORMAT.write(tmp_path / "clip" / "faceset.json", read_json | {"default_mask": "eyes"})
    assert Faceset.open(tmp_path / "clip").load_mask(face)[0, 0] == 100


def test_the_masker_of_an_earlier_faceset_is_known(tmp_path):
    write_faceset(tmp_path / "clip", maskers=["hull"])
    file = tmp_path / "clip" / "faceset.json"
    record = json.loads(file.read_text())
    del record["extractor"]["maskers"]
    record["extractor"]["masker"] = "hull"
    file.write_text(json.dumps(record | {"version": 2}))
    faceset = Faceset.open(tmp_path / "clip")
    assert (faceset.masker, faceset.maskers) == ("hull", ["hull"])
    assert faceset.load_mask(faceset.faces()[0]).shape == (32, 32)


def test_masks_lead_to_no_other_place(tmp_path):
    write_faceset(tmp_path / "clip", maskers=["hull"])
    add_eyes(tmp_path / "clip")
    (tmp_path / "clip" / "masks" / "eyes").rename(tmp_path / "eyes")
    (tmp_path / "clip" / "masks" / "eyes").symlink_to(tmp_path / "eyes")
    faceset = Faceset.open(tmp_path / "clip")
    with pytest.raises(FacesetError, match="link to another place"):
        faceset.load_mask(faceset.faces()[0], "eyes")

    def rename(rows):
        return rows.rename_columns(
            ["mask_../up" if n == "mask_eyes" else n for n in rows.schema.names]
        )

    table = rename(pq.read_table(tmp_path / "clip" / "faces.parquet"))
    pq.write_table(table, tmp_path / "clip" / "faces.parquet")
    with pytest.raises(UnsafeNameError, match="plain name as the masker"):
        Faceset.open(tmp_path / "clip")
