"""Rewriting the rows of a faceset in place."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import FacesetError, UnsafeNameError
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import SCHEMA
from tests.facesets.written import row, write_faceset

ADDED = ["person", "presence", "filled", "raw_landmarks", "size", "order", "group"]


def named(rows: pa.Table) -> pa.Table:
    place = rows.schema.get_field_index("person")
    names = pa.array([f"p{frame % 2}" for frame in rows["frame"].to_pylist()])
    return rows.set_column(place, SCHEMA.field("person"), names)


def make_version_2(path) -> None:
    """Rewrites a faceset as version 2 wrote it."""
    table = pq.read_table(path / "faces.parquet").drop_columns(ADDED)
    pq.write_table(table, path / "faces.parquet")
    record = json.loads((path / "faceset.json").read_text()) | {"version": 2}
    (path / "faceset.json").write_text(json.dumps(record))


def test_a_faceset_of_version_2_opens_with_what_can_be_computed(tmp_path):
    new = write_faceset(tmp_path / "clip").faces()
    make_version_2(tmp_path / "clip")
    old = Faceset.open(tmp_path / "clip").faces()
    np.testing.assert_allclose([f.size for f in old], [f.size for f in new], rtol=2e-3)
    assert {(f.person, f.presence, f.filled, f.order, f.group) for f in old} == {
        (None, None, False, None, None)
    }
    assert [f.image for f in old] == [f.image for f in new]


@pytest.mark.parametrize("version", [2, 3])
def test_named_faces_are_the_same_faces(tmp_path, version):
    path = write_faceset(tmp_path / "clip").path
    if version == 2:
        make_version_2(path)
    before = Faceset.open(path)
    content = before.content_hash()
    rewrite_rows(path, named)
    rewrite_rows(path, named)
    after = Faceset.open(path)
    assert [face.person for face in after.faces()] == ["p0", "p1"] * 3
    assert after.content_hash() == content
    np.testing.assert_array_equal(after.meshes(), before.meshes())
    assert json.loads((path / "faceset.json").read_text())["version"] == 3
    assert pq.read_schema(path / "faces.parquet") == SCHEMA


def test_other_faces_are_another_faceset(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    before = Faceset.open(path).content_hash()
    rewrite_rows(path, lambda rows: rows.slice(0, 4), same_faces=False)
    assert len(Faceset.open(path).faces()) == 4
    assert Faceset.open(path).content_hash() != before


def test_columns_of_further_masks_are_kept(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    files = pa.array([None, *(f"{frame:06d}-0.png" for frame in range(1, 6))])
    rewrite_rows(path, lambda rows: rows.append_column("mask_mesh", files))
    rewrite_rows(path, named)
    faces = Faceset.open(path).faces()
    assert faces[0].masks == {}
    assert faces[3].masks == {"mesh": "000003-0.png"}


def test_a_failing_change_leaves_the_faceset(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    before = (path / "faces.parquet").read_bytes(), (path / "faceset.json").read_bytes()

    def fail(rows):
        raise FacesetError("no")

    with pytest.raises(FacesetError, match="no"):
        rewrite_rows(path, fail)
    assert ((path / "faces.parquet").read_bytes(), (path / "faceset.json").read_bytes()) == before
    assert sorted(file.name for file in path.iterdir()) == [
        *("faces.parquet", "faceset.json", "images", "masks")
    ]


def test_masks_of_other_places_are_refused(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    table = pq.read_table(path / "faces.parquet")
    names = pa.array(["../../secret.png"] * 6)
    pq.write_table(table.append_column("mask_mesh", names), path / "faces.parquet")
    with pytest.raises(UnsafeNameError, match="mask_mesh"):
        Faceset.open(path)


def test_embeddings_are_read_apart(tmp_path):
    path = write_faceset(tmp_path / "clip").path
    assert Faceset.open(path).embeddings() == [None] * 6
    rows = [row(frame) | {"embedding": [0.6, 0.8] if frame else None} for frame in range(6)]
    flat = [{k: v.ravel() if isinstance(v, np.ndarray) else v for k, v in r.items()} for r in rows]
    pq.write_table(pa.Table.from_pylist(flat, SCHEMA), path / "faces.parquet")
    first, *others = Faceset.open(path).embeddings()
    assert first is None
    assert all(each == pytest.approx([0.6, 0.8]) for each in others)
    assert len(others) == 5
    empty = [each | {"embedding": []} for each in flat]
    flat[3]["embedding"] = [1.0]
    for wrong in (flat, empty):
        pq.write_table(pa.Table.from_pylist(wrong, SCHEMA), path / "faces.parquet")
        with pytest.raises(FacesetError, match="embeddings of one length"):
            Faceset.open(path).embeddings()
