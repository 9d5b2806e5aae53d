"""Colour transfers from one face to another, by name.

A transfer measures parameters, a fixed number of them, and applies them. Results are linear in the
parameters in the colour space of the transfer: their mean over several frames is a transfer too.
"""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from faceswap.colour.affine import (
    AffineTransfer,
    deviation_gains,
    keep_contrast,
    monge_kantorovitch,
)
from faceswap.colour.curves import CurveTransfer
from faceswap.colour.transport import TransportTable
from faceswap.core.registry import Registry


class ColourTransfer(Protocol):
    """A colour transfer.

    Attributes:
        count: Number of parameters, P.
    """

    count: int

    def measure(self, faces: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Parameters that give faces the colours of ``targets``, ``(B, P) float32``.

        Args:
            faces: Faces to recolour, ``(B, 3, h, w) float32 RGB`` in [0, 1].
            targets: Faces whose colours they are to have, of the same shape.
            weights: Weight of each pixel, ``(B, 1, h, w)`` in [0, 1].
        """
        ...

    def apply(self, faces: Tensor, parameters: Tensor) -> Tensor:
        """Faces in the measured colours; they may leave [0, 1].

        Args:
            faces: Faces to recolour, of any size, ``(B, 3, H, W) float32 RGB`` in [0, 1].
            parameters: Parameters of each, ``(B, P)``.
        """
        ...


colour_transfers: Registry[Callable[[], ColourTransfer]] = Registry("colour transfer")


@colour_transfers.register
def none() -> ColourTransfer:
    """Changes nothing."""
    return _Unchanged()


@colour_transfers.register
def mean() -> ColourTransfer:
    """Matches the mean in CIE Lab."""
    return AffineTransfer(keep_contrast)


@colour_transfers.register
def lab() -> ColourTransfer:
    """Matches mean and standard deviation of each channel of CIE Lab (Reinhard et al. 2001)."""
    return AffineTransfer(deviation_gains)


@colour_transfers.register
def mkl() -> ColourTransfer:
    """Matches mean and covariance in CIE Lab (Pitie and Kokaram 2007)."""
    return AffineTransfer(monge_kantorovitch)


@colour_transfers.register
def histogram() -> ColourTransfer:
    """Matches the histogram of each channel of RGB."""
    return CurveTransfer()


@colour_transfers.register
def sot() -> ColourTransfer:
    """Matches the distribution in CIE Lab by sliced optimal transport (Bonneel et al. 2015)."""
    return TransportTable()


class _Unchanged:
    """Leaves faces as they are."""

    count = 0

    def measure(self, faces: Tensor, targets: Tensor, weights: Tensor) -> Tensor:  # noqa: ARG002
        """No parameters."""
        return faces.new_zeros(len(faces), 0)

    def apply(self, faces: Tensor, parameters: Tensor) -> Tensor:  # noqa: ARG002
        """The same faces."""
        return faces
