"""Rendered portraits, measured with the face mesh of extraction."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from faceswap.demonstration.talking_head.clip import DEMO_IDENTITIES, animate, voice
from faceswap.demonstration.talking_head.motion import Gesture, generate_gestures, track_of
from faceswap.demonstration.talking_head.portrait import Portrait
from faceswap.geometry.mesh_shape import PUPILS
from faceswap.landmarkers import Roi, build_landmarker
from faceswap.media.frame import Image

# Face regions of the portraits, so that these tests need no detector.
FACE_REGIONS = {"collins": Roi((225, 120), 180, 0), "hopper": Roi((262, 232), 330, 0)}
Mesh = NDArray[np.float32]


@pytest.fixture(scope="module")
def detect() -> Callable[[Image, Roi], Mesh]:
    net = build_landmarker("facemesh")

    def find(image: Image, roi: Roi) -> Mesh:
        (first,) = net(image, [roi])
        (second,) = net(image, [net.roi_from_landmarks(first)])
        assert second.presence > 0.9
        return second.dense_mesh()

    return find


@pytest.fixture(scope="module")
def heads(detect) -> dict[str, Portrait]:
    found = {}
    for person in DEMO_IDENTITIES:
        image = person.load()
        found[person.name] = Portrait(image, detect(image, FACE_REGIONS[person.name]), size=320)
    return found


def names() -> list[str]:
    return [person.name for person in DEMO_IDENTITIES]


def seen(head: Portrait, gesture: Gesture, detect) -> Mesh:
    return detect(head.render(gesture), Roi((160, 160), 200, 0))


def width(mesh: Mesh) -> float:
    return float(np.ptp(mesh[:, 0]))


@pytest.mark.parametrize("name", names())
def test_zero_gesture_is_the_portrait(heads, name):
    head = heads[name]
    frame = head.render(Gesture())
    # It may lie a little off the middle, to keep the frame inside the picture.
    places = [(y, x) for y in range(129) for x in range(129)]
    assert any(np.array_equal(frame, head.canvas[y : y + 320, x : x + 320]) for y, x in places)


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("yaw", [-20.0, 20.0])
def test_yaw_moves_the_nose_by_its_depth(heads, detect, name, yaw):
    rest, turned = (seen(heads[name], Gesture(yaw=angle), detect) for angle in (0.0, yaw))
    nose, eyes = 1, [33, 263]

    def lead(mesh: Mesh) -> float:
        return float(mesh[nose, 0] - mesh[eyes, 0].mean()) / width(rest)

    # The nose is a quarter of the face width in front of the outer eye corners.
    moved = lead(turned) - lead(rest)
    assert 0.06 < moved * np.sign(yaw) < 0.2
    # Eyes stay level, and the face does not shrink as a flat picture would not either.
    assert abs(turned[33, 1] - turned[263, 1] - rest[33, 1] + rest[263, 1]) < 0.05 * width(rest)


@pytest.mark.parametrize("name", names())
def test_pitch_and_roll_turn_the_head(heads, detect, name):
    head = heads[name]
    rest, up = seen(head, Gesture(), detect), seen(head, Gesture(pitch=10), detect)
    assert up[1, 1] - up[[33, 263], 1].mean() < rest[1, 1] - rest[[33, 263], 1].mean() - 2

    def tilt(mesh: Mesh) -> float:
        right, down = (mesh[263] - mesh[33])[:2]
        return float(np.degrees(np.arctan2(down, right)))

    assert tilt(seen(head, Gesture(roll=8), detect)) - tilt(rest) == pytest.approx(8, abs=1.5)


@pytest.mark.parametrize("name", names())
def test_blink_closes_the_eyes(heads, detect, name):
    def opening(mesh: Mesh) -> float:
        return float(mesh[[145, 374], 1].mean() - mesh[[159, 386], 1].mean()) / width(mesh)

    openings = [opening(seen(heads[name], Gesture(blink=b), detect)) for b in (0.0, 0.5, 1.0)]
    assert openings[0] > openings[1] > openings[2]
    assert openings[2] < 0.9 * openings[0]  # the network underestimates closed eyes
    # The dark of the iris is gone: the lid is there.
    opened, closed = (heads[name].render(Gesture(blink=b)).astype(float) for b in (0.0, 1.0))
    mesh = seen(heads[name], Gesture(), detect)
    for x, y in mesh[PUPILS, :2].round().astype(int):
        spot = np.s_[y - 1 : y + 2, x - 1 : x + 2]
        assert closed[spot].mean() > opened[spot].mean() + 20


@pytest.mark.parametrize("name", names())
def test_open_mouth_shows_the_cavity(heads, detect, name):
    def opening(mesh: Mesh) -> float:
        return float(mesh[14, 1] - mesh[13, 1]) / width(mesh)

    head = heads[name]
    shut, wide = (seen(head, Gesture(mouth=m), detect) for m in (-1.0, 0.8))
    assert opening(wide) > opening(shut) + 0.08
    x, y = (wide[13, :2] + 2 * wide[14, :2]).round().astype(int) // 3
    assert head.render(Gesture(mouth=0.8))[y, x].mean() < 90


@pytest.mark.parametrize("name", names())
def test_smile_widens_the_mouth_and_lifts_its_corners(heads, detect, name):
    sad, glad = (seen(heads[name], Gesture(smile=s), detect) for s in (-1.0, 1.0))
    assert glad[291, 0] - glad[61, 0] > 1.08 * (sad[291, 0] - sad[61, 0])
    assert glad[[61, 291], 1].mean() - glad[0, 1] < sad[[61, 291], 1].mean() - sad[0, 1] - 1


def test_light_parameters(heads):
    head = heads["hopper"]
    rest = head.render(Gesture()).astype(float)
    face = np.s_[120:200, 120:200]
    assert head.render(Gesture(exposure=-0.2))[face].mean() < 0.85 * rest[face].mean()
    warm = head.render(Gesture(warmth=1)).astype(float)[face].mean((0, 1)) / rest[face].mean((0, 1))
    assert warm[0] > 1.03 > 1.0 > 0.95 > warm[2]
    lit = head.render(Gesture(side_light=1)).astype(float) / rest.clip(20)
    assert lit[150:190, 190:210].mean() > 1.1 * lit[150:190, 110:130].mean()


def test_frames_are_deterministic_and_distinct(heads, detect):
    person = DEMO_IDENTITIES[0]
    image = person.load()
    mesh = detect(image, FACE_REGIONS[person.name])
    gestures = generate_gestures(40, seed=11)
    frames = list(animate(image, mesh, gestures, size=160))
    again = list(animate(image, mesh, gestures[:3], size=160))
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=False))
    assert frames[0].shape == (160, 160, 3)
    assert frames[0].dtype == np.uint8
    assert len({frame.tobytes() for frame in frames}) == len(frames)
    steps = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(frames)]
    assert min(steps) > 0.2


def test_voice_is_audible_when_the_mouth_is_open():
    gestures = generate_gestures(100, seed=4)
    sound = voice(gestures, seed=4, rate=8000)
    assert sound.shape == (32000,)
    assert sound.dtype == np.float32
    assert 0.2 < np.abs(sound).max() <= 1
    loud = np.sqrt((sound.reshape(100, 320) ** 2).mean(1))
    mouth = track_of(gestures, "mouth")
    assert loud[mouth > 0.4].mean() > 10 * loud[mouth < -0.1].mean()
    assert not np.array_equal(sound, voice(gestures, seed=5, rate=8000))
