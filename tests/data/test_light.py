import math

import torch

from faceswap.core.seeding import generator
from faceswap.data.light import apply_light, sample_light


def test_light_changes_from_the_middle_to_the_edges():
    grey = torch.full((1, 3, 4, 4), 0.5)
    light = torch.zeros(1, 3, 3)
    light[0, 0, 0] = math.log(1.2)  # red: brighter everywhere
    light[0, 1, 1] = math.log(2)  # green: doubled at the right edge, halved at the left one
    light[0, 2, 2] = math.log(1.5)  # blue: brighter downwards
    red, green, blue = apply_light(grey, light)[0]
    torch.testing.assert_close(red, torch.full((4, 4), 0.6))
    # The pixel centres of four pixels lie at -3/4, -1/4, 1/4 and 3/4.
    across = torch.tensor([0.5 * 2 ** (place / 4) for place in (-3, -1, 1, 3)])
    torch.testing.assert_close(green, across.expand(4, -1).clamp(max=1))
    assert (blue.diff(dim=0) > 0).all()
    assert (blue.diff(dim=1) == 0).all()


def test_no_strength_is_no_change():
    assert not sample_light(generator(0, "light"), 0.0).any()


def test_slopes_are_common_to_the_channels():
    light = sample_light(generator(0, "light"), 1.0)
    assert light.shape == (3, 3)
    assert (light[0, 1:] == light[1, 1:]).all()
    assert len(set(light[:, 0].tolist())) == 3
