import numpy as np

from faceswap.people.references import Reference
from faceswap.people.wanted import WantedPeople, largest_faces

ANN, EVE, BOB = np.eye(4, dtype=np.float32)[:3]
HER, HIM = Reference("her.jpg", ANN, "a" * 16), Reference("him.jpg", BOB, "person:2")


def mixed(near: np.ndarray, other: np.ndarray, similarity: float) -> np.ndarray:
    return similarity * near + np.sqrt(1 - similarity**2) * other


def test_everyone_is_kept_without_references():
    wanted = WantedPeople()
    assert not wanted.chooses
    assert wanted.keeps(EVE)
    assert set(wanted.record().values()) == {None}


def test_only_and_not_with_a_threshold():
    wanted = WantedPeople(only=(HER,), threshold=0.5)
    assert wanted.keeps(mixed(ANN, EVE, 0.51))
    assert not wanted.keeps(mixed(ANN, EVE, 0.49))
    unwanted = WantedPeople(exclude=(HIM,), threshold=0.5)
    assert unwanted.keeps(EVE)
    assert not unwanted.keeps(mixed(BOB, EVE, 0.51))


def test_the_more_similar_of_two_references_decides():
    wanted = WantedPeople((HER,), (HIM,), 0.3)
    assert wanted.keeps(mixed(ANN, BOB, 0.9))
    assert not wanted.keeps(mixed(ANN, BOB, 0.5))


def test_the_record_names_references():
    record = WantedPeople((HIM, HER), threshold=0.4).record()
    assert record == {"only": ["a" * 16, "person:2"], "not": None, "threshold": 0.4}


def test_the_largest_track_wins_in_all_frames_that_show_both():
    frames = np.array([0, 0, 1, 1, 2, 2, 3])
    tracks = np.array([0, 1, 0, 1, 0, 1, 1])
    sizes = np.array([50, 40, 30, 41, 50, 42, 43.0])
    kept = largest_faces(frames, tracks, sizes)
    assert tracks[kept].tolist() == [0, 0, 0, 1]
    assert frames[kept].tolist() == [0, 1, 2, 3]
