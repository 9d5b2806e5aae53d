"""The one model class: a shared encoder and inter, and a decoder for each identity."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from faceswap.core.errors import IdentityError


class Reconstruction(NamedTuple):
    """What decoders draw.

    Attributes:
        face: ``(..., 3, H, W) float32 RGB in [0, 1]``.
        mask: ``(..., 1, H, W) float32 in [0, 1]``, 1 where the face is, or None when the decoders
            do not predict it.
        swapped: ``(I, M, 3, H, W)``: the first M faces of each identity's neighbour, drawn as that
            identity; or None.
    """

    face: Tensor
    mask: Tensor | None
    swapped: Tensor | None = None


class FaceAutoencoder(nn.Module):
    """Encodes any face, and draws it as one of the identities it was trained on.

    A face is swapped by encoding one person and decoding with another's decoder. All share the
    encoder, which should describe what they have in common, pose and expression; it may still
    describe them differently for each person, which training on matched faces works against.

    Args:
        encoder: ``(B, 3, S, S) -> (B, C, H, W)`` features.
        inter: Shared layers between encoder and decoders, features -> features.
        decoders: For each identity, features -> ``(B, 3 or 4, s, s)`` logits; a fourth channel is
            the mask. The order is that of the identities in a training batch.
        input_size: S, side of the faces going in, in pixels.
        output_size: s, side of the faces coming out, in pixels.
    """

    def __init__(
        self,
        encoder: nn.Module,
        inter: nn.Module,
        decoders: Mapping[str, nn.Module],
        input_size: int,
        output_size: int,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.inter = inter
        # A list, since a ModuleDict refuses names like "items" or "train" that a person may choose.
        self.decoders = nn.ModuleList(decoders.values())
        self.identities = tuple(decoders)
        self.input_size = input_size
        self.output_size = output_size

    def forward(self, faces: Tensor, swaps: int = 0) -> Reconstruction:
        """Reconstructs each identity's faces with its own decoder, using every parameter.

        Args:
            faces: ``(I, B, 3, S, S) float32 RGB in [0, 1]``, identity-major.
            swaps: How many of the first faces are also drawn as the next identity.

        Returns:
            ``face (I, B, 3, s, s)``, ``mask (I, B, 1, s, s)`` or None, and ``swapped
            (I, swaps, 3, s, s)`` if there are any.
        """
        codes = self.encode(faces.flatten(0, 1)).unflatten(0, faces.shape[:2])
        # An identity's decoder draws its own faces and its neighbour's first ones in one pass.
        shown = torch.cat([codes, codes.roll(1, 0)[:, :swaps]], 1) if swaps else codes
        drawn = [decode(code) for decode, code in zip(self.decoders, shown, strict=True)]
        whole = _as_reconstruction(torch.stack(drawn))
        if not swaps:
            return whole
        own = faces.shape[1]
        mask = None if whole.mask is None else whole.mask[:, :own]
        return Reconstruction(whole.face[:, :own], mask, whole.face[:, own:])

    def encode(self, faces: Tensor) -> Tensor:
        """Features of faces ``(B, 3, S, S)`` that any of the decoders understands."""
        return self.inter(self.encoder(faces.contiguous(memory_format=torch.channels_last)))

    def swap(self, faces: Tensor, to: str) -> Reconstruction:
        """Draws faces as an identity, without gradients.

        Args:
            faces: ``(B, 3, S, S) float32 RGB in [0, 1]`` of anyone.
            to: Whom to draw.

        Raises:
            IdentityError: The model does not know ``to``.
        """
        self.check_identity(to)
        with torch.inference_mode():
            decoder = self.decoders[self.identities.index(to)]
            return _as_reconstruction(decoder(self.encode(faces)))

    def check_identity(self, name: str) -> None:
        """Makes sure that the model can draw an identity.

        Raises:
            IdentityError: It cannot.
        """
        if name not in self.identities:
            raise IdentityError(
                f"The model has no identity called {name!r}.",
                f"It has: {', '.join(self.identities)}.",
            )


def _as_reconstruction(logits: Tensor) -> Reconstruction:
    # In float32 even under autocast: bf16 has no more than 8 bits between 0.5 and 1.
    drawn = torch.sigmoid(logits.float())
    face, mask = drawn[..., :3, :, :], drawn[..., 3:, :, :]
    return Reconstruction(face, mask if mask.shape[-3] else None)
