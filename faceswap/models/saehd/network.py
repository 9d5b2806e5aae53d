"""The networks of DeepFaceLab's SAEHD: ``df`` and ``liae``."""

from collections.abc import Sequence

import torch
from torch import Tensor

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.options import LARGEST_WIDTH, check_range
from faceswap.models.registry import models
from faceswap.models.saehd.layers import Widths, architecture
from faceswap.models.shared_decoder import SharedDecoderAutoencoder


@models.register
def df(
    identities: Sequence[str],
    size: int = 128,
    archi: str = "ud",
    ae_dims: int = 256,
    e_dims: int = 64,
    d_dims: int = 64,
    d_mask_dims: int = 22,
    *,
    mask: bool = True,
) -> FaceAutoencoder:
    """Builds the model ``df`` of SAEHD: one inter, and a decoder for each identity.

    Args:
        identities: Names of the identities, in the order of a training batch.
        size: Side of the faces in pixels, a multiple of 16, or of 32 with ``d``, from 64 to 640.
        archi: Any combination of the letters ``u``, ``d``, ``t`` and ``c``.
        ae_dims: Number of elements of the code.
        e_dims: Number of channels of the encoder's first layer.
        d_dims: Half the number of channels of a decoder's last layer.
        d_mask_dims: Half the number of channels of the last layer of the mask.
        mask: Whether the decoders also predict a face mask.

    Raises:
        ConfigError: An option is out of range.
    """
    check_range("df", 1, LARGEST_WIDTH, ae_dims=ae_dims)
    check_range("df", 1, LARGEST_WIDTH // 8, d_mask_dims=d_mask_dims)
    net = architecture("df", size, Widths(e_dims, d_dims, d_mask_dims * mask), archi)
    decoders = {name: net.decoder(ae_dims) for name in identities}
    model = FaceAutoencoder(net.encoder(), net.inter(ae_dims, ae_dims), decoders, size, size)
    net.initialise(model)
    return model


class Liae(SharedDecoderAutoencoder):
    """Decodes features of an identity's own inter beside features of the shared one.

    ``inter`` is shared by all and takes the place of the first identity's own; with two identities
    it is the inter_AB, and ``inters`` has the inter_B alone. Codes are the features of the encoder.
    """

    def encode(self, faces: Tensor) -> Tensor:
        """Features of faces ``(B, 3, S, S)`` from the encoder, the input of every inter."""
        return self.encoder(faces.contiguous(memory_format=torch.channels_last))

    def features(self, codes: Tensor, number: int) -> Tensor:
        """Features of faces as one identity, the input of the decoder."""
        shared = self.inter(codes)
        own = self.inters[number - 1](codes) if number else shared
        return torch.cat([own, shared], 1)


@models.register
def liae(
    identities: Sequence[str],
    size: int = 128,
    archi: str = "ud",
    ae_dims: int = 256,
    e_dims: int = 64,
    d_dims: int = 64,
    d_mask_dims: int = 22,
    *,
    mask: bool = True,
) -> FaceAutoencoder:
    """Builds the model ``liae`` of SAEHD: one decoder, a shared inter, and inters of identities.

    The first identity has no inter of its own, so that its faces look more like those of the
    frame in light and colour.

    Args:
        identities: Names of the identities, in the order of a training batch.
        size: Side of the faces in pixels, a multiple of 16, or of 32 with ``d``, from 64 to 640.
        archi: Any combination of the letters ``u``, ``d``, ``t`` and ``c``.
        ae_dims: Number of elements of the code of each inter.
        e_dims: Number of channels of the encoder's first layer.
        d_dims: Half the number of channels of the decoder's last layer.
        d_mask_dims: Half the number of channels of the last layer of the mask.
        mask: Whether the decoder also predicts a face mask.

    Raises:
        ConfigError: An option is out of range.
    """
    check_range("liae", 1, LARGEST_WIDTH, ae_dims=ae_dims)
    check_range("liae", 1, LARGEST_WIDTH // 8, d_mask_dims=d_mask_dims)
    net = architecture("liae", size, Widths(e_dims, d_dims, d_mask_dims * mask), archi)
    inters = {name: net.inter(ae_dims, 2 * ae_dims) for name in identities[1:]}
    model = Liae(
        net.encoder(),
        net.inter(ae_dims, 2 * ae_dims),
        inters,
        net.decoder(4 * ae_dims),
        identities,
        size,
    )
    net.initialise(model)
    return model
