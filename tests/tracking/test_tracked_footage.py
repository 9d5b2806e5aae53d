"""The tracker with its real networks on images of libraries and on real footage."""

from xml.etree import ElementTree

import cv2
import matplotlib.cbook
import numpy as np
import pytest
from PIL import Image
from skimage import data

from faceswap.detectors import build_detector
from faceswap.geometry.alignment import head_pose
from faceswap.landmarkers import build_landmarker
from faceswap.media.video import VideoReader
from faceswap.tracking.tracker import Tracker, TrackerSettings
from tests.footage import moving_portrait, portrait
from tests.tracking.tracked import numbers


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


@pytest.mark.parametrize("seen", [1, 4, 8])
def test_a_new_tracker_of_the_same_networks_has_seen_nothing(networks, seen):
    frames = list(clip())
    whole = Tracker(*networks, settings=TrackerSettings(detect_every=3))
    expected = [values(whole.update(frame)) for frame in frames]
    used = Tracker(*networks, settings=TrackerSettings(detect_every=3))
    for frame in frames[:seen]:
        used.update(frame)
    assert [values(used.anew().update(frame)) for frame in frames[:1]] == expected[:1]
    new = used.anew()
    assert [values(new.update(frame)) for frame in frames] == expected
    # Neither did the new one change what the other has seen.
    assert [values(used.update(frame)) for frame in frames[seen:]] == expected[seen:]
    assert sum(map(len, expected)) >= 12


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_lying_head_has_one_track_without_gaps(networks, turn):
    frames = [np.ascontiguousarray(np.rot90(moving_portrait(i), turn)) for i in range(14)]
    whole = Tracker(*networks)
    found = [whole.update(frame) for frame in frames]
    assert [numbers(faces) for faces in found] == [[0]] * len(frames)
    for (face,) in found:
        away = (head_pose(face.landmarks.points).roll + 90 * turn + 180) % 360 - 180
        assert abs(away) < 25


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


@pytest.mark.parametrize("angle", [45, 110, 180])
def test_all_heads_of_a_turned_photo(networks, angle):
    """Where one head is found in a turn, others are searched in it, too."""
    group = np.full((256, 620, 3), 80, np.uint8)
    for x, zoom in ((0, 1.0), (260, 0.7), (450, 0.5)):
        small = cv2.resize(portrait(), None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
        group[: len(small), x : x + len(small)] = small
    matrix = cv2.getRotationMatrix2D((310, 128), -angle, 1)
    matrix[:, 2] += [30, 212]
    photo = cv2.warpAffine(group, matrix, (680, 680), borderValue=(80, 80, 80))
    faces = Tracker(*networks).find_faces(np.asarray(photo, np.uint8))
    assert len(faces) == 3
    rolls = np.array([head_pose(face.landmarks.points).roll for face in faces])
    assert (np.abs((rolls - angle + 180) % 360 - 180) < 15).all()


def test_an_upright_and_an_upside_down_head(networks):
    pair = np.hstack([portrait(), np.ascontiguousarray(portrait()[::-1, ::-1])])
    found = {
        turned: Tracker(*networks, settings=TrackerSettings(turned=turned))
        for turned in ("auto", "always", "never")
    }
    photos = {turned: len(tracker.find_faces(pair)) for turned, tracker in found.items()}
    assert photos["always"] == 2
    assert photos["never"] <= photos["auto"] <= 2
    assert numbers(found["always"].update(pair)) == [0, 1]


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
