import torch
import torch.nn.functional as F

from faceswap.models.blocks import Upscale, depth_to_space, he_init


def test_depth_to_space_is_pixel_shuffle_with_the_channel_last():
    features = torch.randn(2, 4 * 6, 3, 5)
    # torch's order runs over channels first: bring ours (block, channel) into it.
    theirs = features.unflatten(1, (4, 6)).transpose(1, 2).flatten(1, 2)
    assert torch.equal(depth_to_space(features, 2), F.pixel_shuffle(theirs, 2))
    channels_last = features.to(memory_format=torch.channels_last)
    assert torch.equal(depth_to_space(channels_last, 2), depth_to_space(features, 2))


def test_he_init_keeps_the_power_of_the_signal():
    torch.manual_seed(0)
    layers = torch.nn.Sequential(*[Upscale(32, 32) for _ in range(4)])
    he_init(layers)
    power = layers(torch.randn(4, 32, 8, 8)).square().mean().item()
    assert 0.2 < power < 5
