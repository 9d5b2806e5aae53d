import pytest
import torch

from faceswap.conversion.detail.blur import gaussian_blur
from faceswap.conversion.detail.softness import missing_softness


def face(seed: int, size: int = 128) -> torch.Tensor:
    """A made face: flat shapes with hard edges, as eyes and brows have, on a smooth skin."""
    random = torch.Generator().manual_seed(seed)
    image = torch.full((1, 3, size, size), 0.6)
    for _ in range(12):
        y, x = torch.randint(size // 4, 3 * size // 4 - 12, (2,), generator=random).tolist()
        height, width = torch.randint(4, 12, (2,), generator=random).tolist()
        image[..., y : y + height, x : x + width] = torch.rand(3, 1, 1, generator=random) * 0.5
    return blurred(image, 0.6)


def blurred(image: torch.Tensor, sigma: float) -> torch.Tensor:
    return gaussian_blur(image, torch.tensor([sigma]))


def missing(swapped: torch.Tensor, target: torch.Tensor) -> float:
    return missing_softness(swapped, target, torch.ones_like(target[:, :1])).item()


@pytest.mark.parametrize("sigma", [0.5, 1.0, 1.5])
def test_the_blur_of_another_face_is_found(sigma):
    found = missing(face(0), blurred(face(1), sigma))
    assert found == pytest.approx(sigma**2, rel=0.25, abs=0.15)


def test_softening_by_what_is_missing_leaves_nothing_missing():
    target = blurred(face(3), 1.2)
    softened = blurred(face(2), missing(face(2), target) ** 0.5)
    assert missing(softened, target) == pytest.approx(0, abs=0.15)


def test_a_softer_face_needs_no_blur():
    assert missing(blurred(face(4), 1.0), face(5)) == 0


def test_noise_of_the_footage_hardly_counts():
    target = blurred(face(7), 1.0)
    noise = 0.01 * torch.randn(target.shape, generator=torch.Generator().manual_seed(0))
    assert missing(face(6), target + noise) == pytest.approx(missing(face(6), target), abs=0.2)


def test_what_the_mask_leaves_out_does_not_count():
    target, weights = blurred(face(9), 1.5), torch.ones(1, 1, 128, 128)
    hidden = target.clone()
    hidden[..., 64:, :] = face(8)[..., 64:, :]
    weights[..., 62:, :] = 0
    covered = missing_softness(face(8), hidden, weights).item()
    assert covered == pytest.approx(missing_softness(face(8), target, weights).item(), abs=0.01)
    assert covered > 1
