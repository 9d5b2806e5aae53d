"""The family ``modular``: any encoder, inter and decoder."""

from faceswap.models.modular.network import modular

__all__ = ["modular"]
