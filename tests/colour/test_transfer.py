import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from faceswap.colour.affine import MAX_GAIN
from faceswap.colour.spaces import lab_to_rgb, rgb_to_lab
from faceswap.colour.transfer import colour_transfers

SIZE = 48
TRANSFERS = [name for name in colour_transfers.names() if name != "none"]
MATCHING = [name for name in TRANSFERS if name != "mean"]  # of more than the mean


def smooth_image(seed: int, low: float, high: float, tint: float = 0.3) -> torch.Tensor:
    """Two images whose channels differ by ``tint``, ``(2, 3, SIZE, SIZE)``."""
    coarse = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    coarse = (1 - tint) * coarse.mean(1, keepdim=True) + tint * coarse
    fine = F.interpolate(coarse, (SIZE, SIZE), mode="bicubic", align_corners=False).clamp(0, 1)
    return low + (high - low) * fine


def inner_mask() -> torch.Tensor:
    mask = torch.zeros(2, 1, SIZE, SIZE)
    mask[..., 8:40, 8:40] = 1
    return mask


def inside(images: torch.Tensor) -> torch.Tensor:
    """CIE Lab under the mask, ``(2, 3, N)``."""
    return rgb_to_lab(images)[..., 8:40, 8:40].flatten(2)


def transferred(name: str, face: torch.Tensor, target: torch.Tensor, weight=None) -> torch.Tensor:
    transfer = colour_transfers.get(name)()
    parameters = transfer.measure(face, target, inner_mask() if weight is None else weight)
    assert parameters.shape == (len(face), transfer.count)
    return transfer.apply(face, parameters)


def test_lab_agrees_with_opencv():
    rgb = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    expected = cv2.cvtColor(rgb[0].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2LAB)
    found = rgb_to_lab(rgb)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, expected, atol=0.6)  # OpenCV interpolates in a table


def test_lab_round_trip():
    rgb = torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", TRANSFERS)
def test_the_mean_is_matched_within_the_mask(name):
    face, target = smooth_image(2, 0.3, 0.6), smooth_image(3, 0.4, 0.8)
    found = inside(transferred(name, face, target)).mean(2)
    torch.testing.assert_close(found, inside(target).mean(2), atol=0.5, rtol=0)


@pytest.mark.parametrize("name", MATCHING)
def test_the_contrast_is_matched_within_the_mask(name):
    face, target = smooth_image(2, 0.3, 0.75), smooth_image(3, 0.4, 0.86)
    before, after = (inside(each).std(2)[:, 0] for each in (face, transferred(name, face, target)))
    wanted = inside(target).std(2)[:, 0]
    assert ((after - wanted).abs() < 0.65 * (before - wanted).abs()).all()


def test_mkl_matches_how_channels_go_together():
    face, target = smooth_image(2, 0.3, 0.65, tint=0.2), smooth_image(3, 0.4, 0.75, tint=0.2)
    for each in (face, target):
        assert inside(each).std(2).min() > 0.5
    found, wanted = (
        torch.cov(inside(each)[0]) for each in (transferred("mkl", face, target), target)
    )
    torch.testing.assert_close(found, wanted, atol=0.1 * float(wanted.max()), rtol=0.05)


@pytest.mark.parametrize("name", ["histogram", "sot"])
def test_a_curve_of_the_brightness_is_found(name):
    """Shadows that are lifted more than lights, which no affine map does."""
    face = smooth_image(4, 0.15, 0.85, tint=0.0)
    target = face + 0.25 * (face - 0.5).square()
    errors = {
        each: (inside(transferred(each, face, target)) - inside(target)).abs().mean()
        for each in ("lab", name)
    }
    assert errors[name] < 0.6 * errors["lab"]


@pytest.mark.parametrize("name", TRANSFERS)
def test_equal_faces_stay_as_they_are(name):
    face = smooth_image(5, 0.1, 0.9)
    torch.testing.assert_close(transferred(name, face, face), face, atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", TRANSFERS)
def test_the_gain_of_contrast_is_limited(name):
    face, target = smooth_image(6, 0.45, 0.55, tint=0.0), smooth_image(7, 0.1, 0.9, tint=0.0)
    changed = transferred(name, face, target)
    slope = changed.diff(dim=3)[..., 8:40, 8:40] / face.diff(dim=3)[..., 8:40, 8:40]
    steep = face.diff(dim=3)[..., 8:40, 8:40].abs() > 2e-3
    # The gain of CIE Lab is not quite that of RGB.
    assert slope[steep].max() < 1.15 * MAX_GAIN
    assert slope[steep].min() > 0


@pytest.mark.parametrize("name", TRANSFERS)
def test_the_noise_of_a_flat_face_is_not_amplified(name):
    noise = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(8))
    face = 0.5 + 0.004 * noise
    changed = transferred(name, face, smooth_image(9, 0.1, 0.9))
    assert (changed.std((2, 3)) < 1.5 * MAX_GAIN * face.std((2, 3))).all()


@pytest.mark.parametrize("name", TRANSFERS)
def test_a_gradient_keeps_its_order_and_gets_no_bands(name):
    face, target = smooth_image(10, 0.1, 0.9), smooth_image(11, 0.3, 0.8)
    transfer = colour_transfers.get(name)()
    parameters = transfer.measure(face, target, inner_mask())
    ramp = torch.linspace(0, 1, 256).expand(2, 3, 1, 256)
    rises = transfer.apply(ramp, parameters)[:, 1].diff(dim=2)
    assert rises.min() > 0
    assert rises.max() < 2.2 / 255


@pytest.mark.parametrize("name", TRANSFERS)
def test_what_has_no_weight_changes_nothing(name):
    face, target = smooth_image(12, 0.2, 0.7), smooth_image(13, 0.3, 0.9)
    beyond = inner_mask() == 0
    transfer = colour_transfers.get(name)()
    found, other = (
        transfer.apply(face, transfer.measure(*faces, inner_mask()))
        for faces in (
            (face, target),
            (torch.where(beyond, 1.0, face), torch.where(beyond, 0.0, target)),
        )
    )
    torch.testing.assert_close(inside(other), inside(found), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("name", TRANSFERS)
@pytest.mark.parametrize("pixels", [0, 1])
def test_tiny_masks_give_usable_colours(name, pixels):
    weight = torch.zeros(2, 1, SIZE, SIZE)
    weight[..., 20, 20 : 20 + pixels] = 1
    changed = transferred(name, smooth_image(14, 0.3, 0.6), smooth_image(15, 0.4, 0.8), weight)
    assert changed.isfinite().all()
    if pixels:
        assert changed.min() > 0
        assert changed.max() < 1.1


@pytest.mark.parametrize("name", TRANSFERS)
def test_results_are_equal_each_time_and_in_any_batch(name):
    face, target = smooth_image(16, 0.2, 0.7), smooth_image(17, 0.3, 0.9)
    first, second = transferred(name, face, target), transferred(name, face, target)
    assert first.equal(second)
    alone = transferred(name, face[:1], target[:1], inner_mask()[:1])
    torch.testing.assert_close(alone, first[:1], atol=1e-4, rtol=0)


def test_none_changes_nothing():
    face = smooth_image(18, 0, 1)
    assert transferred("none", face, smooth_image(19, 0, 1)).equal(face)
