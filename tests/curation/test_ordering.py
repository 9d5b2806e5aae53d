"""Orders and groups of faces."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import ConfigError, FacesetError
from faceswap.curation.grouping import group_keys, grouped_faces
from faceswap.curation.likeness import chain, colour_histograms
from faceswap.curation.marks import write_marks
from faceswap.curation.ordering import sort_keys, sorted_faces
from faceswap.curation.thumbnails import Thumbnails
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import SCHEMA
from tests.facesets.written import write_faceset

COLUMNS = {
    "sharpness": [5.0, 1.0, 9.0, 1.0, 7.0, 3.0],
    "yaw": [-40.0, -20.0, 0.0, 20.0, 40.0, 0.0],
    "pitch": [0.0, 0.0, 0.0, 0.0, 0.0, 30.0],
    "person": ["10", "2", None, "Anna", "2", "1"],
    "track": [0, 0, 1, 1, 1, 3],
}


@pytest.fixture
def faceset(tmp_path) -> Faceset:
    path = write_faceset(tmp_path / "clip").path
    table = pq.read_table(path / "faces.parquet")
    columns = {name: COLUMNS.get(name, table[name].to_pylist()) for name in SCHEMA.names}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    pq.write_table(type(table).from_pylist(rows, SCHEMA), path / "faces.parquet")
    return Faceset.open(path)


@pytest.mark.parametrize(
    ("key", "descending", "frames"),
    [
        ("sharpness", False, [1, 3, 5, 0, 4, 2]),
        ("sharpness", True, [2, 4, 0, 5, 1, 3]),  # equal ones in the order of the source
        ("person", False, [5, 1, 4, 0, 3, 2]),  # numbers by value, none last
        ("person", True, [3, 0, 1, 4, 5, 2]),
        ("presence", True, [0, 1, 2, 3, 4, 5]),
        ("frame", True, [5, 4, 3, 2, 1, 0]),
        ("pose", False, [0, 1, 2, 3, 4, 5]),
        ("brightness", False, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_faces_are_sorted_by_a_column(faceset, key, descending, frames):
    order = sorted_faces(faceset, faceset.faces(), key, descending=descending)
    assert order.tolist() == frames


@pytest.mark.parametrize("key", sorted(set(sort_keys()) - {"identity"}))
def test_every_order_holds_each_face_once(faceset, key):
    order = sorted_faces(faceset, faceset.faces(), key)
    assert sorted(order.tolist()) == list(range(6))


def test_a_chain_goes_from_each_face_to_the_nearest_that_is_left():
    generator = np.random.default_rng(0)
    path = np.linspace(0, 30, 700)[:, None] * generator.normal(size=(1, 50))
    shuffled = generator.permutation(700)
    order = shuffled[chain(path[shuffled].astype(np.float32))]
    assert order.tolist() in (list(range(700)), list(range(700))[::-1])
    assert chain(np.zeros((0, 9), np.float32)).tolist() == []
    assert chain(np.zeros((1, 9), np.float32)).tolist() == [0]


def test_colours_are_compared_without_their_places():
    picture = np.zeros((3, 32, 32, 3), np.uint8)
    picture[0, :16], picture[1, 16:], picture[2] = (200, 150, 120), (200, 150, 120), (60, 90, 200)
    found = colour_histograms(Thumbnails(picture, np.ones((3, 32, 32), np.bool_), 0.5))
    apart = np.linalg.norm(found[:, None] - found, axis=2)
    assert apart[0, 1] < 1e-6
    assert apart[0, 2] == pytest.approx(1, abs=1e-6)  # no colour in common


def test_embeddings_are_needed_for_identity_only(faceset):
    with pytest.raises(FacesetError, match=r"6 of 6 faces .* no embedding") as raised:
        sorted_faces(faceset, faceset.faces(), "identity")
    assert "similarity" in raised.value.hint


@pytest.mark.parametrize("job", [sorted_faces, grouped_faces])
def test_unknown_keys_are_answered_with_the_known_ones(faceset, job):
    with pytest.raises(ConfigError, match="by 'blur'") as raised:
        job(faceset, faceset.faces(), "blur")
    assert "sharpness" in raised.value.hint


@pytest.mark.parametrize(
    ("key", "bins", "groups"),
    [
        ("person", 5, COLUMNS["person"]),
        ("track", 5, ["track 0", "track 0", "track 1", "track 1", "track 1", "track 3"]),
        # Angles in ranges of equal width, other numbers in ranges of equally many faces.
        ("yaw", 2, ["yaw 1 (-40 to 0)"] * 2 + ["yaw 2 (0 to 40)"] * 4),
        ("sharpness", 2, [f"sharpness {n}" for n in (2, 1, 2, 1, 2, 1)]),
        ("presence", 3, [None] * 6),
        ("exposure", 3, ["exposure 1 (0.5)"] * 6),
    ],
)
def test_faces_are_grouped_by_a_column(faceset, key, bins, groups):
    found = grouped_faces(faceset, faceset.faces(), key, bins=bins)
    if key == "sharpness":
        found = [str(name).partition(" (")[0] for name in found]
    assert found == groups


def test_faces_are_grouped_by_pose_and_likeness(faceset):
    faces = faceset.faces()
    pose = grouped_faces(faceset, faces, "pose", bins=2)
    assert pose[0] == "pitch 1 (0 to 15), yaw 1 (-40 to 0)"
    assert pose[5] == "pitch 2 (15 to 30), yaw 2 (0 to 40)"
    assert grouped_faces(faceset, faces, "similarity", threshold=1e-6) == list("123456")
    assert set(grouped_faces(faceset, faces, "similarity", threshold=1e6)) == {"1"}
    assert {"identity", "pose", "colour", "time"} <= set(group_keys())


def test_marks_are_in_the_table_and_change_nothing_else(faceset):
    before = faceset.content_hash()
    write_marks(faceset.path, "order", {"000003-0.png": 0, "000001-0.png": 1})
    write_marks(faceset.path, "group", {"000003-0.png": "a b"})
    after = Faceset.open(faceset.path)
    assert [face.order for face in after.faces()] == [None, 1, None, 0, None, None]
    assert [face.group for face in after.faces()] == [None] * 3 + ["a b"] + [None] * 2
    assert after.content_hash() == before
    write_marks(faceset.path, "order", {})
    assert {face.order for face in Faceset.open(faceset.path).faces()} == {None}
    assert json.loads((faceset.path / "faceset.json").read_text())["version"] == 3
