"""A face after the network, before its colours are matched."""

from dataclasses import dataclass

from torch import Tensor

from faceswap.conversion.face_cut import FaceCut


@dataclass(frozen=True)
class DecodedFace:
    """A decoded face, with what the rest of the swap needs. All tensors are on one device.

    Attributes:
        cut: The face of the frame.
        image: Decoded face, ``(3, S, S) float32 RGB`` in [0, 1].
        target: The frame's own face, of the same size.
        mask: Soft mask, ``(1, M, M) float32`` in [0, 1].
        colours: Parameters of the colour match, ``(P,)``.
    """

    cut: FaceCut
    image: Tensor
    target: Tensor
    mask: Tensor
    colours: Tensor
