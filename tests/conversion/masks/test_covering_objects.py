from dataclasses import replace

import cv2
import numpy as np
import pytest

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.masks.covering_objects import CoveringObjects
from faceswap.geometry.alignment import crop_matrix, warp
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.maskers.appearance import Appearance
from faceswap.maskers.face_texture import read_texture
from faceswap.media.frame import Frame

COVERAGE = 1.25
FACE = SourceFace((110 * MEAN_FACE[:, :2] + (160, 150)).astype(np.float32), track=3)
FRAMES = range(4, 16)  # in which the ball is in front of the face
BALL = np.zeros((320, 320), np.uint8)
cv2.circle(BALL, (180, 165), 18, 255, -1)


def frame(index: int, *, ball: bool) -> Frame:
    image = np.full((320, 320, 3), (195, 140, 110), np.uint8)
    image[90:] -= 20
    if ball:
        image[BALL > 0] = (40, 70, 160)
    return Frame(index, index, index / 25, image)


@pytest.fixture(scope="module")
def known() -> SourceFace:
    colours = [read_texture(frame(n, ball=False).image, FACE.landmarks).colours for n in range(9)]
    return replace(FACE, appearance=Appearance.of(colours))


def watched(face: SourceFace, *, video: bool = True) -> list[SourceFace]:
    found = ((frame(n, ball=n in FRAMES), [face]) for n in range(20))
    seen = list(CoveringObjects(COVERAGE)(found, video=video))
    assert [each.index for each, _ in seen] == list(range(20))
    return [face for _, (face,) in seen]


def test_an_object_is_covered_where_it_is(known):
    for index, face in enumerate(watched(known)):
        if index in FRAMES[2:-2]:
            assert face.covered is not None
            side = face.covered.shape[0]
            ball = warp(BALL, crop_matrix(FACE.landmarks, side, COVERAGE), side) > 127
            seen = face.covered > 0.5
            assert (seen & ball).sum() > 0.95 * ball.sum()
            assert (seen & ball).sum() / (seen | ball).sum() > 0.6
        elif index not in range(FRAMES.start - 2, FRAMES.stop + 2):
            assert face.covered is None


@pytest.mark.parametrize("index", [FRAMES.start - 1, FRAMES.start, FRAMES.stop])
def test_a_frame_depends_on_those_within_the_lead(known, index):
    """A part of a video that begins ``lead`` frames before it gives the same mask."""
    around = range(index - CoveringObjects.lead, index + CoveringObjects.lead + 1)
    found = ((frame(n, ball=n in FRAMES), [known]) for n in around)
    alone = {each.index: face for each, (face,) in CoveringObjects(COVERAGE)(found)}[index]
    whole = watched(known)[index]
    assert alone.covered is not None
    assert whole.covered is not None
    np.testing.assert_array_equal(alone.covered, whole.covered)


def test_what_else_covers_the_face_stays_covered(known):
    hand = np.zeros((64, 64), np.float32)
    hand[:8] = 1
    faces = watched(replace(known, covered=hand))
    assert faces[0].covered is hand
    both = faces[10].covered
    assert both is not None
    assert (both[:8] == 1).all()
    assert both[8:].max() > 0.9


@pytest.mark.parametrize("video", [True, False])
def test_faces_of_unknown_appearance_stay_as_they_are(video):
    assert all(face is FACE for face in watched(FACE, video=video))
