"""Scheduled detection passes run ahead of the tracker, in batches, and change nothing else."""

import weakref
from itertools import chain

import numpy as np
import pytest

import faceswap.tracking.ahead as module
from faceswap.detectors import Detection, TiledDetector
from faceswap.landmarkers import FaceLandmarks
from faceswap.landmarkers.facemesh import FaceMesh
from faceswap.media.frame import Frame
from faceswap.tracking.ahead import detect_ahead, follow
from faceswap.tracking.finder import build_tracker, track_faces
from faceswap.tracking.settings import TrackerSettings
from faceswap.tracking.tracker import Tracker
from tests.footage import moving_portrait

FACE = Detection(
    np.array([70, 70, 130, 130], np.float32), 0.9, np.array([[85, 90], [115, 90]], np.float32)
)


class Recorder:
    """A detector that records which pictures it gets together; they show their own number."""

    weights = ()

    def __init__(self, found=(FACE,)):
        self.batches, self.found = [], list(found)

    def __call__(self, images):
        self.batches.append([int(image[0, 0, 0]) for image in images])
        return [list(self.found) for _ in images]


class StillFace:
    """A landmarker that finds the face in every region."""

    weights = ()
    min_presence, confirm_presence, upright = 0.5, 0.95, True
    roi_from_detection = staticmethod(FaceMesh.roi_from_detection)
    roi_from_landmarks = staticmethod(FaceMesh.roi_from_landmarks)

    def __call__(self, image, rois):
        rows, columns = np.mgrid[70:131:3, 70:131:3]
        mesh = np.zeros((441, 3), np.float32)
        mesh[:, 0], mesh[:, 1] = columns.ravel(), rows.ravel()
        return [FaceLandmarks(mesh[:68, :2], mesh, 0.99) for _ in rois]


def numbered(indices, shape=(200, 200, 3)):
    return [Frame(i, i, i / 25, np.full(shape, i, np.uint8)) for i in indices]


def recorded(indices, kind="video", step=1, **settings):
    """Batches of the detector while the frames are tracked, and the tracks of each frame."""
    detector = Recorder()
    tracker = Tracker(detector, StillFace(), TrackerSettings(min_similarity=-1, **settings))
    chunks = detect_ahead(numbered(indices), tracker, kind, step)
    tracks = [[face.track for face in faces] for _, faces in follow(chunks, tracker, kind, step)]
    return detector.batches, tracks


def test_due_frames_come_in_batches_and_each_once():
    batches, tracks = recorded(range(100), batch=8)
    assert batches == [[*range(0, 40, 5)], [*range(40, 80, 5)], [*range(80, 100, 5)]]
    assert tracks == [[0]] * 100


def test_the_schedule_does_not_depend_on_where_a_video_is_entered():
    batches, _ = recorded(range(7, 40), batch=2)
    assert sorted(batches) == [[7], [10, 15], [20, 25], [30, 35]]  # 7: nobody is known yet


def test_the_schedule_counts_processed_frames():
    assert recorded(range(0, 60, 3), step=3)[0] == [[0], [15], [30], [45]]
    # Frames that cannot be decoded leave gaps.
    assert recorded([0, 1, 2, 6, 7, 10, 11], batch=2)[0] == [[0, 10]]


def test_photos_are_searched_in_batches():
    batches, tracks = recorded(range(7), kind="images", batch=4)
    assert batches == [[0, 1, 2, 3], [4, 5, 6]]
    assert tracks == [[0]] * 7


def test_batches_of_large_frames_are_smaller(monkeypatch):
    monkeypatch.setattr(module, "_CHUNK_BYTES", 10 * 200 * 200 * 3)
    assert recorded(range(30), batch=8)[0] == [[0, 5], [10, 15], [20, 25]]


def test_frames_are_not_held_once_they_are_followed():
    tracker = Tracker(Recorder(), StillFace(), TrackerSettings(batch=2))
    frames = (Frame(i, i, i / 25, np.zeros((200, 200, 3), np.uint8)) for i in range(30))
    chunks = detect_ahead(frames, tracker, "video")
    held = [weakref.ref(frame) for frame, _ in follow([next(chunks)], tracker, "video")]
    assert held
    assert not any(reference() for reference in held)  # while more chunks are to come


def test_a_pass_ahead_is_not_repeated_where_a_shot_begins():
    class Tiles(TiledDetector):
        searched = 0

        def smallest_whole(self, height, width):
            return 0.0

        def add_tiles(self, images, whole):
            Tiles.searched += len(images)
            return list(whole)

    detector = Recorder()
    tiles = Tiles.__new__(Tiles)
    tracker = Tracker(detector, StillFace(), TrackerSettings(tiles_every=50), tiles)
    chunks = detect_ahead(numbered(range(55, 60)), tracker, "video")
    assert [len(faces) for _, faces in follow(chunks, tracker, "video")] == [1] * 5
    assert (detector.batches, Tiles.searched) == ([[55]], 1)


@pytest.fixture(scope="module")
def networks():
    tracker = build_tracker()
    return tracker.detector, tracker.landmarker


def footage():
    """A face that moves, is covered for some frames, and is another shot from frame 14 on."""
    for i in range(22):
        picture = moving_portrait(i).copy()
        if i in (6, 7):
            picture[20:170, 60:200] = 90
        shown = picture if i < 14 else np.ascontiguousarray(255 - picture[:, ::-1])
        yield Frame(i, i, i / 25, shown if i < 15 else 255 - shown)


def values(tracked):
    return [
        [(f.track, f.score, f.landmarks.presence, f.landmarks.mesh.tobytes()) for f in faces]
        for _, faces in tracked
    ]


def test_batches_do_not_change_the_faces(networks):
    frames = list(footage())

    def tracker(batch):
        return Tracker(*networks, settings=TrackerSettings(detect_every=3, batch=batch))

    alone = tracker(1)
    expected = values((frame, alone.update(frame.image)) for frame in frames)
    for batch in (1, 8):
        assert values(track_faces(frames, tracker(batch), "video")) == expected
    assert len({face[0] for face in chain(*expected)}) == 2  # the cut was found
