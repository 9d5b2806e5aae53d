"""Face autoencoders with one decoder for all identities, which differ by their inters."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from faceswap.models.autoencoder import FaceAutoencoder


class SharedDecoderAutoencoder(FaceAutoencoder, ABC):
    """Encodes any face; inters turn its code into features of an identity for the one decoder.

    Args:
        encoder: Encoder, ``(B, 3, S, S) -> (B, C, H, W)`` features.
        inter: Layers that all identities share.
        inters: Layers that belong to one identity, by its name.
        decoder: Decoder of all identities, features -> ``(B, 3 or 4, S, S)`` logits.
        identities: Names of the identities, in the order of a training batch.
        size: Side S of the faces in pixels.
        output_size: Side of the decoded faces in pixels; None for the same.
    """

    def __init__(
        self,
        encoder: nn.Module,
        inter: nn.Module,
        inters: Mapping[str, nn.Module],
        decoder: nn.Module,
        identities: Sequence[str],
        size: int,
        output_size: int | None = None,
    ) -> None:
        decoders = {"shared": decoder}
        super().__init__(encoder, inter, decoders, size, output_size or size, identities)
        self.inters = nn.ModuleList(inters.values())
        self._owners = tuple(inters)

    @abstractmethod
    def features(self, codes: Tensor, number: int) -> Tensor:
        """Features of faces as one identity, the input of the decoder.

        Args:
            codes: Codes of the faces, from ``encode``.
            number: Place of the identity in ``identities``.
        """

    def decode(self, codes: Tensor, number: int) -> Tensor:
        """Logits of the codes of faces decoded as one identity."""
        return self.decoders[0](self.features(codes, number))

    def parts(self) -> dict[str, nn.Module]:
        """The parts by which weights are taken from other models, and frozen.

        Returns:
            Modules by name: ``encoder``, ``inter``, ``inter.NAME`` of each identity that has its
            own, and ``decoder``.
        """
        shared = {"encoder": self.encoder, "inter": self.inter, "decoder": self.decoders[0]}
        own = zip(self._owners, self.inters, strict=True)
        return shared | {f"inter.{name}": inter for name, inter in own}
