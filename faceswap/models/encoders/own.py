"""Registry of the encoders of the families in this package."""

from collections.abc import Callable

from torch import nn

from faceswap.core.registry import Registry
from faceswap.models.original import original_encoder
from faceswap.models.saehd.layers import Widths, architecture
from faceswap.models.small import compact_encoder

encoders: Registry[Callable[[int, float], nn.Module]] = Registry("encoder")
"""Functions ``(size, scale) -> encoder`` of faces ``(B, 3, size, size)``."""


@encoders.register
def original(_size: int, scale: float) -> nn.Module:
    """Encoder of ``original``: 1024 channels, a sixteenth of the size."""
    return original_encoder(round(128 * scale))


@encoders.register
def small(_size: int, scale: float) -> nn.Module:
    """Encoder of ``small``: 384 channels, a 32nd of the size."""
    return compact_encoder(scale)


@encoders.register
def df(size: int, scale: float) -> nn.Module:
    """Encoder of ``df`` and ``liae``: 512 channels, a sixteenth of the size."""
    return architecture("df", size, _widths(scale), "u").encoder()


@encoders.register
def df_t(size: int, scale: float) -> nn.Module:
    """Encoder of ``amp``, and of ``df`` and ``liae`` with ``t``: 512 channels, a 32nd."""
    return architecture("df", size, _widths(scale), "ut").encoder()


def _widths(scale: float) -> Widths:
    return Widths(encoder=round(64 * scale), decoder=64, mask=0)
