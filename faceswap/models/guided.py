"""Guided face autoencoders: their decoders are shown real crops of the identity.

This is all that training and conversion know of them; what a decoder does with the crops is up to
its family.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import Tensor, nn

from faceswap.models.autoencoder import FaceAutoencoder, Reconstruction
from faceswap.models.guides import Guides
from faceswap.models.references import References


class GuidedAutoencoder(FaceAutoencoder, ABC):
    """Encodes any face, and decodes it with the geometry and the references of its guides.

    Args:
        encoder: Encoder, ``(B, 3, S, S) -> (B, C, H, W)`` features.
        inter: Shared layers between encoder and decoders.
        decoders: Decoder of each identity.
        size: Side S of the faces in training in pixels.
        detail: Side of the swapped faces in pixels.

    Attributes:
        detail: Side of the swapped faces in pixels.
        references: References of each identity, empty in a new model.
    """

    def __init__(
        self,
        encoder: nn.Module,
        inter: nn.Module,
        decoders: Mapping[str, nn.Module],
        size: int,
        detail: int,
    ) -> None:
        super().__init__(encoder, inter, decoders, size, size)
        self.detail = detail
        self.references = nn.ModuleList(References() for _ in decoders)

    def references_of(self, name: str) -> References:
        """The references of an identity.

        Raises:
            IdentityError: The identity is unknown.
        """
        self.check_identity(name)
        references = self.references[self.identities.index(name)]
        assert isinstance(references, References)
        return references

    @abstractmethod
    def forward(
        self, faces: Tensor, swaps: int = 0, guides: Guides | None = None
    ) -> Reconstruction:
        """Reconstructs each identity's faces with its own decoder, using every parameter.

        Args:
            faces: Faces, ``(I, B, 3, S, S) float32 RGB`` in [0, 1], identity-major.
            swaps: Not supported: 0.
            guides: Geometry and references of the faces, ``(I, B, ...)``.

        Returns:
            Reconstruction with ``face (I, B, 3, S, S)``, ``mask (I, B, 1, S, S)``,
            ``penalty (I, B)`` and ``codes (I, B, ...)``.
        """

    @abstractmethod
    def swap(
        self, faces: Tensor, to: str, guides: Guides | None = None, detail: int | None = None
    ) -> Reconstruction:
        """Decodes faces with the geometry and the references of ``guides``, which are needed.

        Otherwise as ``FaceAutoencoder.swap``. Faces and masks have ``detail`` pixels.
        """
