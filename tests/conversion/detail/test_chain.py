import numpy as np
import pytest
import torch

from faceswap.conversion.detail.blur import gaussian_blur
from faceswap.conversion.detail.chain import DetailChain, DetailSettings, FaceInFrame
from faceswap.conversion.detail.enhancers import FaceCrops
from faceswap.conversion.detail.noise import measure_noise
from tests.conversion.detail.test_noise_and_grain import EVERYWHERE, noise, shaded
from tests.conversion.detail.test_softness import face

ALL_STEPS = [
    {"sharpen": 1.0},
    {"softness": 1.0},
    {"motion_blur": 0.5},
    {"degrade": 0.5},
    {"grain": 1.0},
    {"reduce_colours": 0.5},
]


def place(softness: float = 1.0, motion: tuple[float, float] = (8, 0)) -> FaceInFrame:
    return FaceInFrame(150, torch.tensor([softness]), np.array(motion), (0, 0))


def picture() -> torch.Tensor:
    return (shaded() + noise(2, 0.5, seed=3)).clamp(0, 1)


def test_without_a_step_faces_stay_as_they_are():
    chain, shown = DetailChain(DetailSettings()), picture()
    assert chain(shown, shown, EVERYWHERE, place()) is shown
    assert not chain.enhances


@pytest.mark.parametrize("step", ALL_STEPS)
def test_each_step_changes_the_face_within_its_range(step):
    shown, under = picture(), (shaded() + noise(6, 0.5)).clamp(0, 1)
    changed = DetailChain(DetailSettings(**step))(shown, under, EVERYWHERE, place())
    assert changed.shape == shown.shape
    assert 0.002 < (changed - shown).abs().mean() < 0.1
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_a_sharp_face_becomes_as_soft_as_the_footage_and_no_softer():
    chain = DetailChain(DetailSettings(softness=1))
    sharp, target = face(0), gaussian_blur(face(1), torch.tensor([1.2]))
    weights = torch.ones_like(sharp[:, :1])
    (found,) = chain.measure(sharp, target, weights, torch.tensor([128.0]))
    softened = chain(sharp, target, weights, place(found.item()))
    expected = gaussian_blur(sharp, torch.tensor([1.2]))
    assert (softened - expected).abs().mean() < 0.15 * (sharp - expected).abs().mean()
    assert chain.measure(softened, target, weights, torch.tensor([128.0])).item() < 0.2


def test_softness_is_measured_in_pixels_of_the_frame():
    chain = DetailChain(DetailSettings(softness=1))
    sharp, target = face(0), gaussian_blur(face(1), torch.tensor([1.2]))
    weights = torch.ones_like(sharp[:, :1])
    same, half = (
        chain.measure(sharp, target, weights, torch.tensor([across])).item()
        for across in (128.0, 64.0)
    )
    assert half == pytest.approx(same / 4)


def test_a_smooth_face_gets_the_noise_of_the_footage_around_it():
    under = shaded() + noise(4, 0.6)
    grained = DetailChain(DetailSettings(grain=1))(shaded(), under, EVERYWHERE, place())
    found, wanted = (measure_noise(each, EVERYWHERE)[..., 0] for each in (grained, under))
    torch.testing.assert_close(found, wanted, rtol=0.15, atol=0)
    half = DetailChain(DetailSettings(grain=0.5))(shaded(), under, EVERYWHERE, place())
    ratio = measure_noise(half, EVERYWHERE)[0, 0, 0] / wanted[0, 0]
    assert ratio.sqrt().item() == pytest.approx(0.5, rel=0.15)


def test_motion_blur_is_limited_to_a_part_of_the_face():
    chain, shown = DetailChain(DetailSettings(motion_blur=1)), picture()
    far, farther = (
        chain(shown, shown, EVERYWHERE, place(motion=motion)) for motion in ((60, 0), (600, 0))
    )
    torch.testing.assert_close(far, farther, atol=0.02, rtol=0)


def test_enhancers_follow_each_other_and_may_enlarge_the_face():
    def enlarge(crops: FaceCrops) -> torch.Tensor:
        return torch.nn.functional.interpolate(crops.faces, scale_factor=2.0)

    def of_target(crops: FaceCrops) -> torch.Tensor:
        assert crops.targets.shape == crops.faces.shape
        assert crops.masks.shape[-1] == crops.faces.shape[-1]
        np.testing.assert_allclose(crops.landmarks[0], [[20.5, 41.5]])
        return crops.targets

    crops = FaceCrops(
        torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32), torch.ones(1, 1, 32, 32),
        [np.array([[10.0, 20.5]])], 1.25,
    )  # fmt: skip
    enhanced = DetailChain(DetailSettings(), [enlarge, of_target]).enhance(crops)
    assert torch.equal(enhanced, torch.ones(1, 3, 64, 64))
