"""The discriminator of decoded faces."""

import pytest
import torch

from faceswap.training.discriminators.patch_discriminator import PatchDiscriminator
from faceswap.training.losses.adversarial import authenticity


def noise(count, strength):
    """Grey faces with fine noise."""
    return 0.2 * torch.randn(count, 3, 32, 32) * strength


def test_it_learns_to_tell_sharp_faces_from_smooth_ones_for_each_identity():
    torch.manual_seed(0)
    network = PatchDiscriminator(2, (2, 2), dims=8)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3, betas=(0.5, 0.999))
    owners = torch.tensor([0] * 8 + [1] * 8)

    def batch():
        # Sharp faces are those of the first identity, and smooth ones those of the second.
        real = torch.cat([noise(8, 1.0), noise(8, 0.1)])
        return real, real.flip(0)

    for _ in range(60):
        real, fake = batch()
        judged = network(torch.cat([real, fake]), torch.cat([owners, owners]))
        believed = authenticity([logits[:16] for logits in judged], real=True)
        doubted = authenticity([logits[16:] for logits in judged], real=False)
        optimizer.zero_grad()
        (believed + doubted).mean().backward()
        optimizer.step()
    real, fake = batch()
    for logits in network(real, owners):
        assert (logits.flatten(1).mean(1) > 0).all()
    for logits in network(fake, owners):
        assert (logits.flatten(1).mean(1) < 0).all()


@pytest.mark.parametrize("size", [16, 40, 33])
def test_outputs_have_the_size_of_the_faces(size):
    network = PatchDiscriminator(3, (2, 1, 2), dims=4)
    faces = torch.randn(5, 3, size, size)
    patches, pixels = network(faces, torch.tensor([0, 1, 2, 0, 1]))
    assert patches.shape == (5, -(-size // 4), -(-size // 4))
    assert pixels.shape == (5, size, size)


def test_channels_double_up_to_512():
    with torch.device("meta"):
        network = PatchDiscriminator(2, (2,) * 7, dims=16)
    assert [layer.out_channels for layer in network.down] == [32, 64, 128, 256, 512, 512, 512]
    assert [layer.out_channels for layer in network.up] == [512, 512, 256, 128, 64, 32, 16]


def test_a_new_one_already_answers_to_what_it_sees():
    torch.manual_seed(0)
    network = PatchDiscriminator(1, (2, 2, 2, 2), dims=8)
    owners = torch.zeros(4, dtype=torch.long)
    for logits in network(torch.rand(4, 3, 64, 64) * 2 - 1, owners):
        assert 0.3 < logits.std() < 3
