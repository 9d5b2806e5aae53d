"""Face autoencoder whose decoders correct warped real crops of their identity."""

from faceswap.models.anchored.network import AnchoredAutoencoder

__all__ = ["AnchoredAutoencoder"]
