"""Face autoencoder of 2017: 64 px, 82 million parameters for two identities."""

from collections.abc import Sequence

from torch import nn

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.blocks import Bottleneck, Downscale, FaceAndMask, Upscale, he_init
from faceswap.models.convolution import Output
from faceswap.models.options import check_range
from faceswap.models.registry import models


def original_encoder(width: int) -> nn.Module:
    """Encoder, ``(B, 3, S, S) -> (B, 8 * width, S / 16, S / 16)``."""
    return nn.Sequential(
        Downscale(3, width),
        Downscale(width, 2 * width),
        Downscale(2 * width, 4 * width),
        Downscale(4 * width, 8 * width),
    )


def _inter(width: int) -> nn.Module:
    code = 8 * width
    return nn.Sequential(Bottleneck(code, 4, code, code, 4), Upscale(code, 4 * width))


def _decoder(width: int, channels: int) -> nn.Module:
    last = (width + 1) // 2
    return nn.Sequential(
        Upscale(4 * width, 2 * width),
        Upscale(2 * width, width),
        Upscale(width, last),
        Output(last, channels, 5),
    )


@models.register
def original(identities: Sequence[str], width: int = 128, *, mask: bool = False) -> FaceAutoencoder:
    """Builds the model ``original``: 5x5 convolutions to 4x4x1024, a code of 1024, 3 upscales.

    Args:
        identities: Names of the identities, in the order of a training batch.
        width: Number of channels of the first layer, 1 to 1024, from which those of all others
            follow.
        mask: Whether each decoder also predicts a face mask, by layers of its own.

    Raises:
        ConfigError: The width is out of range.
    """
    check_range("original", 1, 1024, width=width)
    decoders = {name: _decoder(width, 3) for name in identities}
    if mask:
        decoders = {name: FaceAndMask(face, _decoder(width, 1)) for name, face in decoders.items()}
    encoder, inter = original_encoder(width), _inter(width)
    model = FaceAutoencoder(encoder, inter, decoders, input_size=64, output_size=64)
    he_init(model)
    return model
