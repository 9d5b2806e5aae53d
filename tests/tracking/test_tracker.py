"""The logic of the tracker, with scripted networks."""

import numpy as np
import pytest
from skimage import data

from faceswap.detectors import Detection, TiledDetector
from faceswap.landmarkers import FaceLandmarks
from faceswap.landmarkers.facemesh import FaceMesh
from faceswap.tracking.tracker import Tracker, TrackerSettings
from faceswap.tracking.tracks import Track
from tests.tracking.tracked import numbers

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
    min_presence, confirm_presence, upright = 0.5, 0.95, False
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
        mesh = np.zeros((478, 3), np.float32)
        angle = np.linspace(0, 2 * np.pi, 478)
        mesh[:, 0] = x + size / 2 * np.cos(angle)
        mesh[:, 1] = y + size / 2 * np.sin(angle)
        mesh[33], mesh[263] = (x - size / 4, y, 0), (x + size / 4, y, 0)
        return FaceLandmarks(mesh[:68, :2], mesh, presence)


@pytest.fixture
def scene():
    return Scene()


def tracker_of(scene, **options):
    return Tracker(scene, SceneLandmarker(scene), TrackerSettings(**options))


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


def test_turned_heads_are_not_searched_for_a_landmarker_of_upright_ones(scene):
    landmarker = SceneLandmarker(scene)
    landmarker.upright = True
    tracker = Tracker(scene, landmarker)
    for _ in range(30):
        tracker.update(FRAME)
    assert tracker.find_faces(FRAME) == []
    assert scene.turned_detections == 0


class SceneTiles(TiledDetector):
    """Tiles of a scene: they show all its faces."""

    def __init__(self, scene, smallest):
        self.scene, self.smallest, self.passes = scene, smallest, 0

    def smallest_whole(self, height, width):
        return self.smallest

    def add_tiles(self, images, whole):
        self.passes += len(images)
        return [[self.scene._detection(*face) for face in self.scene.faces] for _ in images]


def test_tiles_are_searched_in_the_first_frame_of_a_shot_and_seldom_later(scene):
    tiles = SceneTiles(scene, 60)
    tracker = Tracker(scene, SceneLandmarker(scene), TrackerSettings(tiles_every=20), tiles)
    scene.faces, scene.hidden_from_detector = [(100, 100, 50, 0.9, 0.97)], {0}
    assert [numbers(tracker.update(FRAME)) for _ in range(10)] == [[0]] * 10
    assert tiles.passes == 1
    for _ in range(40):
        tracker.update(FRAME)
    assert tiles.passes == 3


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
    both = [(100, 100, 50, 0.6, 0.95), (220, 100, 50, 0.7, 0.95)]
    alone, tracker = tracker_of(scene), tracker_of(scene)
    scene.faces = both[:1]
    assert [numbers(alone.update(FRAME)) for _ in range(3)] == [[0]] * 3
    scene.faces = both
    expected = [numbers(alone.update(FRAME)) for _ in range(10)]
    assert expected[0] == [0]
    assert expected[-1] == [0, 1]
    assert numbers(tracker.find_faces(FRAME)) == [0, 1]
    scene.faces = both[:1]
    assert [numbers(tracker.update(FRAME)) for _ in range(3)] == [[0]] * 3
    scene.faces = both
    assert numbers(tracker.find_faces(FRAME)) == [0, 1]
    # The next detection pass comes when it would have, and its face is the second of the video.
    assert [numbers(tracker.update(FRAME)) for _ in range(10)] == expected


@pytest.mark.parametrize("speed", [3, 6])
@pytest.mark.parametrize("front", [0, 1])
def test_two_faces_that_cross_do_not_exchange_tracks(scene, front, speed):
    """The one behind is hidden while they overlap: only the face in front can be followed."""
    tracker = tracker_of(scene)
    seen: dict[int, set[int]] = {0: set(), 1: set()}
    for shift in range(-75, 76, speed):
        places = (150 + shift, 150 - shift)
        hidden = {1 - front} if abs(2 * shift) < 25 else set()
        scene.faces = [(places[who], 100, 50, 0.9, 1.0) for who in (0, 1) if who not in hidden]
        for face in tracker.update(FRAME):
            x = float(face.box[[0, 2]].mean())
            near = [who for who in (0, 1) if abs(places[who] - x) < 1]
            if abs(2 * shift) > 50:
                seen[near[0]].add(face.track)
    assert seen[0].isdisjoint(seen[1])
    assert len(seen[front]) == 1


@pytest.mark.parametrize(("step", "expected"), [(4, 102), (5, 120), (25, 120)])
def test_faces_of_frames_that_lie_far_apart_are_detected_again(scene, step, expected):
    """Something like a face lies where the face was: it is what following it there would find."""
    tracker = tracker_of(scene, step=step)
    scene.faces = [(100, 100, 50, 0.9, 0.99)]
    (before,) = tracker.update(FRAME)
    scene.faces = [(120, 100, 50, 0.9, 0.99), (102, 100, 50, 0.9, 0.99)]
    scene.hidden_from_detector = {1}
    (after,) = tracker.update(FRAME)
    assert after.track == before.track
    assert after.box.reshape(2, 2).mean(0)[0] == pytest.approx(expected, abs=0.5)


def test_a_face_that_the_detector_misses_is_followed_between_frames_far_apart(scene):
    tracker = tracker_of(scene, step=25)
    scene.faces = [(100, 100, 50, 0.9, 0.99)]
    tracker.update(FRAME)
    scene.hidden_from_detector = {0}
    assert [face.track for face in tracker.update(FRAME)] == [0]


def test_passes_over_frames_far_apart_are_scheduled_by_frames_of_the_video():
    apart, near = TrackerSettings(step=25, tiles_every=50), TrackerSettings(step=4)
    assert [apart.scheduled_pass(n) for n in range(4)] == ["tiles", "whole", "tiles", "whole"]
    assert [near.scheduled_pass(n) for n in range(6)] == ["tiles", *["none"] * 4, "whole"]
    assert [TrackerSettings(step=5).searches_turned(n) for n in range(6)] == [
        *(True, False, False, False, False, True)
    ]


def test_of_two_tracks_on_one_face_the_one_that_leapt_there_shares_it():
    def track_at(x, motion):
        landmarks = _landmarks_at(x)
        track = Track(0, FaceMesh.roi_from_landmarks(landmarks), landmarks.box, 0.9, confirmed=True)
        track.landmarks, track.motion = landmarks, motion
        return track

    other = track_at(100, (4.0, 0.0))
    assert track_at(102, (4.0, 0.0)).shares_face_of(other)  # both follow one face
    passing = track_at(102, (-4.0, 0.0))
    assert not passing.shares_face_of(other)  # two people cross
    passing.leapt = True
    assert passing.shares_face_of(other)
    assert not track_at(160, (4.0, 0.0)).shares_face_of(other)


def _landmarks_at(x):
    scene = Scene()
    scene.faces = [(x, 100, 50, 0.9, 0.99)]
    (detection,) = scene([FRAME])[0]
    return SceneLandmarker(scene)(
        FRAME, [FaceMesh.roi_from_detection(detection.box, detection.points)]
    )[0]
