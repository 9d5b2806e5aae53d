import torch

from faceswap.models.anchored.decoder import AnchoredDecoder
from faceswap.models.guides import SLOTS


def test_a_new_decoder_corrects_nothing():
    torch.manual_seed(0)
    decoder = AnchoredDecoder(8)
    with torch.no_grad():
        corrections = decoder(
            torch.randn(2, 8, 4, 4),
            torch.randn(2, 6, 4, 4),
            torch.rand(2, SLOTS, 4, 64, 64),
            torch.rand(2, SLOTS, 16, 16),
            torch.rand(2, 2, 16, 16),
        )
    assert corrections.weights.shape == (2, SLOTS, 16, 16)
    assert corrections.flow.shape == (2, SLOTS, 2, 16, 16)
    assert corrections.light.shape == (2, 6, 8, 8)
    assert corrections.residual.shape == (2, 3, 64, 64)
    assert corrections.gate.shape == corrections.mask.shape == (2, 1, 64, 64)
    for name, values in corrections._asdict().items():
        assert values.abs().max() < 0.2, name


def test_every_parameter_takes_part():
    torch.manual_seed(0)
    decoder = AnchoredDecoder(8)
    corrections = decoder(
        torch.randn(1, 8, 4, 4),
        torch.randn(1, 6, 4, 4),
        torch.rand(1, SLOTS, 4, 64, 64),
        torch.rand(1, SLOTS, 16, 16),
        torch.rand(1, 2, 16, 16),
    )
    torch.stack([values.square().sum() for values in corrections]).sum().backward()
    for name, parameter in decoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_a_reference_without_weight_is_not_seen():
    torch.manual_seed(0)
    decoder = AnchoredDecoder(8).eval()
    code, colours = torch.randn(1, 8, 4, 4), torch.randn(1, 6, 4, 4)
    seen, regions = torch.rand(1, SLOTS, 4, 64, 64), torch.rand(1, 2, 16, 16)
    weights = torch.tensor([1.0, 0.0, 0.5, 0.5])[None, :, None, None].expand(1, SLOTS, 16, 16)
    exchanged = seen.clone()
    exchanged[:, 1] = torch.rand(1, 4, 64, 64)
    with torch.no_grad():
        before, after = (
            decoder(code, colours, each, weights, regions) for each in (seen, exchanged)
        )
    for name, values in before._asdict().items():
        torch.testing.assert_close(getattr(after, name), values, msg=name)
