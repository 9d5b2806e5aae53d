"""Tracks are read from row groups, and people are written into them."""

import numpy as np
import pytest

from faceswap.core.errors import FacesetError, OutputBusyError, UnsafeNameError
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import ROWS
from faceswap.people.stored_tracks import StoredTracks
from tests.people.stored import replace_columns, write_stored

ANN, EVE = np.eye(4, dtype=np.float32)[:2]
# Of two tracks that alternate, one has two people and both have faces without embedding.
FACES = [
    *((5, None, ANN), (2, "eve", EVE), (5, None, None), (5, "bob", EVE), (2, "eve", EVE)),
    *((5, None, ANN), (2, "eve", EVE), (5, "bob", EVE), (2, "eve", None), (7, None, ANN)),
]


def numbers(tracks: StoredTracks) -> list[int]:
    return [number for _, found in tracks.groups() for number in found.tolist()]


def people(path) -> list[str | None]:
    return [face.person for face in Faceset.open(path).faces()]


@pytest.mark.parametrize("group", [1, 3, 100])
def test_tracks_are_numbered_in_order_of_appearance(tmp_path, group):
    tracks = StoredTracks.open(write_stored(tmp_path / "a", FACES, group=group))
    assert numbers(tracks) == [0, 1, -1, 2, 1, 0, 1, 2, -1, 3]
    assert next(rows.num_rows for rows, _ in tracks.groups()) == min(group, 10)


def test_faces_of_photos_are_tracks_of_their_own(tmp_path):
    tracks = StoredTracks.open(write_stored(tmp_path / "a", FACES, "images", group=3))
    assert numbers(tracks) == [0, 1, -1, 2, 3, 4, 5, 6, -1, 7]


@pytest.mark.parametrize("kind", ["video", "images"])
def test_people_are_written_into_all_row_groups(tmp_path, kind):
    tracks = StoredTracks.open(write_stored(tmp_path / "a", FACES, kind, group=3))
    names = [f"p{number}" for number in range(max(numbers(tracks)) + 1)]
    expected = [None if number < 0 else f"p{number}" for number in numbers(tracks)]
    tracks.write_people(names)
    assert people(tmp_path / "a") == expected


def test_what_is_so_already_is_not_written(tmp_path):
    tracks = StoredTracks.open(write_stored(tmp_path / "a", [(0, "1", ANN)] * 6))
    tracks.write_people(["1"])
    assert tracks.state == StoredTracks.open(tmp_path / "a").state


def test_a_faceset_that_has_changed_is_not_written(tmp_path):
    tracks = StoredTracks.open(write_stored(tmp_path / "a", FACES))
    replace_columns(tmp_path / "a", person=["ann"] * 10)
    with pytest.raises(OutputBusyError, match="has changed while its people were compared"):
        tracks.write_people(["1", "2", "3", "4"])
    assert people(tmp_path / "a") == ["ann"] * 10


def test_damaged_facesets_are_refused(tmp_path):
    path = write_stored(tmp_path / "a", FACES)
    replace_columns(path, image=["../../secret.png"] * 10)
    with pytest.raises(UnsafeNameError, match="file name in the column image"):
        StoredTracks.open(path)
    (path / ROWS).unlink()
    with pytest.raises(FacesetError, match="missing"):
        StoredTracks.open(path)
