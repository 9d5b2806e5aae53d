"""The tracker's logic with scripted networks, and the real ones on images of libraries."""

import json
from xml.etree import ElementTree

import cv2
import matplotlib.cbook
import numpy as np
import pytest
from PIL import Image
from skimage import data

from faceswap.detectors import Detection, build_detector
from faceswap.geometry.alignment import head_pose
from faceswap.landmarkers import FaceLandmarks, build_landmarker
from faceswap.landmarkers.facemesh import FaceMesh
from faceswap.media.video import VideoReader
from faceswap.tracking.tracker import Tracker, TrackerSettings
from tests.footage import moving_portrait, portrait

FRAME = np.full((200, 300, 3), 100, np.uint8)


class Scene:
    """A scripted detector: faces are discs (x, y, size, score, presence) set per frame.

    It finds nothing on turned frames, of which it gets several at once.
    """

    weights = ()

    def __init__(self):
        self.faces = []
        self.hidden_from_detector = set()
        self.detections = self.turned_detections = 0

    def __call__(self, images):
        if len(images) > 1:
            self.turned_detections += 1
            return [[] for _ in images]
        self.detections += 1
        return [[self._detection(*f) for i, f in enumerate(self.faces) if self._detectable(i)]]

    def _detectable(self, index):
        return index not in self.hidden_from_detector

    def _detection(self, x, y, size, score, _presence):
        half = size / 2
        box = np.array([x - half, y - half, x + half, y + half], np.float32)
        eyes = np.array([[x - half / 2, y - half / 4], [x + half / 2, y - half / 4]], np.float32)
        return Detection(box, score, eyes)


class SceneLandmarker:
    """Finds the disc nearest to the region's centre when it lies within the region."""

    weights = ()
    min_presence, confirm_presence = 0.5, 0.95
    roi_from_detection = staticmethod(FaceMesh.roi_from_detection)
    roi_from_landmarks = staticmethod(FaceMesh.roi_from_landmarks)

    def __init__(self, scene):
        self.scene = scene

    def __call__(self, image, rois):
        return [self._landmarks(roi) for roi in rois]

    def _landmarks(self, roi):
        def distance(face):
            return np.hypot(face[0] - roi.center[0], face[1] - roi.center[1])

        near = min(self.scene.faces, key=distance, default=None)
        if near is None or distance(near) > roi.side / 2:
            x, y, size, presence = *roi.center, roi.side / 1.5, 0.0
        else:
            x, y, size, _, presence = near
        mesh = np.zeros((468, 3), np.float32)
        angle = np.linspace(0, 2 * np.pi, 468)
        mesh[:, 0] = x + size / 2 * np.cos(angle)
        mesh[:, 1] = y + size / 2 * np.sin(angle)
        mesh[33], mesh[263] = (x - size / 4, y, 0), (x + size / 4, y, 0)
        return FaceLandmarks(mesh[:68, :2], mesh, presence)


@pytest.fixture
def scene():
    return Scene()


def tracker_of(scene, **options):
    return Tracker(scene, SceneLandmarker(scene), TrackerSettings(**options))


def numbers(faces):
    return [face.track for face in faces]


def test_follows_one_face_and_detects_only_now_and_then(scene):
    tracker = tracker_of(scene, detect_every=5)
    for frame in range(20):
        scene.faces = [(60 + 4 * frame, 100, 50, 0.9, 0.95)]
        (face,) = tracker.update(FRAME)
        assert face.track == 0
        center = (face.box[:2] + face.box[2:]) / 2
        np.testing.assert_allclose(center, [60 + 4 * frame, 100], atol=0.1)
    assert scene.detections == 4  # frames 0, 5, 10, 15


def test_a_lost_face_keeps_its_track_for_a_while(scene):
    tracker = tracker_of(scene, max_lost_frames=3)
    here = (100, 100, 50, 0.9, 0.95)
    seen = []
    for faces in [[here], [], [], [here], [], [], [], [], [], [here]]:
        scene.faces = faces
        seen.append(numbers(tracker.update(FRAME)))
    assert seen == [[0], [], [], [0], [], [], [], [], [], [1]]


def test_a_face_that_runs_out_of_its_region_is_found_again(scene):
    tracker = tracker_of(scene)
    scene.faces = [(50, 100, 40, 0.9, 0.95)]
    tracker.update(FRAME)
    scene.faces = [(250, 100, 40, 0.9, 0.95)]
    (face,) = tracker.update(FRAME)
    assert face.box[0] == pytest.approx(230, abs=0.01)


def test_a_long_stretch_without_faces_is_searched_now_and_then(scene):
    tracker = tracker_of(scene, max_lost_frames=4, detect_every=5)
    for _ in range(5):
        assert tracker.update(FRAME) == []
    assert scene.detections == 5
    for _ in range(20):
        tracker.update(FRAME)
    assert scene.detections == 9
    scene.faces = [(100, 100, 50, 0.9, 0.97)]
    assert any(tracker.update(FRAME) for _ in range(5))


def test_turned_heads_are_searched_at_once_and_then_seldom(scene):
    tracker = tracker_of(scene)
    for _ in range(50):
        tracker.update(FRAME)
    assert 2 <= scene.turned_detections <= 4
    scene.faces = [(100, 100, 50, 0.9, 0.97)]
    searched = scene.turned_detections
    for _ in range(50):
        tracker.update(FRAME)
    assert scene.turned_detections <= searched + 1


def test_low_presence_is_no_face(scene):
    scene.faces = [(100, 100, 50, 0.9, 0.45)]
    assert tracker_of(scene).update(FRAME) == []
    assert tracker_of(scene).find_faces(FRAME) == []


def test_an_uncertain_second_face_must_be_detected_twice(scene):
    tracker = tracker_of(scene, confirm_score=0.75)
    first, uncertain = (80, 100, 50, 0.9, 0.95), (220, 100, 50, 0.65, 0.95)
    seen = []
    # Flickers up once: never reported. Then stays: reported from its second frame on.
    for faces in [[first], *[[first]] * 4, [first, uncertain], [first], *[[first, uncertain]] * 7]:
        scene.faces = faces
        seen.append(numbers(tracker.update(FRAME)))
    assert seen[:9] == [[0]] * 9
    reported = [s for s in seen if len(s) == 2]
    assert len(reported) >= 2
    assert all(s == reported[0] for s in reported)


def test_a_confident_second_face_is_reported_immediately(scene):
    scene.faces = [(80, 100, 50, 0.9, 0.95), (220, 100, 50, 0.8, 0.95)]
    assert numbers(tracker_of(scene).update(FRAME)) == [0, 1]


def test_two_tracks_that_slip_onto_one_face_become_one(scene):
    tracker = tracker_of(scene)
    scene.faces = [(100, 100, 50, 0.9, 0.95), (160, 100, 50, 0.85, 0.95)]
    assert numbers(tracker.update(FRAME)) == [0, 1]
    scene.faces = [(130, 100, 50, 0.9, 0.95)]
    assert numbers(tracker.update(FRAME)) == [0]


def test_a_face_that_the_detector_never_finds_is_dropped(scene):
    tracker = tracker_of(scene, detect_every=2, max_missed_detections=2)
    scene.faces = [(80, 100, 50, 0.9, 0.95), (220, 100, 50, 0.9, 0.95)]
    tracker.update(FRAME)
    scene.hidden_from_detector = {1}
    seen = [numbers(tracker.update(FRAME)) for _ in range(8)]
    assert seen[0] == [0, 1]
    assert seen[-1] == [0]


def test_after_a_cut_all_faces_are_new(scene):
    tracker = tracker_of(scene)
    scene.faces = [(100, 100, 50, 0.9, 0.95)]
    shot, next_shot = data.astronaut(), data.coffee()
    assert numbers(tracker.update(shot)) == [0]
    assert numbers(tracker.update(np.roll(shot, 30, axis=1))) == [0]  # a fast pan
    assert numbers(tracker.update(shot // 2 + 100)) == [0]  # a flash
    assert numbers(tracker.update(next_shot)) == [1]
    assert numbers(tracker.update(FRAME)) == [1]  # blank: nothing to compare
    noise = np.random.default_rng(0).integers(0, 3, FRAME.shape, dtype=np.uint8)
    assert numbers(tracker.update(noise)) == [1]


def test_a_lone_face_of_low_presence_needs_a_second_detection(scene):
    tracker = tracker_of(scene)
    scene.faces = [(100, 100, 50, 0.9, 0.7)]
    assert [numbers(tracker.update(FRAME)) for _ in range(3)] == [[], [0], [0]]


def test_a_texture_beside_a_face_is_never_reported(scene):
    """Detected again and again, but with a presence that faces exceed."""
    tracker = tracker_of(scene)
    scene.faces = [(80, 100, 50, 0.9, 0.99), (220, 100, 50, 0.74, 0.8)]
    assert [numbers(tracker.update(FRAME)) for _ in range(12)] == [[0]] * 12


def test_single_images_are_independent_of_the_video(scene):
    tracker = tracker_of(scene)
    scene.faces = [(100, 100, 50, 0.6, 0.95), (220, 100, 50, 0.7, 0.95)]
    before = tracker.state()
    assert numbers(tracker.find_faces(FRAME)) == [0, 1]
    assert numbers(tracker.find_faces(FRAME)) == [0, 1]
    assert tracker.state() == before


@pytest.fixture(scope="module")
def networks():
    return build_detector("blazeface"), build_landmarker("facemesh")


def clip(frames=14):
    """The astronaut drifting, growing and turning, with a cut in the middle."""
    astronaut = data.astronaut()
    for i in range(frames):
        matrix = cv2.getRotationMatrix2D((224, 120), 3.0 * i - 15, 0.9 + 0.03 * i)
        matrix[:, 2] += (20 + 5 * i, 60 + 2 * i)
        warped = cv2.warpAffine(astronaut, matrix, (480, 360), borderValue=(40, 60, 80))
        frame = np.asarray(warped, np.uint8)
        yield frame if i < frames // 2 else 255 - frame[:, ::-1] if i == frames // 2 else frame


def values(faces):
    return [(f.track, f.score, f.landmarks.presence, f.landmarks.mesh.tobytes()) for f in faces]


@pytest.mark.parametrize("stop", [1, 4, 6, 8, 11])
def test_a_resumed_run_gives_the_very_same_values(networks, stop):
    frames = list(clip())
    whole = Tracker(*networks, settings=TrackerSettings(detect_every=3))
    expected = [values(whole.update(frame)) for frame in frames]
    first = Tracker(*networks, settings=TrackerSettings(detect_every=3))
    for frame in frames[:stop]:
        first.update(frame)
    saved = json.loads(json.dumps(first.state()))
    second = Tracker(*networks, settings=TrackerSettings(detect_every=3))
    second.restore(saved)
    assert [values(second.update(frame)) for frame in frames[stop:]] == expected[stop:]
    assert sum(map(len, expected)) >= 12


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_lying_head_has_one_track_without_gaps(networks, turn):
    stop = 7
    frames = [np.ascontiguousarray(np.rot90(moving_portrait(i), turn)) for i in range(14)]
    whole = Tracker(*networks)
    found = [whole.update(frame) for frame in frames]
    assert [numbers(faces) for faces in found] == [[0]] * len(frames)
    for (face,) in found:
        away = (head_pose(face.landmarks.points).roll + 90 * turn + 180) % 360 - 180
        assert abs(away) < 25
    first = Tracker(*networks)
    for frame in frames[:stop]:
        first.update(frame)
    second = Tracker(*networks)
    second.restore(json.loads(json.dumps(first.state())))
    resumed = [values(second.update(frame)) for frame in frames[stop:]]
    assert resumed == [values(faces) for faces in found[stop:]]


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_lying_heads_of_photos(networks, turn):
    picture = portrait()
    height, width = picture.shape[:2]
    tracker = Tracker(*networks)
    (upright,) = tracker.find_faces(picture)
    (face,) = tracker.find_faces(np.ascontiguousarray(np.rot90(picture, turn)))
    x, y = face.landmarks.points.T
    back = {
        1: (width - 1 - y, x),
        2: (width - 1 - x, height - 1 - y),
        3: (y, height - 1 - x),
    }
    away = np.stack(back[turn], -1) - upright.landmarks.points
    assert np.abs(away).max() < 4


def test_portraits_have_one_face_each(networks):
    hopper = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    tracker = Tracker(*networks)
    for picture in (data.astronaut(), np.asarray(Image.open(str(hopper)).convert("RGB"))):
        (face,) = tracker.find_faces(np.ascontiguousarray(picture))
        assert face.landmarks.presence > 0.99
        assert face.score > 0.6


def test_cat_and_coffee_have_no_face(networks):
    tracker = Tracker(*networks)
    assert tracker.find_faces(data.chelsea()) == []
    assert tracker.find_faces(data.coffee()) == []


def read(path):
    with Image.open(path) as picture:
        return np.ascontiguousarray(picture.convert("RGB"))


@pytest.mark.slow
def test_all_faces_of_the_photos_and_no_others(networks, shared_data):
    folder = shared_data / "faces"
    tracker = Tracker(*networks)
    sheet = ElementTree.parse(folder / "dlib" / "training_with_face_landmarks.xml")
    found = wanted = 0
    for entry in sheet.iter("image"):
        faces = tracker.find_faces(read(folder / "dlib" / entry.get("file", "")))
        centers = np.array([(face.box[:2] + face.box[2:]) / 2 for face in faces])
        for box in entry.iter("box"):
            left, top, side = (int(box.get(key, "")) for key in ("left", "top", "width"))
            away = np.abs(centers - [left + side / 2, top + side / 2]).max(axis=1)
            found += bool((away < side / 2).any())
            wanted += 1
    assert (found, wanted) == (18, 18)
    counts = {
        "face_alignment/aflw-test-grid3x3.jpg": 9,
        "face_alignment/aflw-test.jpg": 1,
        "face_alignment/grass.jpg": 0,
        "dlib/dogs.jpg": 0,
    }
    assert {name: len(tracker.find_faces(read(folder / name))) for name in counts} == counts


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["lp_d6", "lp_d9", "lp_d13", "lp_d18", "lp_s18", "mt_German_20s", "vr_1", "dpe_d", "fs_test"],
)
def test_one_face_in_every_frame_of_footage(networks, shared_data, name):
    tracker = Tracker(*networks)
    tracks = [
        numbers(tracker.update(frame.image))
        for frame in VideoReader(shared_data / "video" / f"{name}.mp4")
    ]
    assert len(tracks) > 90
    assert all(track == [0] for track in tracks)


@pytest.mark.slow
def test_cuts_of_the_stage_clip(networks, shared_data):
    tracker = Tracker(*networks)
    clip = VideoReader(shared_data / "video" / "fr_short_hamilton_clip.mp4")
    tracks = [numbers(tracker.update(frame.image)) for frame in clip]
    # Shots, by eye: two men; a profile from close by and a dark audience; one singer; spectators.
    shots = [tracks[:20], tracks[20:82], tracks[82:211], tracks[211:]]
    seen = [{number for frame in shot for number in frame} for shot in shots]
    for first in range(4):
        assert not any(seen[first] & seen[later] for later in range(first + 1, 4))
    assert all(len(frame) == 2 for frame in shots[0][1:])
    assert all(len(frame) == 1 for frame in shots[2])
    assert sum(map(len, shots[3])) >= 64
