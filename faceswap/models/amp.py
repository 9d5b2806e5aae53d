"""The network of DeepFaceLab's AMP: the likeness is a mixture of channels of several identities.

Each identity has an inter of its own, and there is one decoder. In training a random part of the
channels of each face comes from the inters of the others, so that at conversion a face can be
anything between them.

Faces are trained with up to the fraction ``mix`` of channels of others, so that up to it the
decoder still shows the identity alone. What it shows of mixtures closer to the middle is
interpolated, as in DeepFaceLab: there is no face of two people to train them on, and to train them
on either face would make the morph a switch.
"""

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from faceswap.core.errors import ConfigError
from faceswap.core.seeding import generator
from faceswap.models.autoencoder import FaceAutoencoder, Reconstruction, as_reconstruction
from faceswap.models.guides import Guides
from faceswap.models.options import LARGEST_WIDTH, check_dense, check_range
from faceswap.models.registry import models
from faceswap.models.saehd.layers import Widths, architecture
from faceswap.models.shared_decoder import SharedDecoderAutoencoder


class MorphingAutoencoder(SharedDecoderAutoencoder):
    """Decodes a mixture of the channels of an identity's own inter and of those of the others.

    The others count by their mean. Channels are exchanged in a fixed order, but at random in
    training, as ``seed_slots`` has sampled.

    Args:
        encoder: Encoder, ``(B, 3, S, S) -> (B, C, H, W)`` features.
        inter: Dense layer of the code that all identities share.
        inters: Layers of each identity, code -> ``(B, channels, G, G)``.
        decoder: Decoder of all identities.
        size: Side S of the faces in pixels.
        mix: Largest fraction of channels of others in training, below 0.5.
        channels: Number of channels of the inters.
    """

    def __init__(
        self,
        encoder: nn.Module,
        inter: nn.Module,
        inters: Mapping[str, nn.Module],
        decoder: nn.Module,
        size: int,
        mix: float,
        channels: int,
    ) -> None:
        super().__init__(encoder, inter, inters, decoder, tuple(inters), size)
        self._mix, self._channels = mix, channels
        self._exchanged: Tensor | None = None

    def seed_slots(self, seed: int, step: int, slots: Sequence[int]) -> None:
        """Samples the channels to exchange of each face and of each swap of a micro-batch."""
        place = next(self.parameters()).device
        sampled = [
            [
                self._sample(generator(seed, "channels", kind, name, step, slot))
                for kind in ("own", "swapped")
                for slot in slots
            ]
            for name in self.identities
        ]
        self._exchanged = torch.from_numpy(np.array(sampled)).to(place)  # (I, 2 B, C)

    def _sample(self, random: np.random.Generator) -> NDArray[np.bool_]:
        """Whether each channel of a face is exchanged: a random fraction of them, up to the mix."""
        return random.random(self._channels) < self._mix * random.random()

    def features(self, codes: Tensor, number: int) -> Tensor:
        """Features of faces as one identity; in training with random channels of others."""
        if not self.training or self._exchanged is None:
            return self.inters[number](codes)
        own, others = self._both(codes, number)
        exchanged = self._exchanged[number, : len(codes), :, None, None]
        return torch.where(exchanged, others, own)

    def swap(
        self,
        faces: Tensor,
        to: str,
        guides: Guides | None = None,
        detail: int | None = None,
        morph: float = 1.0,
    ) -> Reconstruction:
        """Decodes faces as an identity, without gradients.

        Args:
            faces: Faces of any person, ``(B, 3, S, S) float32 RGB`` in [0, 1].
            to: Identity to decode as.
            guides: None: this is no guided model.
            detail: Side of the result in pixels: None, or ``self.detail``.
            morph: Fraction of the channels of ``to``; the remaining ones are the mean of the other
                identities. With two identities, 0 decodes the other one.

        Raises:
            IdentityError: The model was not trained on ``to``.
            ConfigError: ``morph`` is not between 0 and 1.
        """
        if not 0 <= morph <= 1:
            raise ConfigError(
                f"Expected a morph factor between 0 and 1, found {morph}.", "Use 1 for a full swap."
            )
        self.check_identity(to)
        assert guides is None
        assert detail in (None, self.detail)
        with torch.inference_mode():
            factor = torch.tensor(morph, dtype=torch.float64, device=faces.device)
            number = self.identities.index(to)
            return as_reconstruction(self.decode_mixture(self.encode(faces), number, factor))

    def decode_mixture(self, codes: Tensor, number: int, morph: Tensor) -> Tensor:
        """Logits of the features of faces decoded as a mixture of identities.

        Args:
            codes: Features of the faces, from ``encode``.
            number: Place of the identity in ``identities``.
            morph: Fraction of its channels, 0 to 1, a scalar or ``(1,)``; see ``swap``.
        """
        own, others = self._both(codes, number)
        channels = own.shape[1]
        kept = torch.arange(channels, device=own.device) < torch.round(morph * channels)
        return self.decoders[0](torch.where(kept[:, None, None], own, others))

    def _both(self, codes: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """Features of faces as one identity, and their mean as all others."""
        each = [inter(codes) for inter in self.inters]
        own = each.pop(number)
        return own, reduce(torch.add, each) / len(each)


@models.register
def amp(
    identities: Sequence[str],
    size: int = 224,
    ae_dims: int = 256,
    inter_dims: int = 1024,
    e_dims: int = 64,
    d_dims: int = 64,
    d_mask_dims: int = 22,
    mix: float = 0.25,
    *,
    mask: bool = True,
) -> FaceAutoencoder:
    """Builds the model ``amp``: one decoder, and identities between which a swap can morph.

    Args:
        identities: Names of the identities, in the order of a training batch.
        size: Side of the faces in pixels, a multiple of 32 from 64 to 640.
        ae_dims: Number of elements of the code.
        inter_dims: Number of channels of the inters.
        e_dims: Number of channels of the encoder's first layer.
        d_dims: Half the number of channels of the decoder's last layer.
        d_mask_dims: Half the number of channels of the last layer of the mask.
        mix: Largest fraction of channels of other identities in training, from 0 to below 0.5.
        mask: Whether the decoder also predicts a face mask.

    Raises:
        ConfigError: An option is out of range, or there is only one identity.
    """
    check_range("amp", 1, LARGEST_WIDTH, ae_dims=ae_dims, inter_dims=inter_dims)
    check_range("amp", 1, LARGEST_WIDTH // 8, d_mask_dims=d_mask_dims)
    if len(identities) < 2:
        raise ConfigError(
            "Expected two or more identities for the model 'amp', which mixes them, found "
            f"{', '.join(identities) or 'none'}.",
            "Give the faces of another person, or choose another model: --set model.name=df",
        )
    if not 0 <= mix < 0.5:  # from half of the channels on, it is not known who is meant
        raise ConfigError(
            f"Expected a mix from 0 to below 0.5 of the model 'amp', found {mix}.",
            "For example: --set model.options.mix=0.25",
        )
    net = architecture("amp", size, Widths(e_dims, d_dims, d_mask_dims * mask), "udt")
    features, mixed = net.code_channels * net.code_side**2, inter_dims * net.grid**2
    check_dense(features, ae_dims)
    check_dense(ae_dims, mixed)
    code = nn.Sequential(nn.Flatten(), nn.Linear(features, ae_dims))
    shape = (inter_dims, net.grid, net.grid)
    inters = {
        name: nn.Sequential(nn.Linear(ae_dims, mixed), nn.Unflatten(1, shape))
        for name in identities
    }
    model = MorphingAutoencoder(
        net.encoder(), code, inters, net.decoder(inter_dims), size, mix, inter_dims
    )
    net.initialise(model)
    return model
