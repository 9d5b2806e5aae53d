"""The network of AMP: whose channels are decoded."""

import pytest
import torch

from faceswap.core.errors import ConfigError, IdentityError
from faceswap.models import build_model
from faceswap.models.amp import MorphingAutoencoder

CHANNELS = 64
SMALL = {
    "size": 64, "ae_dims": 16, "inter_dims": CHANNELS, "e_dims": 4, "d_dims": 4, "d_mask_dims": 2,
}  # fmt: skip
NAMES = ("alice", "bob", "carol")


def tiny(identities=NAMES, **options) -> MorphingAutoencoder:
    torch.manual_seed(0)
    model = build_model("amp", identities, SMALL | options)
    assert isinstance(model, MorphingAutoencoder)
    return model


def faces(count=2):
    return torch.rand(count, 3, 64, 64)


def exchanged(model, number=0, count=400, seed=0, step=0):
    """Whether each channel of faces ``(B, C)`` comes from another identity."""
    model.train()
    model.seed_slots(seed, step, range(count))
    codes = torch.rand(count, 16)
    features = model.features(codes, number)
    return (features - model.inters[number](codes)).abs().amax((2, 3)) > 0


def test_inters_are_trained():
    model = tiny()
    before = [parameter.clone() for parameter in model.inters.parameters()]
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    model(faces(6).unflatten(0, (3, 2))).face.mean().backward()
    optimizer.step()
    for was, parameter in zip(before, model.inters.parameters(), strict=True):
        assert not torch.equal(was, parameter)


def test_channels_are_exchanged_at_random_up_to_the_mix():
    found = exchanged(tiny(mix=0.4))
    fractions = found.float().mean(1)
    assert fractions.mean() == pytest.approx(0.2, abs=0.02)
    assert fractions.min() < 0.03
    assert 0.3 < fractions.max() < 0.65
    # Every channel, and not always the same ones.
    assert found.float().mean(0) == pytest.approx(torch.full((CHANNELS,), 0.2), abs=0.1)


def test_channels_follow_the_seed_the_step_and_the_identity():
    model = tiny(mix=0.4)
    first = exchanged(model, seed=3)
    torch.manual_seed(3)
    assert torch.equal(exchanged(model, seed=3), first)
    for other in ({"seed": 4}, {"step": 1}, {"number": 1}):
        assert not torch.equal(exchanged(model, **{"seed": 3} | other), first)
    assert len(first.unique(dim=0)) > 300  # faces differ
    model.seed_slots(3, 0, range(200))
    codes = torch.rand(200, 16).repeat(2, 1)
    own, swapped = model.features(codes, 0).chunk(2)
    assert (own != swapped).flatten(1).any(1).sum() > 150  # as do swaps in the same slots


def test_a_batch_divided_among_processes_is_decoded_as_a_whole():
    model, batch = tiny(mix=0.4).train(), faces(12).unflatten(0, (3, 4))
    model.seed_slots(7, 5, range(4))
    whole = model(batch, swaps=4)
    for slots in (range(2), range(2, 4)):
        model.seed_slots(7, 5, slots)
        own = model(batch[:, slots.start : slots.stop], swaps=2)
        for one, all_ in ((own.face, whole.face), (own.swapped, whole.swapped)):
            torch.testing.assert_close(one, all_[:, slots.start : slots.stop])
    model.seed_slots(7, 6, range(4))
    other = model(batch, swaps=4)
    assert not torch.allclose(other.face, whole.face)
    assert not torch.allclose(other.swapped, whole.swapped)


def test_without_mix_each_identity_has_all_channels():
    assert not exchanged(tiny(mix=0.0)).any()


def test_outside_training_nothing_is_random():
    model, image = tiny(mix=0.4).eval(), faces(3)
    model.seed_slots(0, 0, range(1))
    shown = model(image[:, None]).face
    assert torch.equal(model(image[:, None]).face, shown)
    torch.testing.assert_close(shown[1], model.swap(image[1:2], "bob").face)


def test_morph_takes_the_first_channels_of_the_target_and_the_mean_of_the_others():
    model, image = tiny().eval(), faces()
    alice, bob, carol = (inter(model.encode(image)) for inter in model.inters)
    mixed = torch.cat([bob[:, :16], (alice + carol)[:, 16:] / 2], 1)
    expected = model.decoders[0](mixed).sigmoid()
    decoded = model.swap(image, "bob", morph=0.25)
    torch.testing.assert_close(decoded.face, expected[:, :3])
    assert decoded.mask is not None
    torch.testing.assert_close(decoded.mask, expected[:, 3:])
    nearest = [model.swap(image, "bob", morph=channels / CHANNELS).face for channels in (0.6, 1)]
    torch.testing.assert_close(*nearest)


def test_morph_between_two_ends_at_both():
    model, image = tiny(("alice", "bob")).eval(), faces()
    for to, other in (("alice", "bob"), ("bob", "alice")):
        torch.testing.assert_close(
            model.swap(image, to, morph=0.0).face, model.swap(image, other).face
        )
        half = model.swap(image, to, morph=0.5).face
        assert (half - model.swap(image, to).face).abs().max() > 1e-3
        assert (half - model.swap(image, other).face).abs().max() > 1e-3


def test_what_is_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="between 0 and 1"):
        tiny().swap(faces(), "bob", morph=1.5)
    with pytest.raises(IdentityError, match="dave"):
        tiny().swap(faces(), "dave", morph=0.5)
    with pytest.raises(ConfigError, match=r"below 0\.5"):
        tiny(mix=0.5)
    with pytest.raises(ConfigError, match=r"two or more identities .* found alice") as caught:
        tiny(("alice",))
    assert "model.name=" in caught.value.hint
    with pytest.raises(ConfigError, match="inter_dims"):
        tiny(inter_dims=0)
    with pytest.raises(ConfigError, match="multiple of 32"):
        build_model("amp", NAMES, SMALL | {"size": 100})
