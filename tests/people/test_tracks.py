import numpy as np
import pytest

from faceswap.facesets.faceset import Faceset
from faceswap.people.face_table import FaceTable, quality, spaced_samples
from faceswap.people.splitting import split_tracks
from faceswap.people.tracks import SPACING, identify_tracks, sample_tracks
from tests.people.colours import BLUE, GREEN, RED, Colours, write_tracks

ANN, EVE = np.eye(8, dtype=np.float32)[:2]


def test_the_best_face_of_every_few_of_each_track_is_sampled():
    tracks = np.array([0, 1] * 6)
    qualities = np.array([0, 0, 1, 0, 0, 9, 2, 0, 3, 0, 0, 1.0])
    assert spaced_samples(tracks, qualities, 3) == [2, 5, 8, 11]
    assert spaced_samples(np.array([], int), np.array([]), 3) == []


def test_sharp_and_frontal_faces_suit_best():
    frontal, turned, raised, blurred = quality(
        np.array([0, 60, 0, 0]), np.array([0, 0, 60, 0]), np.array([90, 90, 90, 5.0])
    )
    assert frontal > max(turned, raised, blurred)


def split(people: list[np.ndarray], sampled: list[int]) -> list[int]:
    """Track numbers of one track with a person in each frame."""
    embeddings = np.stack(people)
    samples = {place: embeddings[place] for place in sampled}
    tracks = np.zeros(len(people), np.int64)
    return split_tracks(tracks, samples, lambda places: embeddings[list(places)], 1).tolist()


@pytest.mark.parametrize("place", [20, 27, 33])
def test_a_track_is_split_where_the_person_changes(place):
    people = [ANN] * place + [EVE] * (60 - place)
    assert split(people, [8, 17, 40, 55]) == [0] * place + [1] * (60 - place)


def test_a_person_who_comes_back_gets_a_third_number():
    people = [ANN] * 40 + [EVE] * 40 + [ANN] * 40
    assert split(people, list(range(5, 120, 10))) == [0] * 40 + [1] * 40 + [2] * 40


def test_one_bad_sample_splits_nothing():
    people = [ANN] * 60
    people[25] = EVE  # a hand before the face
    assert split(people, [5, 25, 45]) == [0] * 60
    assert split(people, [5, 25]) == [0] * 60


def identified(path, tracks, kind="video"):
    faceset = Faceset.open(write_tracks(path, tracks, kind))
    table, recognizer = FaceTable.of_faceset(faceset), Colours()
    samples = sample_tracks(table, recognizer)
    return table, identify_tracks(table, recognizer, samples, video=kind == "video")


def test_two_people_who_took_each_others_track_get_it_back(tmp_path):
    first = [RED] * 40 + [BLUE] * 40
    second = [BLUE] * 40 + [RED] * 40
    _, found = identified(tmp_path / "clip", [first, second])
    by_face = found.tracks.reshape(80, 2)
    assert by_face[:40].tolist() == [[0, 1]] * 40
    assert by_face[40:].tolist() == [[1, 0]] * 40
    assert found.numbers == [0, 1]
    assert found.faces == [80, 80]
    assert float(found.embeddings[0] @ found.embeddings[1]) < 0.3


def test_the_moment_in_which_one_face_covers_the_other_is_nobody(tmp_path):
    _, found = identified(tmp_path / "clip", [[RED] * 40 + [GREEN] * 12 + [BLUE] * 40])
    assert found.tracks.tolist() == [0] * 40 + [1] * 12 + [2] * 40
    assert found.numbers == [0, 2]


def test_faces_of_photos_are_tracks_of_their_own(tmp_path):
    table, found = identified(tmp_path / "photos", [[RED, BLUE, None], [GREEN] * 3], "images")
    assert table.frames.tolist() == [0, 0, 1, 1, 2]
    assert found.numbers == [0, 1, 2, 3, 4]
    assert found.faces == [1] * 5


def test_few_faces_are_embedded(tmp_path):
    faceset = Faceset.open(write_tracks(tmp_path / "clip", [[RED] * (10 * SPACING)]))
    recognizer = Colours()
    assert len(sample_tracks(FaceTable.of_faceset(faceset), recognizer)) == recognizer.seen == 10


def test_deleted_crops_are_left_out(tmp_path):
    path = write_tracks(tmp_path / "clip", [[RED] * 4])
    (path / "images" / "000002-0.png").unlink()
    assert FaceTable.of_faceset(Faceset.open(path)).frames.tolist() == [0, 1, 3]
