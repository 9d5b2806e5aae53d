"""Tests of hands in front of faces, with the published networks."""

from dataclasses import replace

import numpy as np
import pytest

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.masks.covering_hands import CoveringHands
from faceswap.geometry.alignment import crop_matrix, transform_points
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.maskers.hands import build_hand_finder
from faceswap.media.frame import Frame
from tests.hand_pictures import add_hand, hand_points

COVERAGE = 1.25
FACE = SourceFace((110 * MEAN_FACE[:, :2] + (160, 150)).astype(np.float32), track=3)
FRAMES = 27
BACKGROUND = np.full((320, 320, 3), (70, 80, 95), np.uint8)


def position(index: int) -> np.ndarray:
    """The hand comes from below, waits in front of the chin, and leaves."""
    return hand_points(160, 480 - 16 * min(index, 12) + 20 * max(0, index - 16), 52)


def frame(index: int) -> Frame:
    image = add_hand(BACKGROUND, position(index)) if index > 3 else BACKGROUND.copy()
    return Frame(index, index, index / 25, image)


@pytest.fixture(scope="module")
def hands():
    return CoveringHands(build_hand_finder(), COVERAGE)


@pytest.fixture(scope="module")
def watched(hands):
    return list(hands((frame(index), [FACE]) for index in range(FRAMES)))


def covered_of(watched, index):
    ((_, (face,)),) = [each for each in watched if each[0].index == index]
    return face.covered


def test_frames_keep_their_order_and_faces(watched):
    assert [frame.index for frame, _ in watched] == list(range(FRAMES))
    assert all(replace(face, covered=None) == FACE for _, (face,) in watched)


def test_the_hand_in_front_of_the_face_is_covered_in_every_frame(watched):
    for index in range(11, 17):
        mask = covered_of(watched, index)
        side = mask.shape[0]
        matrix = crop_matrix(FACE.landmarks, side, COVERAGE)
        points = transform_points(matrix, position(index)).round().astype(int)
        inside = points[((points >= 0) & (points < side)).all(1)]
        assert len(inside) >= 10
        assert np.median(mask[inside[:, 1], inside[:, 0]]) > 0.9
        assert mask[: side // 4].max() == 0  # the forehead
        assert mask.max() <= 1


def test_a_face_without_a_hand_is_not_covered(watched):
    assert all(covered_of(watched, index) is None for index in (0, 1))
    assert covered_of(watched, FRAMES - 1) is None


def test_masks_come_and_go_gradually(watched):
    areas = [
        0 if mask is None else mask.sum()
        for mask in (covered_of(watched, i) for i in range(FRAMES))
    ]
    assert max(areas) > 0.05 * 64**2
    assert np.abs(np.diff(areas)).max() < 0.5 * max(areas)


@pytest.mark.parametrize("direction", [(1, 0), (-1, 0), (0, -1), (0.7, 0.7)])
def test_a_hand_is_followed_that_passes_in_a_few_frames(hands, direction):
    """It moves two thirds of the width of its palm from frame to frame."""
    passing = []
    for index in range(6):
        wrist = np.array([160, 190]) + 32 * (index - 2.5) * np.array(direction)
        points = hand_points(float(wrist[0]), float(wrist[1]), 52)
        passing.append((Frame(index, index, 0.0, add_hand(BACKGROUND, points)), [FACE], points))
    for (frame, _, points), (_, (face,)) in zip(
        passing, hands((frame, faces) for frame, faces, _ in passing), strict=True
    ):
        assert face.covered is not None, frame.index
        side = face.covered.shape[0]
        matrix = crop_matrix(FACE.landmarks, side, COVERAGE)
        x, y = transform_points(matrix, points[[0, 9]].mean(0)[None])[0].round().astype(int)
        if 0 <= x < side and 0 <= y < side:
            assert face.covered[y, x] > 0.9


@pytest.mark.parametrize("index", [9, 13, 15])
def test_a_frame_depends_on_the_frames_around_it_alone(hands, watched, index):
    around = range(index - hands.lead, min(FRAMES, index + hands.lead + 1))
    part = list(hands((frame(i), [FACE]) for i in around))
    np.testing.assert_array_equal(covered_of(part, index), covered_of(watched, index))


def test_each_photo_is_searched(hands):
    photos = [(frame(14), [FACE]), (frame(1), [FACE]), (frame(2), [])]
    (_, (first,)), (_, (second,)), (_, none) = hands(photos, video=False)
    assert first.covered.max() == 1
    assert second.covered is None
    assert none == []


@pytest.mark.parametrize("scale", [0.3, 0.6, 0.8])
def test_hands_of_any_size_are_found(hands, scale):
    """A hand near the camera has a palm almost as wide as the face is high."""
    points = hand_points(160, 190, 110 * scale / 0.9)
    ((_, (face,)),) = hands([(Frame(0, 0, 0.0, add_hand(BACKGROUND, points)), [FACE])], video=False)
    assert face.covered is not None
    assert face.covered.max() == 1


def test_a_hand_far_from_the_face_is_not_followed(hands):
    far = add_hand(np.full((320, 640, 3), 80, np.uint8), hand_points(560, 250, 52))
    frames = ((Frame(i, i, i / 25, far), [FACE]) for i in range(6))
    assert all(face.covered is None for _, (face,) in hands(frames))
