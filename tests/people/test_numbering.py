import numpy as np
import pytest

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
