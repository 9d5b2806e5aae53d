"""Networks that terms of the loss are computed with."""

from dataclasses import dataclass

from torch import Tensor

from faceswap.recognizers.embedder import Embedder
from faceswap.training.losses.lpips import Lpips


@dataclass(frozen=True)
class IdentityNetwork:
    """A recognition network, and what it makes of the identities of a training.

    Attributes:
        embedder: The network.
        coverage: Side of the training crops, in face squares.
        means: Mean embedding of the faces of each identity, ``(I, D)`` of length 1.
        targets: Whether each identity is one person, ``(I,) bool``: the mean of a crowd is nobody.
    """

    embedder: Embedder
    coverage: float
    means: Tensor
    targets: Tensor

    def to_target(self, predicted: Tensor, target: Tensor) -> Tensor:
        """Cosine distance of the embeddings of two images, ``(...)`` in [0, 2].

        Args:
            predicted: Predicted images, ``(..., 3, H, W) float32 RGB`` in [0, 1].
            target: Target images, of the same shape.
        """
        return self._distance(predicted, self.embedder(target, self.coverage))

    def to_identity(self, swapped: Tensor) -> Tensor:
        """Cosine distance of swaps from the mean of their identity, ``(I, M)`` in [0, 2].

        It is 0 for swaps to the crowd.

        Args:
            swapped: Faces decoded as each identity, ``(I, M, 3, H, W) float32 RGB`` in [0, 1].
        """
        return self._distance(swapped, self.means[:, None]) * self.targets[:, None]

    def _distance(self, predicted: Tensor, wanted: Tensor) -> Tensor:
        return 1 - (self.embedder(predicted, self.coverage) * wanted).sum(-1)


@dataclass(frozen=True)
class LossNetworks:
    """Networks of the terms that need one, on the device of the training.

    Attributes:
        lpips: LPIPS; None if no term needs it.
        identity: Recognition network; None if no term needs it.
    """

    lpips: Lpips | None = None
    identity: IdentityNetwork | None = None


NO_NETWORKS = LossNetworks()
"""For losses without such terms."""
