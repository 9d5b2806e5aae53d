"""Colours of the whole face, and the light at its border."""

import pytest
import torch

from faceswap.conversion.colour.match import ColourMatch

COVERAGE = 1.25


def match_colour(
    faces: torch.Tensor,
    crops: torch.Tensor,
    masks: torch.Tensor,
    coverage: float,
    colour: str,
    visible: torch.Tensor | None = None,
) -> torch.Tensor:
    """Measures the colours of faces, and applies them."""
    known = masks if visible is None else masks * visible
    match = ColourMatch(colour, border_light=colour != "none")
    return match.apply(faces, match.measure(faces, crops, known, masks, coverage))


def test_match_colour_transfers_the_colours_of_the_crop():
    faces, crops = torch.full((1, 3, 64, 64), 0.2), torch.full((1, 3, 96, 96), 0.7)
    matched = match_colour(faces, crops, torch.ones(1, 1, 128, 128), COVERAGE, "lab")
    torch.testing.assert_close(matched, torch.full((1, 3, 64, 64), 0.7), atol=0.01, rtol=0)


SQUARE = 128 / COVERAGE  # side of the face square in a crop of 128 pixels
LEFT, RIGHT = 24, 104


def border_mask() -> torch.Tensor:
    mask = torch.zeros(1, 1, 128, 128)
    mask[..., LEFT:RIGHT, LEFT:RIGHT] = 1
    return mask


def matched_row(faces: torch.Tensor, crops: torch.Tensor, colour: str = "lab") -> torch.Tensor:
    """Green along the middle row after ``match_colour``."""
    matched = match_colour(faces, crops, border_mask(), COVERAGE, colour)
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
        match_colour(faces, repeated, border_mask(), COVERAGE, "lab", visible)
        for repeated in (crops, torch.where(visible == 1, crops, 0.1))
    ]
    torch.testing.assert_close(*(row[..., :70] for row in rows))


def test_without_a_colour_transfer_faces_stay_as_they_are():
    faces, crops = torch.rand(2, 1, 3, 128, 128, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(matched_row(faces, crops, colour="none"), faces[0, 1, 64])
