"""A face model of a few thousand weights."""

from torch import nn

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.blocks import Bottleneck, Downscale, Upscale


def tiny(identities):
    """Builds the model for identities, 16 pixels on each side."""

    def decoder():
        return nn.Sequential(Upscale(8, 8), nn.Dropout(0.1), nn.Conv2d(8, 3, 3, padding=1))

    encoder = nn.Sequential(Downscale(3, 8), Downscale(8, 16))
    inter = nn.Sequential(Bottleneck(16, 4, 16, 8, 8))
    return FaceAutoencoder(encoder, inter, {name: decoder() for name in identities}, 16, 16)
