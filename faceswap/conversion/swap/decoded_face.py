"""A face after the network, before its colours are matched."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.swap.face_cut import FaceCut


@dataclass(frozen=True)
class DecodedFace:
    """A decoded face, with what the rest of the swap needs. All tensors are on one device.

    Attributes:
        cut: The face of the frame.
        image: Decoded face, ``(3, S, S) float32 RGB`` in [0, 1].
        target: The frame's own face, ``(3, d, d) float32 RGB`` in [0, 1].
        mask: Soft mask, ``(1, M, M) float32`` in [0, 1].
        parameters: Measurements that are averaged over a track, ``(P,)``: the parameters of the
            colour match, then the missing softness.
        motion: Movement from one frame to the next, ``(2,)`` in pixels of the frame.
    """

    cut: FaceCut
    image: Tensor
    target: Tensor
    mask: Tensor
    parameters: Tensor
    motion: NDArray[np.floating] = field(default_factory=lambda: np.zeros(2))

    @property
    def track(self) -> tuple[int, str]:
        """Track and target identity, which faces of one track have in common."""
        return self.cut.face.track, self.cut.face.to
