"""Short gaps of tracks in facesets, also where a segment begins within one."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import FacesetError
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import ROWS
from faceswap.facesets.rows import read_rows
from faceswap.facesets.segments import SegmentRecord, segment_file, write_segment
from faceswap.media.sources import find_sources
from tests.extraction.short_segments import cut_short, kill_extraction
from tests.footage import moving_portrait, plain_picture, write_clip

FRAMES = 20
COVERED = (8, 9, 10, 11)


def covered(index):
    """The moving portrait, with something before the face in four frames."""
    picture = moving_portrait(index).copy()
    if index in COVERED:
        picture[20:170, 60:200] = plain_picture(index)[20:170, 60:200]
    return picture


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    clip = write_clip(tmp_path_factory.mktemp("clips") / "clip.mp4", FRAMES, covered)
    return find_sources([clip])[0]


@pytest.fixture(scope="module")
def faceset(source, tmp_path_factory):
    directory = tmp_path_factory.mktemp("faces") / "clip"
    extract_source(source, directory, ExtractSettings())
    return Faceset.open(directory)


def test_a_lost_face_is_filled_and_marked(faceset):
    faces = faceset.faces()
    assert [face.frame for face in faces] == list(range(FRAMES))
    assert {face.track for face in faces} == {0}
    assert tuple(face.frame for face in faces if face.filled) == COVERED
    assert all((face.presence is None) == face.filled for face in faces)
    for face in faces:
        assert faceset.load_crop(face).shape == (384, 384, 3)
    middles = np.array([face.landmarks.mean(axis=0) for face in faces])
    assert np.linalg.norm(np.diff(middles, axis=0), axis=1).max() < 4


def test_filled_faces_are_not_trained_on(faceset):
    assert [f.frame for f in faceset.trainable()] == [i for i in range(FRAMES) if i not in COVERED]


def test_raw_landmarks_are_those_before_smoothing(faceset):
    rows = read_rows(faceset.path / ROWS)
    raw, smoothed = (
        np.stack(rows[name].to_numpy(zero_copy_only=False)).reshape(-1, 68, 2)
        for name in ("raw_landmarks", "landmarks")
    )
    away = np.linalg.norm(raw - smoothed, axis=2).mean(axis=1)
    assert 0 < away.max() < 1
    assert np.abs(np.diff(raw, 2, axis=0)).mean() > np.abs(np.diff(smoothed, 2, axis=0)).mean()


def test_gaps_stay_where_they_are_not_filled(source, tmp_path):
    for gap in (0, 3):
        report = extract_source(source, tmp_path / f"{gap}", ExtractSettings(fill_gaps=gap))
        assert report.faces == FRAMES - len(COVERED)


@pytest.mark.parametrize(("length", "lead"), [(4, 5), (4, 6), (5, 6)])
def test_killed_within_a_gap_and_repeated_gives_the_same_table(
    source, faceset, tmp_path, monkeypatch, length, lead
):
    """Segments have a border in the gap, and one tracker begins in it."""
    cut_short(monkeypatch, length, lead)
    extract_source(source, tmp_path / "whole", ExtractSettings())

    kill_extraction(source, tmp_path / "clip", 17)
    report = extract_source(source, tmp_path / "clip", ExtractSettings())
    assert report.frames_now == FRAMES - (length + lead)
    rows = read_rows(tmp_path / "clip" / ROWS)
    assert rows.equals(read_rows(tmp_path / "whole" / ROWS))
    one_segment = read_rows(faceset.path / ROWS)
    for name in ("frame", "face", "track", "filled", "image"):
        assert rows[name].equals(one_segment[name])


def test_a_faceset_of_version_2_is_not_resumed(source, tmp_path):
    extract_source(source, tmp_path / "clip", ExtractSettings())
    record = json.loads((tmp_path / "clip" / "faceset.json").read_text())
    (tmp_path / "clip" / "faceset.json").write_text(json.dumps(record | {"complete": False}))
    rows = pq.read_table(tmp_path / "clip" / ROWS)
    segment = segment_file(tmp_path / "clip", 0, 5)
    write_segment(segment, rows.drop_columns(["filled"]), SegmentRecord(5, 5))
    with pytest.raises(FacesetError, match="left unfinished by an earlier version"):
        extract_source(source, tmp_path / "clip", ExtractSettings())


def test_an_option_that_is_no_longer_given_is_another_setting(source, tmp_path):
    extract_source(source, tmp_path / "clip", ExtractSettings(fill_gaps=3))
    with pytest.raises(FacesetError, match="fill_gaps: 3 -> None"):
        extract_source(source, tmp_path / "clip", ExtractSettings())
