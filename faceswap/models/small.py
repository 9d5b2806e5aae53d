"""Face autoencoder for CPUs: recognisable swaps at 128 px after minutes on two cores.

All layers run on grids of 32x32 or smaller, where a CPU is compute-bound, not memory-bound: 4x4
blocks of pixels are folded into channels. The code between encoder and decoders is short, so that
it carries little besides pose and expression.
"""

from collections.abc import Sequence

from torch import nn

from faceswap.core.errors import ConfigError
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
from faceswap.models.registry import models


def compact_encoder() -> nn.Module:
    """Encoder for CPUs, ``(B, 3, S, S) -> (B, 384, S / 32, S / 32)``."""
    return nn.Sequential(
        Stem(96),
        Downscale(96, 160, kernel=3),
        Downscale(160, 256, kernel=3),
        Downscale(256, 384, kernel=3),
        UnitPower(),
    )


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
        size: Side of the faces in pixels, a multiple of 32.
        code: Number of elements of the code.
        mask: Whether the decoders also predict a face mask.

    Raises:
        ConfigError: The size is not a multiple of 32.
    """
    if size < 32 or size % 32:
        raise ConfigError(
            f"Expected a multiple of 32 as the face size of the model 'small', found {size}.",
            f"Use --set model.options.size={max(32, round(size / 32) * 32)}.",
        )
    side = size // 32
    inter = nn.Sequential(Bottleneck(384, side, code, 512, side), Upscale(512, 256))
    decoders = {name: _decoder(3 + mask) for name in identities}
    model = FaceAutoencoder(compact_encoder(), inter, decoders, input_size=size, output_size=size)
    compact_init(model)
    for layer in model.modules():
        if isinstance(layer, Head):
            smooth_shuffle_init(layer.conv, BLOCK)
            layer.conv.weight.data.mul_(0.3)
    return model
