"""Face autoencoders: importing this package fills the registry."""

from faceswap.models import amp, anchored, comb, modular, original, saehd, small
from faceswap.models.autoencoder import FaceAutoencoder, Reconstruction
from faceswap.models.registry import build_model, check_options, models

__all__ = [
    "FaceAutoencoder",
    "Reconstruction",
    "amp",
    "anchored",
    "build_model",
    "check_options",
    "comb",
    "models",
    "modular",
    "original",
    "saehd",
    "small",
]
