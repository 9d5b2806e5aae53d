import numpy as np
import pytest
import torch

from faceswap.conversion.compositing import (
    CompositeSettings,
    match_colour,
    paste,
    visible_part,
)
from faceswap.geometry.alignment import crop_matrix, transform_points, warp
from faceswap.geometry.mean_face import MEAN_FACE

COVERAGE = 1.25


def landmarks_at(x: float, y: float, scale: float, roll: float = 0.0) -> np.ndarray:
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turn = np.array([[c, -s], [s, c]])
    return scale * MEAN_FACE[:, :2] @ turn.T + [x, y]


def smooth_image(height: int, width: int) -> np.ndarray:
    ys, xs = np.mgrid[:height, :width]
    waves = [127 + 90 * np.sin(xs / a + ys / b) for a, b in ((17, 23), (29, 19), (41, 31))]
    return np.stack(waves, -1).astype(np.uint8)


@pytest.mark.parametrize("roll", [0, 25, -70])
def test_pasting_an_unchanged_crop_changes_nothing(roll):
    frame = smooth_image(300, 400)
    landmarks = landmarks_at(210, 140, 110, roll)
    crop = warp(frame, crop_matrix(landmarks, 256, COVERAGE), 256)
    face = torch.from_numpy(crop).permute(2, 0, 1).float() / 255
    result = frame.copy()
    paste(result, face, torch.ones(1, 64, 64), landmarks, COVERAGE)
    difference = np.abs(result.astype(int) - frame)
    assert difference.max() <= 3
    assert difference.mean() < 0.2


def test_a_circle_stays_one_when_pixels_are_not_square():
    stored = np.zeros((300, 300, 3), np.uint8)  # displayed as 400 x 300
    ys, xs = np.mgrid[:128, :128]
    disc = torch.from_numpy((np.hypot(xs - 63.5, ys - 63.5) < 30).astype(np.float32))[None]
    paste(stored, torch.ones(3, 64, 64), disc, landmarks_at(200, 150, 100), COVERAGE, 4 / 3)
    rows, columns = np.nonzero(stored[..., 0] > 127)
    assert np.ptp(rows) + 1 == pytest.approx((np.ptp(columns) + 1) * 4 / 3, abs=2)
    assert rows.mean() == pytest.approx(150, abs=5)
    assert columns.mean() == pytest.approx(150, abs=1)


def test_only_pixels_under_the_mask_change():
    frame = smooth_image(300, 400)
    landmarks = landmarks_at(200, 150, 100)
    mask = torch.zeros(1, 128, 128)
    mask[:, 48:80, 48:80] = 1
    result = frame.copy()
    paste(result, torch.ones(3, 64, 64), mask, landmarks, COVERAGE)
    changed = np.argwhere((result != frame).any(-1))
    to_mask = crop_matrix(landmarks, 128, COVERAGE)
    inside = transform_points(to_mask, changed[:, ::-1])
    assert inside.min() >= 47
    assert inside.max() <= 80
    assert (result[148:153, 198:203] == 255).all()


def test_blend_is_linear_in_the_mask():
    frame = np.full((300, 400, 3), 100, np.uint8)
    paste(frame, torch.ones(3, 64, 64), torch.full((1, 8, 8), 0.5), landmarks_at(200, 150, 100), 1)
    assert frame[150, 200].tolist() == pytest.approx([178] * 3, abs=1)


def test_a_face_partly_or_fully_outside_the_frame_is_supported():
    frame = smooth_image(100, 100)
    before = frame.copy()
    paste(frame, torch.ones(3, 64, 64), torch.ones(1, 8, 8), landmarks_at(900, 50, 80), COVERAGE)
    assert (frame == before).all()
    paste(frame, torch.ones(3, 64, 64), torch.ones(1, 8, 8), landmarks_at(0, 50, 80), COVERAGE)
    assert (frame[50, 0] == 255).all()
    assert (frame[50, 99] == before[50, 99]).all()


def test_match_colour_transfers_the_colours_of_the_crop():
    faces, crops = torch.full((1, 3, 64, 64), 0.2), torch.full((1, 3, 96, 96), 0.7)
    matched = match_colour(faces, crops, torch.ones(1, 1, 128, 128), COVERAGE, CompositeSettings())
    torch.testing.assert_close(matched, torch.full((1, 3, 64, 64), 0.7), atol=0.01, rtol=0)


SQUARE = 128 / COVERAGE  # side of the face square in a crop of 128 pixels
LEFT, RIGHT = 24, 104


def border_mask() -> torch.Tensor:
    mask = torch.zeros(1, 1, 128, 128)
    mask[..., LEFT:RIGHT, LEFT:RIGHT] = 1
    return mask


def matched_row(faces: torch.Tensor, crops: torch.Tensor, colour: str = "lab") -> torch.Tensor:
    """Green along the middle row after ``match_colour``."""
    matched = match_colour(faces, crops, border_mask(), COVERAGE, CompositeSettings(colour))
    return matched[0, 1, 64]


def test_light_at_the_border_is_that_of_the_frame_and_inside_that_of_the_face():
    """A face lit from the right in a frame of even light of the same mean and contrast."""
    faces = torch.linspace(0.3, 0.7, 128).expand(1, 3, 128, 128)
    crops = faces.transpose(2, 3)
    row, wanted = matched_row(faces, crops), crops[0, 1, 64]
    before = faces[0, 1, 64] - wanted
    after = row - wanted
    for border, inside in ((LEFT, 1), (RIGHT - 1, -1)):
        assert after[border].abs() < 0.5 * before[border].abs()
        assert after[border].sign() == before[border].sign()
        deep = border + inside * round(0.16 * SQUARE)
        assert after[deep] == pytest.approx(float(before[deep]), abs=0.01)
    assert after.diff().abs().max() < 0.02


def test_details_at_the_border_stay():
    faces = torch.full((1, 3, 128, 128), 0.6)
    faces[..., LEFT + 4 : LEFT + 7] = 0.2  # a strand of hair
    crops = torch.full((1, 3, 128, 128), 0.6)
    row = matched_row(faces, crops)
    assert row[LEFT : LEFT + 3].mean() - row[LEFT + 5] > 0.28


def test_hair_at_the_border_does_not_light_up_the_skin_beside_it():
    faces = torch.full((1, 3, 128, 128), 0.5)
    faces[..., LEFT : LEFT + 5] = 0.05  # dark hair of the swapped face at its temple
    row = matched_row(faces, torch.full((1, 3, 128, 128), 0.5))
    # The colour transfer of the whole face is the same on both sides. As light, it would be 0.02.
    assert row[LEFT + 6] - row[RIGHT - 7] < 0.012


def test_what_is_outside_the_mask_changes_no_colours():
    faces, crops = torch.rand(2, 1, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    outside = border_mask() == 0
    row = matched_row(faces, crops)
    other = matched_row(faces, torch.where(outside, 1.0, crops))
    torch.testing.assert_close(other[LEFT:RIGHT], row[LEFT:RIGHT])


def test_what_is_beyond_the_frame_changes_no_colours():
    faces, crops = torch.rand(2, 1, 3, 128, 128, generator=torch.Generator().manual_seed(3))
    visible = torch.ones(1, 1, 128, 128)
    visible[..., 70:] = 0
    rows = [
        match_colour(faces, repeated, border_mask(), COVERAGE, CompositeSettings(), visible)
        for repeated in (crops, torch.where(visible == 1, crops, 0.1))
    ]
    torch.testing.assert_close(*(row[..., :70] for row in rows))


@pytest.mark.parametrize("aspect", [1.0, 2.0])
def test_the_part_of_a_crop_in_the_frame(aspect):
    """The left border of the frame is in the middle of the crop."""
    points = landmarks_at(0, 100, 80)
    middle = crop_matrix(points, 64, COVERAGE)[0] @ [-0.5, 100, 1]
    part = visible_part((200, 300, 3), points, COVERAGE, 64, aspect)[0].numpy()
    np.testing.assert_array_equal(part, np.tile(np.arange(64) > middle, (64, 1)))
    assert visible_part((200, 300), landmarks_at(150, 100, 80), COVERAGE, 64).min() == 1


def test_without_a_colour_transfer_faces_stay_as_they_are():
    faces, crops = torch.rand(2, 1, 3, 128, 128, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(matched_row(faces, crops, colour="none"), faces[0, 1, 64])


@pytest.mark.parametrize("size", [64, 128])
def test_a_face_that_is_much_larger_than_in_the_frame_is_averaged(size):
    """A checkerboard of single pixels is grey when it is reduced to a quarter."""
    frame = np.zeros((100, 100, 3), np.uint8)
    board = torch.from_numpy(np.indices((size, size)).sum(0) % 2).float().expand(3, -1, -1)
    paste(frame, board, torch.ones(1, 8, 8), landmarks_at(50, 50, size / 4), 1.0)
    centre = frame[46:55, 46:55].astype(int)
    assert np.abs(centre - 128).max() < 12
