import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.facesets.record import FORMAT, read_record
from faceswap.facesets.rows import SCHEMA
from faceswap.facesets.writer import FacesetWriter
from faceswap.people.numbering import Gallery, Known, name_groups, next_number, number_tracks
from tests.people.colours import write_tracks

ANN, EVE, BOB = np.eye(4)[:3]


@pytest.mark.parametrize(
    ("names", "following"),
    [([], 1), (["1", "2"], 3), (["1", "anna"], 3), (["7", "anna"], 8), (["anna", "eve"], 3)],
)
def test_numbers_are_not_given_twice(names, following):
    assert next_number(names) == following


def test_known_people_keep_their_name_and_new_ones_get_numbers():
    known = [Known("anna", ANN, 100), Known("1", EVE, 100)]
    tracks = np.stack([BOB, 0.9 * ANN + 0.1 * BOB, BOB])
    assert number_tracks(tracks, [5, 5, 5], known) == ["3", "anna", "3"]
    assert number_tracks(tracks, [5, 5, 5], []) == ["1", "2", "1"]
    assert number_tracks(np.empty((0, 4)), [], known) == []
    # People of another network cannot be compared, and keep their numbers.
    assert number_tracks(tracks, [5, 5, 5], [Known("1", EVE[:3], 9)]) == ["2", "3", "2"]


def test_a_number_goes_to_the_group_with_most_of_its_faces():
    names = name_groups([0, 0, 1, 2], [10, 5, 30, 1], ["1", "2", "1", None])
    assert names == ["2", "2", "1", "3"]
    # A name that a user gave precedes a number.
    assert name_groups([0, 0], [1, 99], ["anna", "1"]) == ["anna", "anna"]


def test_the_gallery_reads_finished_facesets_with_people(tmp_path):
    write_tracks(tmp_path / "a", [[(1, 2, 3)] * 3])
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "faceset.json").write_text("{}")
    assert Gallery().people_in(tmp_path, tmp_path / "b") == []


def with_values(path, **values):
    """Replaces whole columns of a faceset."""
    rows = pq.read_table(path / "faces.parquet")
    for name, value in values.items():
        column = pa.array([value] * rows.num_rows, SCHEMA.field(name).type)
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    pq.write_table(rows, path / "faces.parquet")


def test_a_bad_faceset_in_the_folder_has_nobody_to_compare_with(tmp_path):
    names = ("good", "empty", "endless", "outside")
    good, empty, endless, outside = (
        write_tracks(tmp_path / name, [[(1, 2, 3)] * 3]) for name in names
    )
    with_values(good, person="anna", embedding=[0.6, 0.8])
    with_values(empty, person="1", embedding=[])
    with_values(endless, person="1", embedding=[np.nan])
    with_values(outside, person="1", embedding=[0.6, 0.8], image="../../secret.png")
    (anna,) = Gallery().people_in(tmp_path, tmp_path / "new")
    assert (anna.name, anna.faces) == ("anna", 3)


def test_people_of_a_faceset_are_known_until_it_is_replaced(tmp_path):
    old = write_tracks(tmp_path / "old", [[(1, 2, 3)] * 3])
    with_values(old, person="anna", embedding=[0.6, 0.8])
    record = read_record(old)
    new = FacesetWriter(old, record["source"], record["extractor"], overwrite=True, run="r")

    def remove_record() -> None:
        FORMAT.write(old / "faceset.json", record | {"complete": False})

    steps = (bool, remove_record, new.begin, new.discard)
    for change, known in zip(steps, (["anna"], ["anna"], ["anna"], []), strict=True):
        change()
        people = Gallery().people_in(tmp_path, tmp_path / "another")
        assert [person.name for person in people] == known
