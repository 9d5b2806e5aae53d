"""Tables of facesets as JSON Lines."""

import gc
import json
import shutil
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import FacesetError, UnsafeNameError
from faceswap.curation.json_table import export_json, import_json
from faceswap.facesets.edit import rewrite_rows
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import SCHEMA
from tests.core.event_stopper import run_until
from tests.facesets.test_killed_faceset import content
from tests.facesets.written import SOURCE, write_faceset


@pytest.fixture
def faceset(tmp_path) -> Faceset:
    """A faceset whose columns hold values of all kinds, and none."""
    path = write_faceset(tmp_path / "clip").path
    generator = np.random.default_rng(0)

    def change(rows: pa.Table) -> pa.Table:
        values = {
            "person": ["Zoë", None, "2", 'a"b\n', None, "1"],
            "presence": [0.1, None, 1 / 3, 1e-30, None, 1.0],
            "embedding": [generator.normal(size=4).astype(np.float32), None] * 3,
            "score": generator.random(6).astype(np.float32),
            "order": [3, None, 2, None, 0, 1],
        }
        for name, column in values.items():
            field, place = SCHEMA.field(name), rows.schema.get_field_index(name)
            rows = rows.set_column(place, field, pa.array(column, field.type))
        return rows.append_column("mask_mesh", pa.array(["a.png", None] * 3, pa.string()))

    rewrite_rows(path, change)
    return Faceset.open(path)


def test_what_is_exported_and_imported_is_the_same_table(faceset, tmp_path):
    file, written, read = tmp_path / "faces.jsonl", [], []
    export_json(faceset, file, written.append)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 7
    assert json.loads(lines[0])["source"]["sha256"] == SOURCE["sha256"]
    assert json.loads(lines[1])["presence"] == 0.1  # no digits beyond those of float32
    before = pq.read_table(faceset.path / "faces.parquet")
    assert import_json(file, tmp_path / "new", read.append) == 6
    assert pq.read_table(tmp_path / "new" / "faces.parquet").equals(before)
    record = Faceset.open(tmp_path / "new").record
    assert {**record, "rows_sha256": faceset.record["rows_sha256"]} == faceset.record
    assert sum(written) == sum(read) == 6
    export_json(Faceset.open(tmp_path / "new"), tmp_path / "again.jsonl")
    assert (tmp_path / "again.jsonl").read_text(encoding="utf-8").splitlines()[1:] == lines[1:]


def test_an_edited_table_replaces_that_of_its_faceset(faceset, tmp_path):
    file = tmp_path / "faces.jsonl"
    export_json(faceset, file)
    file.write_text(file.read_text(encoding="utf-8").replace("Zoë", "Anna"), encoding="utf-8")
    import_json(file, faceset.path)
    after = Faceset.open(faceset.path)
    assert after.faces()[0].person == "Anna"
    assert after.load_crop(after.faces()[3]).mean() == 3


def test_a_table_with_deleted_faces_is_a_choice(faceset, tmp_path):
    file = tmp_path / "faces.jsonl"
    export_json(faceset, file)
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    import_json(file, faceset.path)
    assert "chosen" not in Faceset.open(faceset.path).record
    file.write_text("".join(lines[:-2]), encoding="utf-8")
    whole = shutil.copytree(faceset.path, tmp_path / "whole" / "clip")
    changes = run_until(sys.maxsize, lambda folder: import_json(file, folder), whole)
    for number in range(len(changes)):
        path = shutil.copytree(faceset.path, tmp_path / f"at-{number}" / "clip")
        run_until(number, lambda folder: import_json(file, folder), path)
        gc.collect()  # of the lock, which a killed process would not hold
        left = Faceset.open(path)
        assert len(left.faces()) == 6 or left.record["chosen"], changes[number]
    import_json(file, tmp_path / "new")
    for imported in (whole, tmp_path / "new"):
        record = Faceset.open(imported).record
        assert (record["source"]["faces"], record["chosen"]) == (4, True)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"frame": 2', '"frame": "x"', "damaged"),
        ('"frame": 2', '"frame": 99999999999', "damaged"),
        ('"frame": 2', '"frame": -2', "from 0"),
        ('"pts": 1024', '"pts_": 1024', "pts"),
        ('"image": "000002-0.png"', '"image": "../../x.png"', "x.png"),
        ('"yaw": ', '"yaw": 1e999, "": ', "JSON|difference"),
        ('{"frame": 2', '["frame", 2]\n{"frame": 2', "line 4"),
        ('"faceswap-faceset"', '"other"', "format"),
        (SOURCE["sha256"], "b" * 64, "another"),
        ('"crop_size": 32', '"crop_size": 64', "crop_size in .*, found 32 and 64"),
        ('"image": "000002-0.png"', '"image": "000001-0.png"', "different images in .*faces.jsonl"),
    ],
)
def test_a_file_that_does_not_fit_changes_nothing(faceset, tmp_path, old, new, words):
    file = tmp_path / "faces.jsonl"
    export_json(faceset, file)
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    before = content(faceset.path)
    with pytest.raises((FacesetError, UnsafeNameError), match=words):
        import_json(file, faceset.path)
    assert content(faceset.path) == before


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("embedding", [1.0, 0.0], "embeddings of one length .* in .*faces.jsonl"),
        ("matrix", [0.0] * 6, "inverted in .*faces.jsonl"),
        ("frame", -1, "from 0 in .*faces.jsonl"),
        (None, None, "at least one face in .*faces.jsonl"),
    ],
)
def test_values_that_no_faceset_has_are_refused(faceset, tmp_path, column, value, words):
    file = tmp_path / "faces.jsonl"
    export_json(faceset, file)
    record, *faces = file.read_text(encoding="utf-8").splitlines()
    edited = [json.dumps(json.loads(faces[2]) | {column: value}), *faces[3:]] if column else []
    file.write_text("\n".join([record, *(faces[:2] if column else []), *edited]), encoding="utf-8")
    before = content(faceset.path)
    with pytest.raises(FacesetError, match=words):
        import_json(file, faceset.path)
    assert content(faceset.path) == before
