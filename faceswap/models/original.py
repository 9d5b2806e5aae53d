"""Face autoencoder of 2017: 64 px, 82 million parameters for two identities."""

from collections.abc import Sequence

from torch import nn

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.blocks import Bottleneck, Downscale, FaceAndMask, Upscale, he_init
from faceswap.models.convolution import Output
from faceswap.models.registry import models


def _encoder() -> nn.Module:
    return nn.Sequential(
        Downscale(3, 128), Downscale(128, 256), Downscale(256, 512), Downscale(512, 1024)
    )


def _inter() -> nn.Module:
    return nn.Sequential(Bottleneck(1024, 4, 1024, 1024, 4), Upscale(1024, 512))


def _decoder(channels: int) -> nn.Module:
    return nn.Sequential(
        Upscale(512, 256), Upscale(256, 128), Upscale(128, 64), Output(64, channels, 5)
    )


@models.register
def original(identities: Sequence[str], *, mask: bool = False) -> FaceAutoencoder:
    """Builds the model ``original``: 5x5 convolutions to 4x4x1024, a code of 1024, 3 upscales.

    Args:
        identities: Names of the identities, in the order of a training batch.
        mask: Whether each decoder also predicts a face mask, by layers of its own.
    """
    decoders = {
        name: FaceAndMask(_decoder(3), _decoder(1)) if mask else _decoder(3) for name in identities
    }
    model = FaceAutoencoder(_encoder(), _inter(), decoders, input_size=64, output_size=64)
    he_init(model)
    return model
