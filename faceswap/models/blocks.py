"""Layers of the face autoencoders.

Inputs and outputs are ``(B, C, H, W)`` tensors in any memory format.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap.models.convolution import Conv2d, Output
from faceswap.models.options import check_dense

BLOCK = 4
"""Side of the blocks of pixels that ``Stem`` and ``Head`` fold into channels."""


class Downscale(nn.Module):
    """Halves height and width: a strided convolution and an activation.

    ``(B, in, H, W) -> (B, out, H // 2, W // 2)``.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels.
        kernel: Kernel size, odd.
        slope: Slope of the LeakyReLU below zero; None for ``x cos x``.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int = 5, slope: float | None = 0.1
    ) -> None:
        super().__init__()
        self.conv = Conv2d(inputs, outputs, kernel, stride=2)
        self.slope = slope

    def forward(self, features: Tensor) -> Tensor:
        """Applies the block."""
        return _activate(self.conv(features), self.slope)


class Upscale(nn.Module):
    """Doubles height and width: 3x3 convolution, activation, pixel shuffle (Shi et al., 2016).

    ``(B, in, H, W) -> (B, out, 2 H, 2 W)``.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels.
        slope: Slope of the LeakyReLU below zero; None for ``x cos x``.
    """

    def __init__(self, inputs: int, outputs: int, slope: float | None = 0.1) -> None:
        super().__init__()
        self.conv = Conv2d(inputs, outputs * 4)
        self.slope = slope

    def forward(self, features: Tensor) -> Tensor:
        """Applies the block."""
        return depth_to_space(_activate(self.conv(features), self.slope), 2)


def depth_to_space(features: Tensor, factor: int) -> Tensor:
    """Pixel shuffle with TensorFlow's channel order: ``(B, r * r * C, H, W) -> (B, C, rH, rW)``.

    The channel index varies fastest, so that whole pixels of channels_last features are copied.
    torch's order copies single channels and is slower on a CPU.
    """
    batch, _, height, width = features.shape
    blocks = features.permute(0, 2, 3, 1).reshape(batch, height, width, factor, factor, -1)
    rows = blocks.transpose(2, 3).reshape(batch, height * factor, width * factor, -1)
    return rows.permute(0, 3, 1, 2)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al., 2016), ``(B, C, H, W)`` both ways.

    Args:
        channels: Number of input and output channels.
        slope: Slope of the LeakyReLUs below zero; None for ``x cos x``.
    """

    def __init__(self, channels: int, slope: float | None = 0.2) -> None:
        super().__init__()
        self.first = Conv2d(channels, channels)
        self.second = Conv2d(channels, channels)
        self.slope = slope

    def forward(self, features: Tensor) -> Tensor:
        """Applies the block."""
        inner = _activate(self.first(features), self.slope)
        return _activate(features + self.second(inner), self.slope)


def _activate(features: Tensor, slope: float | None) -> Tensor:
    if slope is None:
        return features * features.cos()
    return F.leaky_relu(features, slope, inplace=True)


class Bottleneck(nn.Module):
    """Two dense layers that remove spatial structure.

    ``(B, in, S, S) -> (B, out, G, G)``. Position is kept only as far as the code represents it,
    which lets a decoder produce another identity from it.

    Args:
        inputs: Number of input channels.
        side: Height and width of the input features.
        code: Number of elements of the code between the layers.
        outputs: Number of output channels.
        grid: Height and width of the output features.

    Raises:
        ConfigError: A layer would have more weights than ``options.MOST_WEIGHTS``.
    """

    def __init__(self, inputs: int, side: int, code: int, outputs: int, grid: int) -> None:
        super().__init__()
        check_dense(inputs * side * side, code)
        check_dense(code, outputs * grid * grid)
        self.narrow = nn.Linear(inputs * side * side, code)
        self.widen = nn.Linear(code, outputs * grid * grid)
        self.shape = (outputs, grid, grid)

    def forward(self, features: Tensor) -> Tensor:
        """Applies the block."""
        return self.widen(self.narrow(features.flatten(1))).unflatten(1, self.shape)


class Stem(nn.Module):
    """Folds blocks of pixels into channels, and a 3x3 convolution with a LeakyReLU.

    ``(B, in, H, W) -> (B, out, H / BLOCK, W / BLOCK)``.

    Args:
        outputs: Number of output channels.
        inputs: Number of input channels.
    """

    def __init__(self, outputs: int, inputs: int = 3) -> None:
        super().__init__()
        self.conv = Conv2d(inputs * BLOCK**2, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """Applies the block."""
        return F.leaky_relu(self.conv(space_to_depth(images, BLOCK)), 0.1, inplace=True)


class Head(nn.Module):
    """The reverse of ``Stem``, without activation: ``(B, in, H, W) -> (B, out, BLOCK H, BLOCK W)``.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = Output(inputs, outputs * BLOCK**2)

    def forward(self, features: Tensor) -> Tensor:
        """Applies the block."""
        return depth_to_space(self.conv(features), BLOCK)


class UnitPower(nn.Module):
    """Scales each face's features to a mean square of 1 (Karras et al., 2018)."""

    def forward(self, features: Tensor) -> Tensor:
        """Applies the block."""
        power = features.float().square().mean((1, 2, 3), keepdim=True)
        return features * (power + 1e-6).rsqrt().to(features.dtype)


class FaceAndMask(nn.Module):
    """Decodes a face and its mask by separate layers: ``(B, in, H, W) -> (B, 4, s, s)`` logits.

    Args:
        face: Layers of the face, ``(B, in, H, W) -> (B, 3, s, s)``.
        mask: Layers of the mask, ``(B, in, H, W) -> (B, 1, s, s)``.
    """

    def __init__(self, face: nn.Module, mask: nn.Module) -> None:
        super().__init__()
        self.face, self.mask = face, mask

    def forward(self, features: Tensor) -> Tensor:
        """Applies the block."""
        return torch.cat([self.face(features), self.mask(features)], 1)


def space_to_depth(images: Tensor, factor: int) -> Tensor:
    """The inverse of ``depth_to_space``: ``(B, C, rH, rW) -> (B, r * r * C, H, W)``."""
    batch, channels, height, width = images.shape
    rows = images.permute(0, 2, 3, 1).reshape(
        batch, height // factor, factor, width // factor, factor, channels
    )
    blocks = rows.transpose(2, 3).reshape(batch, height // factor, width // factor, -1)
    return blocks.permute(0, 3, 1, 2)


@torch.no_grad()
def he_init(module: nn.Module, slope: float = 0.1) -> None:
    """He initialisation of convolutions, Glorot's of dense layers (He et al., 2015).

    torch's default keeps a third of the signal's power per layer, too little for a network of this
    depth without normalisation.
    """
    for layer in module.modules():
        if isinstance(layer, Conv2d):
            nn.init.kaiming_uniform_(layer.filters, a=slope)
        elif isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
        else:
            continue
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def compact_init(module: nn.Module, slope: float = 0.1) -> None:
    """``he_init``, with residual blocks close to the identity and smooth upscales.

    Depth then does not slow the first steps.
    """
    he_init(module, slope)
    for layer in module.modules():
        if isinstance(layer, ResidualBlock):
            layer.second.weight.data.mul_(0.2)
        elif isinstance(layer, Upscale):
            smooth_shuffle_init(layer.conv, 2)


@torch.no_grad()
def smooth_shuffle_init(conv: Conv2d, factor: int) -> None:
    """Initialises a pixel shuffle as nearest-neighbour upsampling, without checkerboard artefacts.

    After Aitken et al. (2017), "Checkerboard artifact free sub-pixel convolution".
    """
    one = conv.weight[: len(conv.weight) // factor**2]
    conv.weight.copy_(one.repeat(factor**2, 1, 1, 1))
