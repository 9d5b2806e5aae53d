"""Near-duplicates: what hardly differs is one face, of which the best is kept."""

import numpy as np
import pytest

from faceswap.curation.near_duplicates import appearance, near_duplicates
from faceswap.curation.thumbnails import read_thumbnails
from faceswap.facesets.faceset import Faceset


def test_the_best_of_each_group_is_kept() -> None:
    vectors = np.array([[0, 0], [0.5, 0], [5, 5], [5, 5.9], [0.2, 0.3]], np.float32)
    quality = np.array([1.0, 3.0, 2.0, 1.0, 2.0])
    assert near_duplicates(vectors, quality).tolist() == [1, 1, 2, 2, 1]
    assert near_duplicates(vectors, quality, threshold=0.1).tolist() == [0, 1, 2, 3, 4]


def test_slow_drift_is_no_single_face() -> None:
    vectors = np.linspace(0, 20, 2000, dtype=np.float32)[:, None]
    found = near_duplicates(vectors, -np.arange(2000.0))
    assert np.abs(vectors - vectors[found]).max() <= 1
    assert np.unique(found).size == pytest.approx(20, abs=1)
    assert (found[found] == found).all()


def test_blocks_give_what_one_block_gives(monkeypatch) -> None:
    random = np.random.default_rng(0)
    vectors = random.uniform(0, 6, (300, 3)).astype(np.float32)
    quality = random.uniform(size=300)
    whole = near_duplicates(vectors, quality)
    monkeypatch.setattr("faceswap.curation.near_duplicates._ROWS", 7)
    compared: list[int] = []
    pieces = near_duplicates(vectors, quality, on_faces=compared.append)
    assert (np.unique(pieces) == np.unique(whole)).all()
    assert sum(compared) == 300


def test_no_faces_have_no_duplicates() -> None:
    assert near_duplicates(np.zeros((0, 3), np.float32), np.zeros(0)).size == 0


def test_a_blink_and_an_open_mouth_are_no_duplicates(make_faceset, tmp_path) -> None:
    faceset = Faceset.open(make_faceset(tmp_path / "a", faces=16))
    faces = faceset.faces()
    vectors = appearance(faces, read_thumbnails([(faceset, face) for face in faces]))
    apart = np.linalg.norm(vectors - vectors[6], axis=1)
    assert apart[6] == 0
    assert apart[7] > 1  # blinks
    assert apart[13] > 1  # the mouth is closed
