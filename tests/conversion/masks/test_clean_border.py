"""What a swapped face shows at its border that is no face."""

import pytest
import torch

from faceswap.conversion.masks.clean_border import clean_border
from faceswap.geometry.alignment import normalised_matrix, transform_points
from faceswap.geometry.mean_face import MEAN_FACE

COVERAGE, SIZE = 1.25, 128
POINTS = MEAN_FACE[:, :2]
LANDMARKS = (transform_points(normalised_matrix(POINTS, COVERAGE), POINTS) + 1) / 2
SKIN, HAIR, WALL = (
    torch.tensor(rgb)[:, None, None] for rgb in ((0.7, 0.5, 0.4), (0.1,) * 3, (0.95,) * 3)
)


def masks() -> torch.Tensor:
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., 16:112, 16:112] = 1
    return mask


def skin() -> torch.Tensor:
    noise = 0.02 * torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    return (SKIN + noise).clamp(0, 1)


def cleaned(faces: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return clean_border(faces, targets, masks(), [LANDMARKS], COVERAGE)[0, 0]


@pytest.mark.parametrize("colour", [HAIR, WALL])
@pytest.mark.parametrize("size", [64, 256])
def test_hair_and_background_at_the_border_are_left_out(colour, size):
    faces = skin()
    faces[..., 90:112, 16:26] = colour  # beside the jaw
    faces = torch.nn.functional.interpolate(faces, (size, size), mode="area")
    mask = cleaned(faces, skin())
    assert mask[94:108, 17:23].mean() < 0.25
    assert mask[94:108, 105:111].mean() > 0.97
    assert (mask <= masks()[0, 0]).all()


def test_hair_that_both_show_and_hair_of_the_frame_are_replaced():
    """Otherwise there would be holes wherever hair hangs into the face of the frame."""
    faces, targets = skin(), skin()
    targets[..., 90:112, 16:26] = HAIR
    assert cleaned(faces, targets)[90:112, 16:26].mean() > 0.97
    faces[..., 90:112, 16:26] = HAIR
    assert cleaned(faces, targets)[90:112, 16:26].mean() > 0.97


def test_brows_and_what_is_deep_inside_stay():
    faces = skin()
    left = (LANDMARKS[17:22] * SIZE).round().astype(int)
    rows, columns = slice(left[:, 1].min(), left[:, 1].max() + 2), slice(left[0, 0], left[-1, 0])
    faces[..., rows, columns] = HAIR
    faces[..., 60:68, 60:68] = HAIR
    mask = cleaned(faces, skin())
    assert mask[rows, columns].mean() > 0.95
    assert mask[60:68, 60:68].mean() > 0.97


def test_a_face_in_another_light_stays():
    """Half of the face is darker by a third."""
    faces = skin()
    faces[..., 64:] *= 0.95
    faces[..., :64] *= 1.05
    assert cleaned(faces, skin())[16:112, 16:112].mean() > 0.95
