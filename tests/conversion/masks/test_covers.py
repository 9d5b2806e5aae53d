import numpy as np
import pytest

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.masks.covers import SIDE, smooth_covers, soft_cover, with_covers
from faceswap.media.frame import Frame

FULL = np.ones((SIDE, SIDE), np.float32)
LEFT = FULL * (np.arange(SIDE) < SIDE // 2)
OTHER = SourceFace(np.zeros((68, 2)), track=1)
FACE = SourceFace(np.zeros((68, 2)), track=3)


def frame(index: int) -> Frame:
    return Frame(index, index, float(index), np.zeros((2, 2, 3), np.uint8))


def covered(covers, face=FACE):
    """Mean of the smoothed masks of a face in consecutive frames."""
    given = ((frame(i), [OTHER, face], [None, cover]) for i, cover in enumerate(covers))
    smoothed = list(smooth_covers(given))
    assert [each.index for each, _ in smoothed] == list(range(len(covers)))
    assert all(faces[0] is OTHER for _, faces in smoothed)
    return [0 if face.covered is None else face.covered.mean() for _, (_, face) in smoothed]


def test_masks_come_and_go_by_hann_weights():
    """With weights 2 at a distance of 0, 1.5 at 1, and 0.5 at 2 frames."""
    means = covered([None] * 4 + [FULL] * 5 + [None] * 4)
    rise = [0, 0, 0.5 / 6, 2 / 6, 4 / 6, 5.5 / 6, 1]
    assert means == pytest.approx([*rise, *rise[-2::-1]])


def test_a_short_mask_is_weak():
    assert max(covered([None] * 4 + [FULL] + [None] * 4)) == pytest.approx(2 / 6)


def test_a_mask_that_moves_keeps_its_strength():
    means = covered([None, LEFT, LEFT[:, ::-1], LEFT, LEFT[:, ::-1]])
    assert min(means[2:]) > 0.5


def test_masks_are_added_to_those_that_a_face_has():
    face = SourceFace(np.zeros((68, 2)), track=3, covered=LEFT)
    ((_, (_, same)),) = smooth_covers([(frame(0), [OTHER, face], [None, None])])
    assert same.covered is LEFT
    assert covered([LEFT[:, ::-1]], face) == [1]
    (both,) = with_covers([face], [np.float32(0.5) * FULL])
    assert both.covered is not None
    assert both.covered.mean() == pytest.approx(0.75)


def test_edges_are_soft():
    rendered = np.zeros((SIDE, SIDE), np.uint8)
    rendered[:, : SIDE // 2] = 255
    soft = soft_cover(rendered, 1.25)
    assert soft is not None
    assert (soft[:, 0].min(), soft[:, -1].max()) == (1, 0)
    assert 0.2 < soft[0, SIDE // 2] < 0.5
    assert soft_cover(rendered * 0, 1.25) is None
