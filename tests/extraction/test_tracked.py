"""Short gaps of tracks in facesets, also where an extraction is resumed within one."""

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import faceswap.extraction.pipeline as extraction
from faceswap.core.errors import FacesetError
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.stages import Stages
from faceswap.extraction.tracked import build_source_tracker, restore_tracker, track_source
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import ROWS
from faceswap.facesets.rows import read_rows
from faceswap.media.frame import Frame
from faceswap.media.sources import find_sources
from faceswap.tracking.finder import build_tracker
from faceswap.tracking.settings import TrackerSettings
from faceswap.tracking.tracker import Tracker
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


def test_frames_are_held_no_longer_than_the_tracker_keeps_a_lost_face():
    networks, taken = build_tracker(), []

    class Counting(Tracker):
        def update(self, image, position=None, ahead=None):
            taken.append(position)
            return super().update(image, position, ahead)

    pictures = [moving_portrait(0) if i < 2 else plain_picture(0) for i in range(30)]
    frames = [Frame(i, i, i / 25, picture) for i, picture in enumerate(pictures)]
    settings = TrackerSettings(min_similarity=-1)
    tracker = Counting(networks.detector, networks.landmarker, settings)
    tracked = track_source(frames, tracker, "video", Stages(), longest_gap=1000, shard=10)
    held = [len(taken) - 1 - frame.index for frame, _, _ in tracked]
    assert max(held) == TrackerSettings.max_lost_frames


@pytest.mark.parametrize("shard", [4, 9, 10])
def test_killed_within_a_gap_and_repeated_gives_the_same_table(
    source, faceset, tmp_path, monkeypatch, shard
):
    monkeypatch.setattr(extraction, "SHARD_FRAMES", shard)

    class KilledError(Exception):
        pass

    seen = 0

    def kill(frames: int) -> None:
        nonlocal seen
        seen += frames
        if seen > 10:
            raise KilledError

    with pytest.raises(KilledError):
        extract_source(source, tmp_path / "clip", ExtractSettings(), on_frames=kill)
    report = extract_source(source, tmp_path / "clip", ExtractSettings())
    assert report.frames_now == FRAMES - 10 // shard * shard
    assert read_rows(tmp_path / "clip" / ROWS).equals(read_rows(faceset.path / ROWS))


class Nobody:
    """A tracker that finds nobody."""

    settings = TrackerSettings()
    search = SimpleNamespace(detect=lambda images, passes: [[] for _ in images])

    def update(self, image, position, ahead):
        return []

    def state(self):
        return {}


@pytest.mark.parametrize(("first", "stored"), [(0, 0), (7, 12), (12, 12), (3, 4)])
def test_shards_end_where_they_do_without_an_interruption(first, stored):
    image = np.zeros((2, 2, 3), np.uint8)
    frames = [Frame(i, i, i / 25, image) for i in range(first, 30)]
    nobody: Any = Nobody()
    found = track_source(
        frames, nobody, "video", Stages(), first=first, stored=stored, longest_gap=5, shard=4
    )
    ends = [frame.index + 1 for frame, _, state in found if state is not None]
    assert ends == [end for end in range(4, 31, 4) if end > stored]


def test_a_faceset_of_version_2_is_not_resumed(source, tmp_path):
    extract_source(source, tmp_path / "clip", ExtractSettings())
    record = json.loads((tmp_path / "clip" / "faceset.json").read_text())
    (tmp_path / "clip" / "faceset.json").write_text(json.dumps(record | {"complete": False}))
    rows = pq.read_table(tmp_path / "clip" / ROWS)
    (tmp_path / "clip" / "shards").mkdir()
    pq.write_table(
        rows.drop_columns(["filled"]).replace_schema_metadata(
            {"resume": json.dumps({"next_frame": 5, "state": {}})}
        ),
        tmp_path / "clip" / "shards" / "shard-000000000.parquet",
    )
    with pytest.raises(FacesetError, match="left unfinished by an earlier version"):
        extract_source(source, tmp_path / "clip", ExtractSettings())


def test_an_option_that_is_no_longer_given_is_another_setting(source, tmp_path):
    extract_source(source, tmp_path / "clip", ExtractSettings(fill_gaps=3))
    with pytest.raises(FacesetError, match="fill_gaps: 3 -> None"):
        extract_source(source, tmp_path / "clip", ExtractSettings())


def test_damaged_states_are_refused():
    state = build_tracker().state()
    tracker = build_tracker()
    assert restore_tracker(tracker, None, 0) == 0
    assert restore_tracker(tracker, {"frame": 195, "tracker": state}, 200) == 195
    for damaged in ([], {"frame": -1, "tracker": state}, {"tracker": state}, {"frame": 1}):
        with pytest.raises(FacesetError):
            restore_tracker(tracker, json.loads(json.dumps(damaged)), 200)


def test_the_tracker_knows_how_far_apart_processed_frames_are():
    tracker = build_source_tracker(ExtractSettings(every=25), None, "cpu")
    assert isinstance(tracker, Tracker)
    assert tracker.settings.step == 25
