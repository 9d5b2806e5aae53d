"""Boxes and landmarks of other programs: what is read of them, and what becomes of them."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from faceswap.core.errors import ConfigError, DocumentError, FacesetError, NoFacesError
from faceswap.extraction.imported_faces import ImportedFace, ImportedFaces, read_imported_faces
from faceswap.extraction.imported_tracker import ImportedTracker
from faceswap.extraction.pipeline import extract_source
from faceswap.extraction.selection import Selection
from faceswap.extraction.settings import ExtractSettings
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.landmarkers import FaceLandmarks, Roi
from faceswap.media.frame import Frame
from faceswap.media.images import write_image
from faceswap.media.sources import Source, find_sources
from tests.extraction.short_segments import cut_short
from tests.footage import plain_picture, write_clip

VIDEO = Source(Path("a.mp4"), "video", "a", (Path("a.mp4"),))
PHOTOS = Source(Path("a"), "images", "a", (Path("a/x.jpg"), Path("a/y.jpg")))


def points(index: float) -> np.ndarray:
    return (MEAN_FACE[:, :2] * 60 + [70 + index, 70]).astype(np.float32)


def write_json(folder: Path, faces: object) -> Path:
    path = folder / "faces.json"
    path.write_text(json.dumps({"faces": faces}))
    return path


def test_json(tmp_path):
    landmarks = points(0).tolist()
    entries = [
        {"frame": 3, "box": [1, 2, 30, 40.5], "score": 0.5, "track": 7},
        {"frame": 3, "landmarks": landmarks, "note": "ignored"},
        {"frame": 5, "box": [1, 2, 30, 40], "landmarks": landmarks},
    ]
    faces = read_imported_faces(write_json(tmp_path, entries), VIDEO)
    assert sorted(faces.by_frame) == [3, 5]
    first, second = faces.by_frame[3]
    assert (first.box.tolist(), first.score, first.track) == ([1, 2, 30, 40.5], 0.5, 7)
    assert first.landmarks is None
    assert second.box.tolist() == [*points(0).min(0), *points(0).max(0)]
    assert second.landmarks is not None
    assert np.array_equal(second.landmarks, points(0))
    assert faces.need_landmarker
    assert faces.have_landmarks


def test_photos_may_be_named(tmp_path):
    entries = [{"frame": "y.jpg", "box": [0, 0, 9, 9]}, {"frame": 0, "box": [0, 0, 9, 9]}]
    path = write_json(tmp_path, entries)
    assert sorted(read_imported_faces(path, PHOTOS).by_frame) == [0, 1]
    with pytest.raises(DocumentError, match="no photo 'y"):
        read_imported_faces(path, VIDEO)


def test_parquet_of_pandas_is_the_same_as_json(tmp_path):
    box, landmarks = [1.0, 2.0, 30.0, 40.0], points(0)
    entries = [{"frame": i, "box": box, "landmarks": landmarks.tolist()} for i in range(3)]
    written = read_imported_faces(write_json(tmp_path, entries), VIDEO)
    table = pd.DataFrame(entries)
    table["landmarks"] = [landmarks.astype(float).ravel().tolist()] * 3
    table.to_parquet(tmp_path / "faces.parquet")
    read = read_imported_faces(tmp_path / "faces.parquet", VIDEO)
    assert read.sha256() == written.sha256()
    assert read.sha256() != ImportedFaces({0: read.by_frame[0]}).sha256()


def test_values_of_parquet_may_be_missing(tmp_path):
    flat = points(0).ravel().tolist()
    columns = {
        "frame": [4, 4, 7],
        "box": [None, [1.0, 2.0, 30.0, 40.0], [5.0, 6.0, 7.0, 8.0]],
        "landmarks": pa.array([flat, None, flat], pa.list_(pa.float32(), 136)),
        "track": [None, 3, 5],
    }
    pq.write_table(pa.table(columns), tmp_path / "faces.parquet")
    faces = read_imported_faces(tmp_path / "faces.parquet", VIDEO).by_frame
    (first, second), (third,) = faces[4], faces[7]
    assert first.box.tolist() == [*points(0).min(0), *points(0).max(0)]
    assert second.landmarks is None
    assert [face.track for face in (first, second, third)] == [None, 3, 5]
    assert third.box.tolist() == [5, 6, 7, 8]
    for face in (first, third):
        assert face.landmarks is not None
        assert np.array_equal(face.landmarks, points(0))


def test_landmarks_of_parquet_are_never_python_numbers(tmp_path):
    count = 2000
    landmarks = np.tile(points(0).ravel(), (count, 1))
    column = pa.FixedSizeListArray.from_arrays(pa.array(landmarks.ravel()), 136)
    table = pa.table({"frame": np.arange(count), "landmarks": column})
    pq.write_table(table, tmp_path / "faces.parquet")
    tracemalloc.start()
    try:
        faces = read_imported_faces(tmp_path / "faces.parquet", VIDEO)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(faces.by_frame) == count
    assert most < 5 * landmarks.nbytes


def test_rows_of_a_faceset_can_be_imported(make_faceset, tmp_path):
    faceset = Faceset.open(make_faceset(tmp_path / "alice"))
    read = read_imported_faces(tmp_path / "alice" / "faces.parquet", VIDEO)
    face = faceset.faces()[0]
    (imported,) = read.by_frame[face.frame]
    assert imported.landmarks is not None
    assert np.array_equal(imported.landmarks, face.landmarks)
    assert (imported.track, imported.score) == (face.track, pytest.approx(face.score))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"box": [0, 0, 9, 9]}, "frame is missing"),
        ({"frame": 0}, "box or landmarks"),
        ({"frame": -1, "box": [0, 0, 9, 9]}, "frame"),
        ({"frame": 0, "box": [0, 0, 9]}, "box"),
        ({"frame": 0, "box": [9, 0, 0, 9]}, "x0 < x1"),
        ({"frame": 0, "box": [0, 0, 9, 1e9]}, "box"),
        ({"frame": 0, "landmarks": [[0, 0]] * 67}, "landmarks"),
        ({"frame": 0, "box": [0, 0, 9, 9], "score": 2}, "score"),
        ({"frame": 0, "box": [0, 0, 9, 9], "track": "a"}, "track"),
        ({"frame": 0, "box": [0, 0, 9, 9], "track": (1 << 31) - 1}, "track"),
    ],
)
def test_other_entries_are_refused(tmp_path, entry, message):
    with pytest.raises(DocumentError, match=message):
        read_imported_faces(write_json(tmp_path, [entry]), VIDEO)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"frame": ["a"], "box": ["b"]}, "'box'"),
        ({"frame": [0.5], "box": [[0.0, 0.0, 9.0, 9.0]]}, "'frame'"),
        ({"frame": [0], "box": [[0.0, 0.0]]}, "box"),
        ({"frame": [0], "box": [[0.0, 0.0, 9.0, float("nan")]]}, "box"),
        ({"box": [[0.0, 0.0, 9.0, 9.0]]}, "frame"),
        ({"frame": [0], "landmarks": [[0.0] * 135]}, "landmarks"),
        ({"frame": [0], "box": [[0.0, 0.0, 9.0, None]]}, "box"),
        ({"frame": [0], "box": [[0.0, 0.0, 9.0, 1e9]]}, "box"),
        ({"frame": [0], "box": [[9.0, 0.0, 0.0, 9.0]]}, "x0 < x1"),
        ({"frame": [0, 1], "box": [[0.0, 0.0, 9.0, 9.0], None]}, "box or landmarks"),
    ],
)
def test_other_columns_are_refused(tmp_path, columns, message):
    pq.write_table(pa.table(columns), tmp_path / "faces.parquet")
    with pytest.raises(DocumentError, match=message):
        read_imported_faces(tmp_path / "faces.parquet", VIDEO)


def frames(count: int) -> list[Frame]:
    image = np.zeros((200, 260, 3), np.uint8)
    return [Frame(i, i, i / 25, image) for i in range(count)]


def tracks(tracker: ImportedTracker, frame: Frame) -> list[int]:
    return [face.track for face in tracker.faces_in(frame)]


def box(x: float) -> ImportedFace:
    return ImportedFace(np.array([x, 10, x + 50, 60], np.float32), points(x))


def test_faces_that_overlap_are_one_track_wherever_one_begins():
    given = {i: [box(10 + i), box(150 - i)] for i in range(6) if i != 3}
    expected = [[0, 1], [0, 1], [0, 1], [], [2, 3], [2, 3]]
    tracker = ImportedTracker(ImportedFaces(given), None)
    assert [tracks(tracker, frame) for frame in frames(6)] == expected
    again = ImportedTracker(ImportedFaces(given), None)
    assert [tracks(again, frame) for frame in reversed(frames(6))] == expected[::-1]


def test_tracks_go_on_from_one_processed_frame_to_the_next():
    given = {i: [box(10 + i)] for i in range(12) if i != 8}
    tracker = ImportedTracker(ImportedFaces(given), None, step=2, first=3)
    assert [tracks(tracker, frame) for frame in frames(12)[4::2]] == [[0], [0], [], [1]]


def test_numbers_of_tracks_are_kept():
    given = {0: [box(10), ImportedFace(box(150).box, points(0), track=0)], 1: [box(11)]}
    tracker = ImportedTracker(ImportedFaces(given), None)
    assert [tracks(tracker, frame) for frame in frames(2)] == [[1, 0], [1]]


class Landmarks:
    """Finds a face in the middle of regions of more than 30 pixels."""

    weights = ("facemesh",)
    min_presence = 0.5

    def roi_from_detection(self, box, points):
        return Roi(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2), float(box[2] - box[0]), 0.0)

    def roi_from_landmarks(self, landmarks):
        return self.roi_from_detection(landmarks.box, None)

    def __call__(self, image, rois):
        return [
            FaceLandmarks(
                (MEAN_FACE[:, :2] * roi.side / 2 + roi.center).astype(np.float32),
                None,
                0.9 if roi.side > 30 else 0.1,
            )
            for roi in rois
        ]


def test_boxes_are_given_to_the_landmarker():
    small = ImportedFace(np.array([0, 0, 20, 20], np.float32))
    large = ImportedFace(np.array([100, 50, 200, 150], np.float32), score=0.7)
    landmarks: Any = Landmarks()
    tracker = ImportedTracker(ImportedFaces({0: [small, large, box(10)]}), landmarks, "images")
    faces = tracker.faces_in(frames(1)[0])
    assert [(face.track, face.score) for face in faces] == [(0, 0.7), (1, 1.0)]
    assert faces[0].landmarks.points.mean(0) == pytest.approx([150, 100], abs=5)
    assert faces[1].landmarks.presence == 1
    assert np.array_equal(faces[1].landmarks.points, points(10))


def test_imported_landmarks_are_stored_as_they_are(tmp_path):
    clip = write_clip(tmp_path / "a.mp4", 12, plain_picture)
    (source,) = find_sources([clip])
    jumps = {i: [ImportedFace(box(10).box, points(5 * (i % 2)))] for i in range(3, 9)}
    imported = ImportedFaces(jumps)

    report = extract_source(source, tmp_path / "a", ExtractSettings(), imported=imported)
    assert (report.frames, report.faces) == (12, 6)
    faceset = Faceset.open(tmp_path / "a")
    assert [face.frame for face in faceset.faces()] == list(range(3, 9))
    for face in faceset.faces():
        assert np.array_equal(face.landmarks, points(5 * (face.frame % 2)))
    extractor = faceset.record["extractor"]
    assert (extractor["detector"], extractor["landmarker"]) == ("imported", "imported")
    assert extractor["weights"] == {}
    other = ImportedFaces({0: [box(10)]})
    with pytest.raises(FacesetError, match="imported"):
        extract_source(source, tmp_path / "a", ExtractSettings(), imported=other)


@pytest.mark.parametrize(
    "given", [{"detector": "yunet"}, {"tiles": "off"}, {"min_score": 0.5}, {"fill_gaps": 0}]
)
def test_settings_of_finding_faces_are_refused(given):
    ExtractSettings(crop_size=128, every=3).check_imported()
    option = next(iter(given)).replace("_", "-")
    with pytest.raises(ConfigError, match=f"no --{option} with --import"):
        ExtractSettings(**given).check_imported()


def test_no_imported_face_is_no_face(tmp_path):
    write_image(tmp_path / "a.png", plain_picture(0))
    (source,) = find_sources([tmp_path / "a.png"])
    with pytest.raises(NoFacesError):
        extract_source(source, tmp_path / "f", ExtractSettings(), imported=ImportedFaces({}))


def test_a_selection_of_imported_faces_resumes(tmp_path, monkeypatch):
    cut_short(monkeypatch, 3, 5)  # 0 to 8, to 11, to the end
    (source,) = find_sources([write_clip(tmp_path / "a.mp4", 12, plain_picture)])
    # Two faces of which now one, now the other is the larger, hardly or clearly.
    sizes = [(60, 50), (60, 70), (60, 70), (60, 70), (60, 80), (70, 60), (70, 60), (60, 70)]
    given = ImportedFaces(
        {
            frame: [
                ImportedFace(
                    np.array([x, 50, x + 60, 110], np.float32),
                    (points(x) * size / 60).astype(np.float32),
                )
                for x, size in zip((0, 120), pair, strict=True)
            ]
            for frame, pair in enumerate(sizes, start=1)
        }
    )
    settings = ExtractSettings(selection=Selection(max_faces=1))
    whole = extract_source(source, tmp_path / "whole", settings, imported=given)

    done = []

    def kill(frames: int) -> None:
        done.append(frames)
        if sum(done) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_source(source, tmp_path / "half", settings, imported=given, on_frames=kill)
    resumed = extract_source(source, tmp_path / "half", settings, imported=given)
    assert resumed.frames_now == 4
    assert resumed.left_out == whole.left_out == {"max_faces": 8}
    first, second = (pq.read_table(tmp_path / name / "faces.parquet") for name in ("whole", "half"))
    assert first.equals(second)
    assert first["track"].to_pylist() == [0, 0, 0, 0, 1, 1, 1, 1]
