"""Terms of swaps, and terms that are computed with networks."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from faceswap.data.batches import Batch
from faceswap.models.autoencoder import Reconstruction
from faceswap.recognizers.embedder import Embedder
from faceswap.recognizers.mobilefacenet import MEAN, STD
from faceswap.training.losses.lpips import Lpips
from faceswap.training.losses.networks import IdentityNetwork, LossNetworks
from faceswap.training.losses.reconstruction import reconstruction_losses
from faceswap.training.losses.style import background_style, face_style
from faceswap.training.losses.weights import LossWeights

NONE = LossWeights(l1=0.0, dssim=0.0, mask=0.0)


class Colours(nn.Module):
    """Embeds a face as its mean colour."""

    def forward(self, images):
        return images.mean((2, 3)) * torch.from_numpy(STD) + torch.from_numpy(MEAN)


def batch(matched=2, side=64):
    random = torch.Generator().manual_seed(0)
    target = torch.rand(2, 4, 3, side, side, generator=random)
    mask = torch.zeros(2, 4, 1, side, side)
    mask[..., 16:48, 16:48] = 1
    return Batch(target, target, mask, torch.zeros(2, 4, 2, side, side), matched)


def networks(means=None, targets=(True, True)):
    embedder = Embedder(Colours())
    means = torch.eye(2, 3) if means is None else means
    targets = torch.tensor(targets)
    return LossNetworks(Lpips(), IdentityNetwork(embedder, 1.25, means, targets))


def replaced_by(of: Batch):
    """The faces that swaps replace."""
    return of.target.roll(1, 0)


SWAP_TERMS = ["face_style", "background_style", "identity_swap"]


def test_all_faces_are_swapped_where_a_term_needs_it():
    assert LossWeights().swaps(8, 4) == 0
    assert LossWeights(swap=1.0).swaps(8, 4) == 4
    for name in SWAP_TERMS:
        assert replace(NONE, **{name: 0.1}).swaps(8, 0) == 8


def test_matched_pairs_are_compared_in_their_slots_whatever_else_is_swapped():
    given = batch(matched=2)
    swapped = given.target.clone()
    swapped[:, 2:] = 0  # not matched: must not count
    shown = Reconstruction(given.target, None, swapped)
    losses = reconstruction_losses(shown, given, replace(NONE, swap=1.0, face_style=1e-9))
    torch.testing.assert_close(losses.terms["swap"], torch.zeros(2), atol=1e-6, rtol=0)
    swapped[:, 0] = 0
    losses = reconstruction_losses(shown, given, replace(NONE, swap=1.0, face_style=1e-9))
    assert (losses.terms["swap"] > 0.05).all()


@pytest.mark.parametrize("name", [*SWAP_TERMS, "identity", "lpips"])
def test_micro_batches_add_up_to_the_batch_with_finite_gradients(name):
    given, weights, with_networks = batch(0), replace(NONE, **{name: 2.0}), networks()
    faces = torch.rand(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(1)).requires_grad_()

    def losses(part):
        cut = Batch(
            given.distorted[:, part],
            given.target[:, part],
            given.mask[:, part],
            given.features[:, part],
            0,
        )
        shown = Reconstruction(faces[:, part], None, faces[:, part])
        return reconstruction_losses(shown, cut, weights, with_networks)

    whole = losses(slice(0, 4))
    assert list(whole.terms) == [name]
    torch.testing.assert_close(whole.total, 2 * whole.terms[name])
    halves = torch.stack([losses(slice(0, 2)).total, losses(slice(2, 4)).total])
    torch.testing.assert_close(halves.mean(0), whole.total)
    whole.total.sum().backward()
    assert faces.grad is not None
    assert faces.grad.isfinite().all()
    assert faces.grad.any()


def test_style_terms_are_0_for_the_replaced_face_and_see_their_side_of_the_mask():
    given = batch()
    replaced, mask = replaced_by(given), given.mask
    for term in (face_style, background_style):
        torch.testing.assert_close(
            term(replaced, replaced, mask), torch.zeros(2, 4), atol=1e-6, rtol=0
        )
    inside = torch.where(mask > 0, replaced * 0.5, replaced)
    outside = torch.where(mask > 0, replaced, replaced * 0.5)
    assert (face_style(inside, replaced, mask) > 0.02).all()
    assert face_style(outside, replaced, mask).max() < 1e-6
    assert (background_style(outside, replaced, mask) > 0.02).all()
    # The windows of SSIM reach over the border.
    assert (
        background_style(inside, replaced, mask) < 0.2 * background_style(outside, replaced, mask)
    ).all()


@pytest.mark.parametrize("name", ["face_style", "background_style"])
def test_swaps_are_compared_with_the_faces_of_the_preceding_identity(name):
    random = torch.Generator().manual_seed(0)
    target = torch.rand(3, 2, 3, 64, 64, generator=random)
    mask = torch.zeros(3, 2, 1, 64, 64)
    mask[..., 16:48, 16:48] = 1
    given = Batch(target, target, mask, torch.zeros(3, 2, 2, 64, 64), 0)
    weights = replace(NONE, **{name: 1.0})
    for turn, is_replaced in ((1, True), (-1, False), (0, False)):
        shown = Reconstruction(target, None, target.roll(turn, 0))
        losses = reconstruction_losses(shown, given, weights)
        assert (losses.total < 1e-5).all() == is_replaced


def test_the_style_of_flat_colours_is_known():
    mask = torch.ones(1, 64, 64)
    dark, bright = torch.full((3, 64, 64), 0.2), torch.full((3, 64, 64), 0.5)
    assert face_style(dark, bright, mask).item() == pytest.approx(0.09, rel=1e-3)
    assert face_style(dark, bright, mask * 0).item() == 0


def test_the_style_does_not_ask_for_the_features_of_the_replaced_face():
    random = torch.Generator().manual_seed(0)
    noise = 0.2 * torch.rand(3, 64, 64, generator=random)
    mask = torch.ones(1, 64, 64)
    other = face_style(0.3 + noise.flip(1), 0.3 + noise, mask)
    darker = face_style(0.2 + noise, 0.3 + noise, mask)
    assert other < 0.1 * darker


def test_identity_is_the_cosine_distance_to_the_target_and_to_the_mean_of_the_identity():
    red, green = torch.tensor([1.0, 0, 0]), torch.tensor([0, 1.0, 0])
    faces = torch.stack([red, green])[:, None, :, None, None].expand(2, 1, 3, 64, 64)
    identity = networks().identity
    assert identity is not None
    torch.testing.assert_close(identity.to_identity(faces), torch.zeros(2, 1))
    torch.testing.assert_close(identity.to_identity(faces.flip(0)), torch.ones(2, 1))
    # The brightness of a face is not its identity.
    torch.testing.assert_close(identity.to_target(faces * 0.3, faces), torch.zeros(2, 1))
    torch.testing.assert_close(identity.to_target(faces.flip(0), faces), torch.ones(2, 1))


def test_swaps_to_the_crowd_have_no_identity():
    given = batch(0)
    swapped = given.target.clone().requires_grad_()
    shown = Reconstruction(given.target, None, swapped)
    weights = replace(NONE, identity_swap=1.0)
    of_people = reconstruction_losses(shown, given, weights, networks())
    losses = reconstruction_losses(shown, given, weights, networks(targets=(True, False)))
    assert losses.total[0] == of_people.total[0] > 0
    assert losses.total[1] == 0
    losses.total.sum().backward()
    assert swapped.grad is not None
    assert swapped.grad[0].any()
    assert not swapped.grad[1].any()


def test_lpips_is_weighted():
    random = torch.Generator().manual_seed(0)
    target = torch.rand(2, 3, 96, 96, generator=random)
    predicted = target.clone()
    predicted[..., 48:] = torch.rand(2, 3, 96, 48, generator=random)
    everywhere = torch.ones(2, 1, 96, 96)
    left, right = everywhere.clone(), everywhere.clone()
    left[..., 48:], right[..., :48] = 0.05, 0.05
    lpips = Lpips()
    values = [lpips.distances(predicted, target, w) for w in (left, everywhere, right)]
    assert values[0].shape == (2,)
    assert (values[0] < 0.8 * values[1]).all()
    assert (values[1] < 0.8 * values[2]).all()
    torch.testing.assert_close(values[1].mean(), lpips(predicted, target))
