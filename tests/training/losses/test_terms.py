"""What every term of the table has to do."""

import pytest
import torch

from faceswap.training.from_settings import build_loss_weights
from faceswap.training.losses.terms import TERMS, chosen_terms
from faceswap.training.losses.weights import LossWeights
from faceswap.training.settings import LossConfig

ALL = pytest.mark.parametrize("name", TERMS)
# Total variation knows no target.
COMPARING = pytest.mark.parametrize("name", [n for n in TERMS if n != "total_variation"])


def images(seed=0, side=32, count=4):
    """Smooth random images, and their weight maps."""
    random = torch.Generator().manual_seed(seed)
    small = torch.rand(2, count, 3, 8, 8, generator=random)
    large = torch.nn.functional.interpolate(
        small.flatten(0, 1), (side, side), mode="bicubic", align_corners=False
    )
    weights = 0.2 + torch.rand(2, count, 1, side, side, generator=random)
    return large.unflatten(0, (2, count)).clamp(0, 1), weights


@ALL
def test_one_value_per_image_and_none_depends_on_the_batch(name):
    (target, weights), (predicted, _) = images(), images(1)
    values = TERMS[name](predicted, target, weights)
    assert values.shape == (2, 4)
    alone = TERMS[name](predicted[1, 2], target[1, 2], weights[1, 2])
    torch.testing.assert_close(alone, values[1, 2], rtol=1e-4, atol=1e-7)


@COMPARING
def test_equal_images_cost_nothing(name):
    target, weights = images()
    torch.testing.assert_close(
        TERMS[name](target, target, weights), torch.zeros(2, 4), atol=2e-6, rtol=0
    )


@ALL
@pytest.mark.parametrize("kind", ["equal", "black", "white on black", "masked"])
def test_gradients_are_finite(name, kind):
    target, weights = images()
    if kind != "equal":
        target = target * 0
    predicted = (target + (kind == "white on black")).requires_grad_()
    if kind == "masked":
        weights = weights * 0
    values = TERMS[name](predicted, target, weights)
    values.sum().backward()
    assert values.isfinite().all()
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()


@ALL
def test_pixels_without_weight_do_not_count(name):
    (target, _), (predicted, _) = images(side=64), images(1, side=64)
    weights = torch.zeros(2, 4, 1, 64, 64)
    weights[..., :16] = 1
    other = predicted.clone()
    # Windows and pyramids reach over the border: far behind it nothing may count.
    other[..., 52:] = 0.5
    before, after = (TERMS[name](x, target, weights) for x in (predicted, other))
    torch.testing.assert_close(after, before, rtol=0.02, atol=0)


@COMPARING
def test_errors_with_priority_cost_more(name):
    target, _ = images(side=64)
    noise = 0.2 * torch.rand(target.shape, generator=torch.Generator().manual_seed(3))
    predicted = target.clone()
    predicted[..., 16:32, 16:32] += noise[..., 16:32, 16:32]
    weights = torch.ones(2, 4, 1, 64, 64)
    priority = weights.clone()
    priority[..., 16:32, 16:32] = 5
    plain, more = (TERMS[name](predicted, target, w) for w in (weights, priority))
    # GMSD is a deviation, and grows with the root of the weight.
    assert (more > 1.2 * plain).all()


@COMPARING
def test_pixels_reach_the_target(name):
    target, weights = images(side=32, count=1)
    pixels = torch.full_like(target, 0.5).add_(0.05 * torch.randn(target.shape)).requires_grad_()
    optimizer = torch.optim.Adam([pixels], lr=0.02)
    values = []
    for _ in range(60):
        loss = TERMS[name](pixels, target, weights).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.35 * values[0]


def test_a_term_of_weight_0_is_not_computed():
    only = LossWeights(l1=0.0, dssim=0.0, laplacian=2.0)
    assert [(name, weight) for name, weight, _ in chosen_terms(only)] == [("laplacian", 2.0)]


def test_the_settings_are_those_of_the_weights():
    assert build_loss_weights(LossConfig()) == LossWeights()
    assert set(TERMS) <= set(LossConfig.model_fields)
    changed = build_loss_weights(LossConfig(gmsd=0.5, eyes=2.0))
    assert (changed.gmsd, changed.eyes) == (0.5, 2.0)
