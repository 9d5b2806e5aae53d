"""What discriminators say and learn in a step."""

from dataclasses import replace

import torch
from accelerate import Accelerator

from faceswap.data.batches import Batch
from faceswap.models.autoencoder import Reconstruction
from faceswap.models.crowd import CROWD
from faceswap.training.discriminators.code_discriminator import CodeDiscriminator
from faceswap.training.discriminators.patch_discriminator import PatchDiscriminator
from faceswap.training.discriminators.trained import TrainedDiscriminator
from faceswap.training.loop.adversary import Adversary
from faceswap.training.losses.adversarial import AdversarialWeights

CPU = torch.device("cpu")
SWAPS = AdversarialWeights(power=0.5, swaps=True)
PEOPLE = ("alice", "bob")


def given(matched=2):
    """A batch, and what is decoded of it, with gradients."""
    random = torch.Generator().manual_seed(0)
    target, face = torch.rand(2, 2, 4, 3, 16, 16, generator=random)
    swapped = torch.rand(2, 2, 3, 16, 16, generator=random)
    codes = torch.rand(2, 4, 6, generator=random)
    mask = torch.ones(2, 4, 1, 16, 16)
    batch = Batch(target, target, mask, torch.zeros(2, 4, 2, 16, 16), matched)
    decoded = Reconstruction(
        face.requires_grad_(), None, swapped.requires_grad_(), None, codes.requires_grad_()
    )
    return decoded, batch


def trained():
    """A discriminator of each kind."""
    faces = TrainedDiscriminator("faces", lambda: PatchDiscriminator(2, [2], 4), 0, CPU)
    codes = TrainedDiscriminator("codes", lambda: CodeDiscriminator((6,), 2), 0, CPU)
    return {"faces": faces, "codes": codes}


def adversary(identities=PEOPLE, discriminators=None):
    return Adversary(Accelerator(cpu=True), discriminators or trained(), identities)


def gradients(of):
    return [parameter.grad for parameter in of.network.parameters()]


def test_what_discriminators_learn_does_not_reach_the_model():
    discriminators = trained()
    decoded, batch = given()
    weights = replace(SWAPS, true_face=0.5)
    adversary(discriminators=discriminators).learn(decoded, batch, weights, 1, last=True)
    assert decoded.swapped is not None
    assert decoded.codes is not None
    assert decoded.face.grad is decoded.swapped.grad is decoded.codes.grad is None
    for each in discriminators.values():
        assert any(bool(found.any()) for found in gradients(each) if found is not None)


def test_what_discriminators_say_does_not_reach_them():
    discriminators = trained()
    decoded, batch = given()
    weights = replace(SWAPS, true_face=0.5)
    judged = adversary(discriminators=discriminators).judge(decoded, batch, weights)
    judged.total.sum().backward()
    assert decoded.swapped is not None
    assert decoded.codes is not None
    for values in (decoded.face, decoded.swapped, decoded.codes):
        assert values.grad is not None
        assert values.grad.any()
    assert all(found is None for each in discriminators.values() for found in gradients(each))


def test_swaps_to_the_crowd_are_not_judged():
    decoded, batch = given()
    judged = adversary((CROWD, "alice")).judge(decoded, batch, SWAPS)
    judged.total.sum().backward()
    assert decoded.swapped is not None
    assert decoded.swapped.grad is not None
    assert not decoded.swapped.grad[0].any()
    assert decoded.swapped.grad[1].any()  # faces of the crowd as alice
    without = adversary().judge(decoded, batch, replace(SWAPS, swaps=False))
    with_swaps = adversary().judge(decoded, batch, SWAPS)
    torch.testing.assert_close(judged.total[0], without.total[0])
    torch.testing.assert_close(judged.total[1], with_swaps.total[1])


def test_swaps_to_the_crowd_teach_nothing():
    discriminators, others = trained(), trained()
    decoded, batch = given()
    adversary((CROWD, "alice"), discriminators).learn(decoded, batch, SWAPS, 1, last=True)
    assert decoded.swapped is not None
    changed = decoded.swapped.detach().clone()
    changed[0] = 0
    adversary((CROWD, "alice"), others).learn(
        decoded._replace(swapped=changed), batch, SWAPS, 1, last=True
    )
    for one, other in zip(
        gradients(discriminators["faces"]), gradients(others["faces"]), strict=True
    ):
        torch.testing.assert_close(one, other)
