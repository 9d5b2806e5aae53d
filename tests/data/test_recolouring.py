import numpy as np
import pytest
import torch

from faceswap.colour.spaces import rgb_to_lab
from faceswap.data.cache import CHANNELS
from faceswap.data.recolouring import LINEAR, measure_recolouring, recolour, transfer_names

METHODS = [name for name in transfer_names() if name != LINEAR]


def crop(seed: int, low: int, high: int) -> np.ndarray:
    """A smooth face on a background of other colours, ``(64, 64, CHANNELS) uint8``."""
    random = np.random.default_rng(seed)
    coarse = random.random((8, 8, 1)) * 0.7 + random.random((8, 8, 3)) * 0.3
    image = np.zeros((64, 64, CHANNELS), np.uint8)
    image[..., :3] = low + (high - low) * np.kron(coarse, np.ones((8, 8, 1)))
    image[16:48, 16:48, 3] = 255
    image[:16, :, :3] = 255 * (seed % 2)
    return image


def pixels(crops: np.ndarray) -> torch.Tensor:
    """RGB of crops ``(N, S, S, CHANNELS)`` as ``(N, 3, S, S)`` in [0, 1]."""
    return torch.from_numpy(crops[..., :3]).permute(0, 3, 1, 2).float() / 255


def inside(images: torch.Tensor) -> torch.Tensor:
    return rgb_to_lab(images)[..., 16:48, 16:48].flatten(2)


def transferred(method: str) -> tuple[torch.Tensor, torch.Tensor]:
    """CIE Lab of a recoloured face and of its lender, ``(1, 3, N)`` each."""
    faces, lender = crop(0, 90, 150)[None, None], crop(1, 120, 190)
    found = measure_recolouring(method, faces, [[lender]])
    return inside(recolour(pixels(faces[0]), found)), inside(pixels(lender[None]))


@pytest.mark.parametrize("method", METHODS)
def test_the_face_takes_the_mean_colour_of_the_lender_inside_the_masks(method):
    found, wanted = transferred(method)
    torch.testing.assert_close(found.mean(2), wanted.mean(2), atol=1.0, rtol=0)


@pytest.mark.parametrize("method", ["lab", "mkl"])
def test_the_spread_of_the_colours_is_that_of_the_lender(method):
    found, wanted = transferred(method)
    torch.testing.assert_close(found.std(2), wanted.std(2), atol=0.7, rtol=0)


def test_mkl_matches_the_covariance():
    found, wanted = (torch.cov(values[0]) for values in transferred("mkl"))
    own = torch.cov(inside(pixels(crop(0, 90, 150)[None]))[0])
    assert (found - wanted).norm() < 0.35 * (own - wanted).norm()  # but for limited gains


def test_only_faces_with_a_lender_change():
    faces = np.stack([np.stack([crop(2, 60, 90), crop(3, 80, 120)])] * 2)
    found = measure_recolouring("mean", faces, [[None, crop(5, 150, 200)], [None, None]])
    assert found.chosen.tolist() == [[False, True], [False, False]]
    images = pixels(faces.reshape(4, 64, 64, CHANNELS))
    changed = recolour(images, found)
    assert [torch.equal(a, b) for a, b in zip(changed, images, strict=True)] == [
        True,
        False,
        True,
        True,
    ]
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_a_batch_without_lenders_is_unchanged():
    faces = crop(2, 60, 90)[None, None]
    found = measure_recolouring("sot", faces, [[None]])
    images = pixels(faces[0])
    assert recolour(images, found) is images


def test_a_face_without_a_mask_counts_as_a_whole():
    empty = crop(4, 60, 90)
    empty[..., 3] = 0
    found = measure_recolouring("mean", empty[None, None], [[crop(5, 150, 200)]])
    assert found.parameters.isfinite().all()
