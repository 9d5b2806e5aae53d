"""Face autoencoder: shared encoder and intermediate layers, and one decoder per identity."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from faceswap.core.errors import IdentityError
from faceswap.models.guides import Guides


class Reconstruction(NamedTuple):
    """Output of the decoders.

    Attributes:
        face: Decoded faces, ``(..., 3, H, W) float32 RGB`` in [0, 1].
        mask: Predicted face masks, ``(..., 1, H, W) float32`` in [0, 1], 1 inside the face; None
            if the decoders do not predict them.
        swapped: Swaps, ``(I, M, 3, H, W) float32 RGB`` in [0, 1]: the first M faces of the
            preceding identity decoded as identity i; None without swaps.
        penalty: Regularisation of the decoders, ``(I, B)``, added to the loss; None without any.
        codes: Features of the faces from ``encode``, ``(I, B, ...)``; None outside training.
    """

    face: Tensor
    mask: Tensor | None
    swapped: Tensor | None = None
    penalty: Tensor | None = None
    codes: Tensor | None = None


class FaceAutoencoder(nn.Module):
    """Encodes any face and decodes it as one of the identities it was trained on.

    A face is swapped by encoding it and decoding with another identity's decoder. The shared
    encoder should represent what identities have in common, pose and expression. Its codes may
    still differ between identities; training on matched pairs reduces that.

    Args:
        encoder: Encoder, ``(B, 3, S, S) -> (B, C, H, W)`` features.
        inter: Shared layers between encoder and decoders, features -> features.
        decoders: Decoder of each identity, features -> ``(B, 3 or 4, s, s)`` logits; the optional
            fourth channel is the mask. Ordered as the identities of a training batch.
        input_size: Side S of the input faces in pixels.
        output_size: Side s of the decoded faces in pixels.
        identities: Names of the identities of a family that overrides ``decode``; None for the
            names of ``decoders``.

    Attributes:
        identities: Names of the identities, in the order of a training batch.
        detail: Largest side of the swapped faces in pixels; that of the decoded faces unless the
            model is guided.
        full_size: Side of the decoded faces at the end of a training in pixels.
        options: Options that the model was built with, complete; empty if it was not built by its
            name.
        grows: Whether the sizes grow in training, so that not all parameters are always used.
    """

    grows = False

    def __init__(
        self,
        encoder: nn.Module,
        inter: nn.Module,
        decoders: Mapping[str, nn.Module],
        input_size: int,
        output_size: int,
        identities: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.inter = inter
        # A list, since ModuleDict rejects identity names such as "items" or "train".
        self.decoders = nn.ModuleList(decoders.values())
        self.identities = tuple(decoders if identities is None else identities)
        self.input_size = input_size
        self.output_size = output_size
        self.detail = output_size
        self.full_size = output_size
        self.options: Mapping[str, Any] = {}

    def forward(
        self, faces: Tensor, swaps: int = 0, guides: Guides | None = None
    ) -> Reconstruction:
        """Reconstructs each identity's faces with its own decoder, using every parameter.

        Args:
            faces: Faces, ``(I, B, 3, S, S) float32 RGB`` in [0, 1], identity-major.
            swaps: Number of faces per identity, the first of the batch, also decoded as the next
                identity; 0 to B.
            guides: Geometry and references of the faces, for guided models only.

        Returns:
            Reconstruction with ``face (I, B, 3, s, s)``, ``mask (I, B, 1, s, s)`` or None,
            ``swapped (I, swaps, 3, s, s)`` or None, and ``codes (I, B, ...)``.
        """
        assert guides is None
        codes = self.encode(faces.flatten(0, 1)).unflatten(0, faces.shape[:2])
        # Each decoder processes its own faces and the swaps of the preceding identity in one pass.
        inputs = torch.cat([codes, codes.roll(1, 0)[:, :swaps]], 1) if swaps else codes
        outputs = [self.decode(code, number) for number, code in enumerate(inputs)]
        whole = as_reconstruction(torch.stack(outputs))
        if not swaps:
            return whole._replace(codes=codes)
        own = faces.shape[1]
        mask = None if whole.mask is None else whole.mask[:, :own]
        return Reconstruction(whole.face[:, :own], mask, whole.face[:, own:], codes=codes)

    def grow(self, fraction: float) -> None:
        """Prepares for a step of training; only models that grow change.

        Args:
            fraction: Fraction of the training's budget that is used up, 0 to 1.
        """

    def seed_slots(self, seed: int, step: int, slots: Sequence[int]) -> None:
        """Prepares for a micro-batch of training; only models that sample at random change.

        What they sample for a face depends on these numbers alone: not on the number of processes,
        nor on earlier steps.

        Args:
            seed: Seed of the run.
            step: Number of finished steps.
            slots: Slot in the global batch of each face of an identity.
        """

    def continue_from(self, other: "FaceAutoencoder", parts: Collection[str]) -> None:
        """Takes over how far another model has grown; only models that grow change.

        Args:
            other: Trained model that weights were taken from.
            parts: Names of the parts that have its weights.
        """

    def encode(self, faces: Tensor) -> Tensor:
        """Features of faces ``(B, 3, S, S)``, the input of every decoder."""
        return self.inter(self.encoder(faces.contiguous(memory_format=torch.channels_last)))

    def decode(self, codes: Tensor, number: int) -> Tensor:
        """Logits ``(B, 3 or 4, s, s)`` of the features of faces decoded as one identity.

        Args:
            codes: Features of the faces, from ``encode``.
            number: Place of the identity in ``identities``.
        """
        return self.decoders[number](codes)

    def swap(
        self, faces: Tensor, to: str, guides: Guides | None = None, detail: int | None = None
    ) -> Reconstruction:
        """Decodes faces as an identity, without gradients.

        Args:
            faces: Faces of any person, ``(B, 3, S, S) float32 RGB`` in [0, 1].
            to: Identity to decode as.
            guides: Geometry and references of the faces, for guided models only.
            detail: Side of the result in pixels, for guided models only; None for ``self.detail``.

        Raises:
            IdentityError: The model was not trained on ``to``.
        """
        self.check_identity(to)
        assert guides is None
        assert detail in (None, self.detail)
        with torch.inference_mode():
            code = self.encode(faces)
            return as_reconstruction(self.decode(code, self.identities.index(to)))

    def parts(self) -> dict[str, nn.Module]:
        """The parts by which weights are taken from other models, and frozen.

        Parts of one identity end in its name: ``decoder.NAME``. Families with other parts override
        this. Every parameter is in exactly one part.

        Returns:
            Modules by name: ``encoder``, ``inter``, and ``decoder.NAME`` of each identity.
        """
        decoders = zip(self.identities, self.decoders, strict=True)
        shared = {"encoder": self.encoder, "inter": self.inter}
        return shared | {f"decoder.{name}": decoder for name, decoder in decoders}

    def check_identity(self, name: str) -> None:
        """Checks that the model was trained on an identity.

        Raises:
            IdentityError: The identity is unknown.
        """
        if name not in self.identities:
            raise IdentityError(
                f"The model has no identity {name!r}.",
                f"Use one of {', '.join(self.identities)}.",
            )


def as_reconstruction(logits: Tensor) -> Reconstruction:
    """Faces, and masks if there are any, of logits ``(..., 3 or 4, H, W)``."""
    # In float32 even under autocast: bf16 has only 8 bits of precision.
    images = torch.sigmoid(logits.float())
    face, mask = images[..., :3, :, :], images[..., 3:, :, :]
    return Reconstruction(face, mask if mask.shape[-3] else None)
