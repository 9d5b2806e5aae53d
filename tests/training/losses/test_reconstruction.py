import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from faceswap.data.batches import Batch
from faceswap.models.autoencoder import Reconstruction
from faceswap.training.losses.detail import detail_difference
from faceswap.training.losses.pixels import l1
from faceswap.training.losses.reconstruction import reconstruction_losses
from faceswap.training.losses.structure import dssim, ssim_map
from faceswap.training.losses.weights import LossWeights


def noisy_pair(size=40):
    random = np.random.default_rng(0)
    first = random.random((size, size + 6, 3)).astype(np.float32)
    second = np.clip(first + random.normal(0, 0.2, first.shape), 0, 1).astype(np.float32)
    return first, second


def as_tensor(image):
    return torch.from_numpy(image).permute(2, 0, 1)


def test_ssim_is_that_of_scikit_image():
    first, second = noisy_pair()
    expected = structural_similarity(
        first,
        second,
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    ours = ssim_map(as_tensor(first), as_tensor(second))
    np.testing.assert_allclose(ours.permute(1, 2, 0), expected[1], atol=2e-4)
    assert ours[:, 5:-5, 5:-5].mean().item() == pytest.approx(expected[0], abs=1e-4)


def test_a_stride_only_leaves_places_out():
    first, second = map(as_tensor, noisy_pair())
    whole = ssim_map(first, second)
    torch.testing.assert_close(ssim_map(first, second, stride=2), whole[:, ::2, ::2])


@pytest.mark.parametrize("side", [1, 2, 4])
def test_ssim_of_images_smaller_than_its_window_mirrors_them_again(side):
    # The window sees the same whether a periodic image is stored once or as a mosaic.
    torch.manual_seed(0)
    first, second = torch.rand(2, 3, side, side)
    inner = slice(8 * side, 9 * side)
    expected = ssim_map(_mosaic(first), _mosaic(second))[:, inner, inner]
    # Variances are differences of float32 sums, which is seen where there is none.
    torch.testing.assert_close(ssim_map(first, second), expected, atol=1e-3, rtol=0)


def _mosaic(image):
    """An image and its mirror images beside each other, 16 each way."""
    wide = torch.cat([image, image.flip(2)], 2)
    return torch.cat([wide, wide.flip(1)], 1).repeat(1, 8, 8)


def test_dssim_bounds():
    first, second = map(as_tensor, noisy_pair())
    assert dssim(first, first).item() == pytest.approx(0, abs=1e-6)
    black_white = torch.zeros(3, 16, 16), torch.ones(3, 16, 16)
    assert dssim(*black_white).item() == pytest.approx(0.5, abs=1e-3)
    assert 0 < dssim(first, second).item() < 0.5


def test_l1_is_the_weighted_mean():
    predicted, target = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    target[:, :, :2] = 0.5
    target[1, :, 2:] = 0.1
    assert l1(predicted, target).tolist() == pytest.approx([0.25, 0.3])
    weights = torch.ones(2, 1, 4, 4)
    weights[:, :, :2] = 3
    assert l1(predicted, target, weights).tolist() == pytest.approx([0.375, 0.4])


def test_the_weight_map_multiplies_face_and_features():
    # In turn: outside the face, skin, an eye, the mouth.
    mask = torch.tensor([0.0, 1.0, 1.0, 1.0]).view(1, 1, 4)
    features = torch.tensor([[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]).view(2, 1, 4)

    def weights(**changes):
        return LossWeights(inside=4.0, **changes).map(mask, features).flatten().tolist()

    assert weights() == [1, 4, 4, 4]
    assert weights(features=3.0) == [1, 4, 12, 12]
    assert weights(features=3.0, mouth=0.5) == [1, 4, 12, 6]
    assert weights(eyes=5.0, outside=0.0) == [0, 4, 20, 4]


def test_the_face_of_the_weight_map_can_be_widened_narrowed_and_softened():
    mask = torch.zeros(2, 1, 40, 40)
    mask[..., 10:30, 10:30] = 1
    features = torch.zeros(2, 2, 40, 40)

    def weights(**changes):
        return LossWeights(outside=0.0, **changes).map(mask, features)

    for margin, side in ((0.1, 28), (0.0, 20), (-0.05, 16)):
        found = weights(mask_margin=margin)
        assert found.unique().tolist() == [0, 1]
        assert found.sum((1, 2, 3)).tolist() == [side**2] * 2
    soft = weights(mask_blur=0.05)
    assert soft.sum().item() == pytest.approx(mask.sum().item(), rel=1e-4)
    assert soft[0, 0, 20, 9].item() == pytest.approx(1 - soft[0, 0, 20, 10].item(), abs=0.02)
    assert 0.3 < soft[0, 0, 20, 9] < 0.5


def test_a_face_without_any_weight_has_no_loss():
    predicted = torch.rand(3, 8, 8, requires_grad=True)
    loss = l1(predicted, torch.zeros(3, 8, 8), torch.zeros(1, 8, 8))
    loss.backward()
    assert loss.item() == 0
    assert predicted.grad is not None
    assert not predicted.grad.any()


def test_swapped_faces_are_held_to_their_twins_in_matched_slots_only():
    torch.manual_seed(0)
    target, decoded = torch.rand(2, 4, 3, 16, 16), torch.rand(2, 4, 3, 16, 16)
    mask = torch.rand(2, 4, 1, 16, 16)
    batch = Batch(target, target, mask, torch.zeros(2, 4, 2, 16, 16), 2)
    only = LossWeights(l1=0.0, dssim=0.0, mask=0.0, swap=0.5)
    perfect = reconstruction_losses(Reconstruction(decoded, None, target[:, :2]), batch, only).total
    torch.testing.assert_close(perfect, torch.zeros(2))
    losses = reconstruction_losses(Reconstruction(decoded, None, decoded[:, :2]), batch, only).total
    expected = 0.5 * dssim(decoded[:, :2], target[:, :2], torch.ones(2, 2, 1, 16, 16)).sum(1) / 4
    torch.testing.assert_close(losses, expected)


def test_detail_asks_for_sharpness_and_not_for_its_place():
    torch.manual_seed(0)
    sharp = torch.rand(1, 3, 64, 64).repeat_interleave(2, 3)
    shifted = sharp.roll(3, 3)
    blurred = torch.nn.functional.avg_pool2d(sharp, 5, 1, 2, count_include_pad=False)
    everywhere = torch.ones(1, 1, *sharp.shape[2:])
    moved, blur = (detail_difference(x, sharp, everywhere).item() for x in (shifted, blurred))
    assert detail_difference(sharp, sharp, everywhere).item() == 0
    assert blur > 3 * moved
    # By the pixel it is the other way round.
    assert l1(blurred, sharp).item() < 0.75 * l1(shifted, sharp).item()


def test_detail_of_known_stripes():
    # Columns 0, 1, 0, 1, ...: each differs from the mean of the 5 around it by 0.4.
    stripes = torch.tensor([0.0, 1.0]).repeat(20).expand(3, 40, 40)
    there = torch.zeros(1, 40, 40)
    there[:, 12:28, 12:28] = 1
    flat = torch.full_like(stripes, 0.5)
    expected = detail_difference(stripes, flat, there).item()
    assert expected == pytest.approx(0.4, abs=1e-5)
    half = detail_difference(0.5 * stripes, flat, there).item()
    assert half == pytest.approx(expected / 2, abs=1e-6)


def test_a_penalty_is_added():
    torch.manual_seed(0)
    target, mask = torch.rand(2, 4, 3, 16, 16), torch.rand(2, 4, 1, 16, 16)
    batch = Batch(target, target, mask, torch.zeros(2, 4, 2, 16, 16), 0)
    penalty = torch.tensor([[0.0, 1.0, 2.0, 3.0], [1.0, 1.0, 1.0, 1.0]])
    losses = reconstruction_losses(
        Reconstruction(target, None, None, penalty), batch, LossWeights()
    ).total
    torch.testing.assert_close(losses, torch.tensor([1.5, 1.0]))


def test_the_mean_of_each_term_is_returned():
    torch.manual_seed(0)
    target, decoded = torch.rand(2, 4, 3, 16, 16), torch.rand(2, 4, 3, 16, 16, requires_grad=True)
    mask, features = torch.rand(2, 4, 1, 16, 16), torch.rand(2, 4, 2, 16, 16)
    batch = Batch(target, target, mask, features, 2)
    weights = LossWeights(l1=2.0, dssim=0.5, mask=0.1, swap=3.0)
    shown = Reconstruction(decoded, decoded[:, :, :1], decoded[:, :2])
    losses = reconstruction_losses(shown, batch, weights)
    assert list(losses.terms) == ["l1", "dssim", "mask", "swap"]
    assert not any(values.requires_grad for values in losses.terms.values())
    total = sum(getattr(weights, name) * values for name, values in losses.terms.items())
    torch.testing.assert_close(total, losses.total.detach())


def test_losses_are_of_full_precision_under_autocast():
    torch.manual_seed(0)
    target, decoded = torch.rand(2, 4, 3, 16, 16), torch.rand(2, 4, 3, 16, 16)
    mask = torch.rand(2, 4, 1, 16, 16)
    batch = Batch(target, target, mask, torch.zeros(2, 4, 2, 16, 16), 0)
    expected = reconstruction_losses(Reconstruction(decoded, None), batch, LossWeights()).total
    with torch.autocast("cpu", torch.bfloat16):
        found = reconstruction_losses(Reconstruction(decoded, None), batch, LossWeights()).total
    assert found.equal(expected)


def test_parts_add_up_per_identity():
    torch.manual_seed(0)
    target, decoded = torch.rand(2, 4, 3, 16, 16), torch.rand(2, 4, 3, 16, 16)
    mask, learned = torch.rand(2, 4, 1, 16, 16), torch.rand(2, 4, 1, 16, 16)
    batch = Batch(target, target, mask, torch.zeros(2, 4, 2, 16, 16), 0)
    losses = reconstruction_losses(
        Reconstruction(decoded, learned), batch, LossWeights(l1=2.0, dssim=0.5, mask=0.1)
    ).total
    expected = 2 * l1(decoded, target) + 0.5 * dssim(decoded, target) + 0.1 * l1(learned, mask)
    torch.testing.assert_close(losses, expected.mean(1))
    # Whatever the batch is divided into, the mean stays the same.
    halves = [
        reconstruction_losses(
            Reconstruction(decoded[:, part], None),
            Batch(
                target[:, part],
                target[:, part],
                mask[:, part],
                torch.zeros(2, 2, 2, 16, 16),
                0,
            ),
            LossWeights(inside=5.0),
        ).total
        for part in (slice(0, 2), slice(2, 4))
    ]
    whole = reconstruction_losses(
        Reconstruction(decoded, None), batch, LossWeights(inside=5.0)
    ).total
    torch.testing.assert_close(torch.stack(halves).mean(0), whole)
