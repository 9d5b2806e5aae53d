"""Measurements on a portrait animated by given gestures."""

import numpy as np
import pytest

from faceswap.demonstration.talking_head.clip import DEMO_IDENTITIES, animate
from faceswap.demonstration.talking_head.motion import Gesture
from faceswap.evaluation.face_finder import FaceFinder
from faceswap.evaluation.gaze import gaze
from faceswap.geometry.expression import lid_opening, mouth_opening
from faceswap.geometry.pose import angles

TURNS = [
    (-9, 0, 0),
    (-4, 0, 0),
    (0, 0, 0),
    (5, 0, 0),
    (10, 0, 0),
    (0, -14, 0),
    (0, 12, 0),
    (0, 0, 9),
]


@pytest.fixture(scope="module")
def performance():
    """A function from gestures to landmarks and frames."""
    finder = FaceFinder()
    portrait = DEMO_IDENTITIES[0].load()
    mesh = finder.all(portrait)[0].dense_mesh()

    def seen(gestures):
        frames = list(animate(portrait, mesh, gestures, size=320))
        return [(finder.all(frame)[0], frame) for frame in frames]

    return seen


def test_pose_of_rendered_turns(performance):
    gestures = [Gesture(pitch=p, yaw=y, roll=r) for p, y, r in TURNS]
    found = [angles(face.dense_mesh()) for face, _ in performance(gestures)]
    rest = found[2]
    for (pitch, yaw, roll), pose in zip(TURNS, found, strict=True):
        assert pose.pitch - rest.pitch == pytest.approx(pitch, abs=3)
        assert pose.yaw - rest.yaw == pytest.approx(yaw, abs=4)
        assert pose.roll - rest.roll == pytest.approx(roll, abs=2)


def test_open_mouth_does_not_change_pitch(performance):
    (shut, _), (opened, _) = performance([Gesture(mouth=0.0), Gesture(mouth=1.0)])
    assert mouth_opening(opened.points) > mouth_opening(shut.points) + 0.1
    assert abs(angles(opened.dense_mesh()).pitch - angles(shut.dense_mesh()).pitch) < 2.5


def test_eyelids_and_pupils_follow_the_gesture(performance):
    (opened, _), (shut, _) = performance([Gesture(blink=0.0), Gesture(blink=1.0)])
    assert lid_opening(shut.points) < 0.9 * lid_opening(opened.points)
    gazes = np.linspace(-1, 1, 5)
    pictures = performance([Gesture(gaze=float(value)) for value in gazes])
    found = [gaze(image, face.points) for face, image in pictures]
    assert None not in found
    assert np.corrcoef(gazes, np.array(found, float))[0, 1] > 0.95
