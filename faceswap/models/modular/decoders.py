"""Registry of the decoders of ``modular``."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

from faceswap.core.registry import Registry
from faceswap.models.blocks import BLOCK, Head, ResidualBlock, Upscale
from faceswap.models.comb.levels import upscale_by_pixels
from faceswap.models.convolution import Output

decoders: Registry[Callable[[Sequence[int], int], nn.Module]] = Registry("decoder")
"""Functions ``(channels, outputs) -> decoder``: the channels of the features and after each
doubling of the size, and the number of channels of the image."""


@decoders.register
def subpixel(channels: Sequence[int], outputs: int) -> nn.Module:
    """Pixel shuffles, as in ``original``."""
    upscales = [Upscale(*pair) for pair in pairwise(channels)]
    return nn.Sequential(*upscales, Output(channels[-1], outputs, 5))


@decoders.register
def residual(channels: Sequence[int], outputs: int) -> nn.Module:
    """Pixel shuffles and residual blocks, as in ``df``."""
    return nn.Sequential(*_with_residuals(channels), Output(channels[-1], outputs, 1))


@decoders.register
def compact(channels: Sequence[int], outputs: int) -> nn.Module:
    """Pixel shuffles and residual blocks up to a quarter of the size, as in ``small``."""
    doublings = BLOCK.bit_length() - 1
    kept = channels[:-doublings]
    return nn.Sequential(*_with_residuals(kept), Head(kept[-1], outputs))


@decoders.register
def resize(channels: Sequence[int], outputs: int) -> nn.Module:
    """Repeated pixels and two convolutions at each size, as in ``comb``."""
    upscales = [upscale_by_pixels(*pair) for pair in pairwise(channels)]
    return nn.Sequential(*upscales, Output(channels[-1], outputs, 1))


def _with_residuals(channels: Sequence[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, width in pairwise(channels):
        layers += [Upscale(inputs, width), ResidualBlock(width)]
    return layers
