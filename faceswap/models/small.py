"""Face autoencoder for CPUs: recognisable swaps at 128 px after minutes on two cores.

All layers run on grids of 32x32 or smaller, where a CPU is compute-bound, not memory-bound: 4x4
blocks of pixels are folded into channels. The code between encoder and decoders is short, so that
it carries little besides pose and expression.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.blocks import (
    BLOCK,
    Bottleneck,
    Downscale,
    Head,
    ResidualBlock,
    Stem,
    UnitPower,
    Upscale,
    compact_init,
    smooth_shuffle_init,
)
from faceswap.models.options import LARGEST_CODE, check_range, check_side
from faceswap.models.registry import models


def compact_encoder(scale: float = 1.0) -> nn.Module:
    """Encoder for CPUs, ``(B, 3, S, S) -> (B, 384, S / 32, S / 32)``.

    Args:
        scale: Factor on the number of channels of each layer.
    """
    first, *others = (round(width * scale) for width in (96, 160, 256, 384))
    layers = [Downscale(*pair, kernel=3) for pair in pairwise([first, *others])]
    return nn.Sequential(Stem(first), *layers, UnitPower())


def _decoder(channels: int) -> nn.Module:
    return nn.Sequential(
        Upscale(256, 160),
        ResidualBlock(160),
        Upscale(160, 96),
        ResidualBlock(96),
        Head(96, channels),
    )


@models.register
def small(
    identities: Sequence[str], size: int = 128, code: int = 256, *, mask: bool = False
) -> FaceAutoencoder:
    """Builds the model ``small``: about 15 million parameters for two identities.

    Args:
        identities: Names of the identities, in the order of a training batch.
        size: Side of the faces in pixels, a multiple of 32 up to 1024.
        code: Number of elements of the code.
        mask: Whether the decoders also predict a face mask.

    Raises:
        ConfigError: An option is out of range.
    """
    check_side("small", 32, 32, 1024, size=size)
    check_range("small", 1, LARGEST_CODE, code=code)
    side = size // 32
    inter = nn.Sequential(Bottleneck(384, side, code, 512, side), Upscale(512, 256))
    decoders = {name: _decoder(3 + mask) for name in identities}
    model = FaceAutoencoder(compact_encoder(), inter, decoders, input_size=size, output_size=size)
    compact_init(model)
    smooth_heads(model)
    return model


def smooth_heads(model: nn.Module) -> None:
    """Initialises each ``Head`` as smooth, and its images as close to grey."""
    for layer in model.modules():
        if isinstance(layer, Head):
            smooth_shuffle_init(layer.conv, BLOCK)
            layer.conv.weight.data.mul_(0.3)
