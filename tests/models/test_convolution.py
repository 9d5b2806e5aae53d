import pytest
import torch
import torch.nn.functional as F

from faceswap.models.convolution import Conv2d


@pytest.mark.parametrize(
    ("inputs", "outputs", "kernel", "stride", "side"),
    [(512, 256, 5, 2, 8), (256, 512, 3, 1, 8), (1024, 128, 3, 1, 5), (300, 400, 3, 2, 16)],
)
def test_product_equals_convolution(inputs, outputs, kernel, stride, side, monkeypatch):
    torch.manual_seed(0)
    layer = Conv2d(inputs, outputs, kernel, stride)
    image = torch.randn(2, inputs, side, side).to(memory_format=torch.channels_last)

    def run():
        x = image.clone().requires_grad_()
        y = layer(x)
        layer.zero_grad()
        (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
        assert layer.weight.grad is not None
        return y.detach(), x.grad, layer.weight.grad.clone(), layer.bias.grad

    assert layer._as_product(image)
    product = run()
    monkeypatch.setattr(Conv2d, "_as_product", lambda self, image: False)
    for ours, theirs in zip(product, run(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_same_padding_is_tensorflows():
    layer = Conv2d(1, 1, 5, 2)
    torch.nn.init.ones_(layer.weight)
    layer.bias.data.zero_()
    image = torch.zeros(1, 1, 8, 8)
    image[0, 0, 7, 7] = 1
    # The last window reaches from 5 to 9, of which 8 and 9 are padding: 1 before, 2 after.
    expected = F.conv2d(F.pad(image, (1, 2, 1, 2)), torch.ones(1, 1, 5, 5), stride=2)
    torch.testing.assert_close(layer(image), expected)
    assert layer(image).shape == (1, 1, 4, 4)
    image = torch.zeros(1, 1, 8, 8)
    image[0, 0, 3, 3] = 1
    # Pixel 3 is seen by the windows that begin at -1, 1 and 3: outputs 0, 1 and 2.
    assert layer(image)[0, 0].sum(0).tolist() == [3, 3, 3, 0]
