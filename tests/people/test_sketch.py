"""Sketches hold one embedding for each track, however many faces it has."""

import numpy as np
import pytest

from faceswap.core.errors import FacesetError
from faceswap.facesets.files import ROWS
from faceswap.facesets.rows import read_row_groups
from faceswap.people import stored_tracks
from faceswap.people.clustering import cluster
from faceswap.people.sketch import TrackSketch
from faceswap.people.stored_tracks import StoredTracks
from tests.people.stored import replace_columns, write_stored

ANN, EVE = np.eye(4, dtype=np.float32)[:2]
MIXED = np.array([0.6, 0.8, 0, 0], np.float32)


def sketch(*paths) -> TrackSketch:
    return TrackSketch.of([StoredTracks.open(path) for path in paths])


@pytest.fixture
def facesets(tmp_path):
    first = [(3, None, ANN)] * 7 + [(1, "eve", EVE)] * 6 + [(3, None, ANN)] * 2 + [(4, None, None)]
    photos = [(0, "eve", MIXED), (0, None, None), (0, "1", ANN)]
    return [
        write_stored(tmp_path / "a", first),
        write_stored(tmp_path / "b", photos, "images"),
        write_stored(tmp_path / "c", [(0, None, None)] * 3),
    ]


def test_a_track_is_one_row(facesets):
    found = sketch(*facesets)
    np.testing.assert_allclose(found.embeddings, [ANN, EVE, MIXED, ANN], atol=1e-3)
    assert found.embeddings.dtype == np.float16
    assert found.faces.tolist() == [9, 6, 1, 1]
    assert found.starts.tolist() == [0, 2, 4, 4]
    assert found.person_names() == [None, "eve", "eve", "1"]
    assert found.faceset_of(np.arange(4)).tolist() == [0, 0, 1, 1]


def test_without_tracks_it_is_empty(facesets):
    found = sketch(facesets[2])
    assert found.embeddings.shape[0] == len(found.faces) == 0
    people = cluster(found, {})
    assert (people.names, people.tracks(), people.names_in(0)) == ([], [], [])


def test_people_of_tracks(facesets):
    people = cluster(sketch(*facesets), {})
    assert people.names == ["1", "eve"]
    assert people.of.tolist() == [0, 1, 1, 0]
    assert people.faces().tolist() == [10, 7]
    assert [tracks.tolist() for tracks in people.tracks()] == [[0, 3], [1, 2]]
    assert [people.names_in(number) for number in range(3)] == [["1", "eve"], ["eve", "1"], []]
    assert people.similarity(np.array([0, 3])) == pytest.approx(1, abs=1e-3)
    mean = EVE + MIXED
    mean /= np.linalg.norm(mean)
    expected = float(6 * EVE @ mean + MIXED @ mean) / 7
    assert people.similarity(np.array([1, 2])) == pytest.approx(expected, abs=1e-3)


def test_one_row_group_of_one_faceset_is_in_memory(facesets, monkeypatch):
    alive, most = set(), 0
    whole = stored_tracks.read_some_columns

    def counted(file, schema):
        nonlocal most
        alive.add(file)
        most = max(most, len(alive))
        for rows in whole(file, schema):
            assert rows.num_rows <= 4
            yield rows
        alive.remove(file)

    monkeypatch.setattr(stored_tracks, "read_some_columns", counted)
    found = sketch(*facesets)
    assert most == 1
    # No array of the sketch has a row for each of the 22 faces.
    assert sum(rows.num_rows for path in facesets for rows in read_row_groups(path / ROWS)) == 22
    assert {len(found.embeddings), len(found.faces), len(found.people)} == {4}


def test_embeddings_of_two_networks_cannot_be_compared(facesets):
    replace_columns(facesets[1], embedding=[[1.0, 0.0], None, [0.0, 1.0]])
    with pytest.raises(FacesetError, match=r"Expected embeddings of 4 numbers.*found 2 in .*b"):
        sketch(*facesets)
