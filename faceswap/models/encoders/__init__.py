"""Encoders by name, for the families whose encoder is an option."""

from faceswap.models.encoders.building import BuiltEncoder, build_encoder, initialise_encoder
from faceswap.models.encoders.weights import load_published

__all__ = ["BuiltEncoder", "build_encoder", "initialise_encoder", "load_published"]
