"""The networks of SAEHD: what distinguishes their options, and who shares what in ``liae``."""

import pytest
import torch

from faceswap.core.errors import ConfigError
from faceswap.models import build_model
from faceswap.models.blocks import Downscale
from faceswap.models.saehd.layers import Subpixels, Widths, architecture
from faceswap.models.saehd.network import Liae

SMALL = {"size": 64, "ae_dims": 16, "e_dims": 4, "d_dims": 4, "d_mask_dims": 2}
NAMES = ("alice", "bob", "carol")


def tiny(name="liae", identities=NAMES, **options):
    torch.manual_seed(0)
    return build_model(name, identities, SMALL | options)


def faces(count=2, size=64):
    return torch.rand(count, 3, size, size)


@pytest.mark.parametrize(
    ("archi", "side", "grid"), [("", 10, 10), ("d", 10, 5), ("t", 5, 10), ("dt", 5, 5)]
)
def test_sides_of_code_and_grid(archi, side, grid):
    net = architecture("df", 160, Widths(4, 4, 2), archi)
    code = net.encoder()(faces(size=160))
    assert code.shape == (2, 32, side, side)
    features = net.inter(8, 6)(code)
    assert features.shape == (2, 6, grid * (1 if "t" in archi else 2), features.shape[-1])
    assert net.decoder(6)(features).shape == (2, 4, 160, 160)


def test_sizes_that_32_does_not_divide():
    model = tiny("df", size=80, archi="ut")
    assert model(faces(6, 80).unflatten(0, (3, 2))).face.shape == (3, 2, 3, 80, 80)


def test_u_makes_codes_independent_of_contrast():
    image = faces()
    for archi, ratio in (("u", 1.0), ("", 0.5)):
        net = architecture("df", 64, Widths(4, 4, 2), archi)
        encoder = net.encoder()
        net.initialise(encoder)
        whole, half = (encoder(each).square().mean() ** 0.5 for each in (image, image / 2))
        assert (half / whole).item() == pytest.approx(ratio, rel=0.01)


def test_c_activates_by_x_cos_x():
    first, image = next(architecture("df", 64, Widths(4, 4, 2), "c").encoder().children()), faces()
    assert isinstance(first, Downscale)
    x = first.conv(image)
    torch.testing.assert_close(first(image), x * torch.cos(x))


def test_subpixels_are_interleaved():
    head = Subpixels(5)
    features = torch.rand(1, 5, 6, 6)
    image = head(features)
    torch.testing.assert_close(image[:, :, ::2, ::2], head.first(features))
    others = head.others(features)
    torch.testing.assert_close(image[:, :, ::2, 1::2], others[:, :3])
    torch.testing.assert_close(image[:, :, 1::2, ::2], others[:, 3:6])
    torch.testing.assert_close(image[:, :, 1::2, 1::2], others[:, 6:])


def test_new_models_decode_no_checkerboard():
    model = tiny("df", archi="ud").eval()
    image = model.swap(faces(), "bob").face
    first = image[:, :, ::2, ::2]
    for row, column in ((0, 1), (1, 0), (1, 1)):
        torch.testing.assert_close(image[:, :, row::2, column::2], first)


def test_liae_of_two_is_the_classic_one():
    model = tiny(identities=("alice", "bob")).eval()
    assert isinstance(model, Liae)
    image = faces()
    code = model.encoder(image)
    (inter_b,), inter_ab = model.inters, model.inter
    decoder = model.decoders[0]
    for to, first in (("alice", inter_ab), ("bob", inter_b)):
        expected = decoder(torch.cat([first(code), inter_ab(code)], 1))
        torch.testing.assert_close(model.swap(image, to).face, expected[:, :3].sigmoid())


def test_each_identity_of_liae_trains_its_own_inter_and_what_all_share():
    model = tiny().train()
    for number in range(3):
        model.zero_grad()
        model.decode(model.encode(faces()), number).square().sum().backward()
        trained = {
            name
            for name, part in model.parts().items()
            if all(p.grad is not None and p.grad.any() for p in part.parameters())
        }
        own = {f"inter.{NAMES[number]}"} if number else set()
        assert trained == {"encoder", "inter", "decoder"} | own


@pytest.mark.parametrize(
    ("options", "expected", "hint"),
    [
        ({"archi": "ux"}, "u, d, t, c", "archi=ud"),
        ({"archi": "uu"}, "u, d, t, c", "archi=ud"),
        ({"size": 72}, "multiple of 32", "size=64"),
        ({"size": 72, "archi": "ut"}, "multiple of 16", "size=64"),
        ({"size": 48}, "from 64 to 640", "size=64"),
        ({"size": 672}, "from 64 to 640", "size=640"),
        ({"ae_dims": 0}, "ae_dims", "ae_dims=64"),
        ({"d_mask_dims": -1, "mask": False}, "d_mask_dims", "d_mask_dims=64"),
    ],
)
@pytest.mark.parametrize("name", ["df", "liae"])
def test_options_out_of_range_are_refused(name, options, expected, hint):
    with pytest.raises(ConfigError, match=expected) as caught:
        tiny(name, **options)
    assert hint in caught.value.hint
