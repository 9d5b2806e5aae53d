"""The family ``anchored``: decoders that warp and correct real crops of their identity.

A code alone has to hold all that is seen of a person, and decodes to a blur until it has been
trained for a day. Here real crops of the person, warped to the geometry to show, are the image, and
the code only corrects them: where they are sampled, how they are blended, their light, and what
none of them can know. A new model already swaps.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from faceswap.models.anchored.composition import (
    COARSE,
    Geometry,
    coarse_colours,
    compose,
    displaced,
    equalise,
    geometry,
    regularisation,
    rows_with_weight,
    sample,
    sample_rows,
)
from faceswap.models.anchored.decoder import AnchoredDecoder
from faceswap.models.autoencoder import FaceAutoencoder, Reconstruction
from faceswap.models.blocks import (
    Bottleneck,
    Upscale,
    he_init,
    smooth_shuffle_init,
)
from faceswap.models.encoders import build_encoder, initialise_encoder
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.guides import Guides
from faceswap.models.options import LARGEST_CODE, check_range, check_side
from faceswap.models.registry import models

_CODE_CHANNELS = 128


class AnchoredAutoencoder(GuidedAutoencoder):
    """Encodes any face, and decodes it by correcting warped references of an identity.

    The networks see faces and references of ``input_size`` pixels. What they predict is applied to
    references of any size: ``output_size`` in training, ``detail`` in conversion. The decoders are
    ``AnchoredDecoder``.
    """

    def forward(
        self, faces: Tensor, swaps: int = 0, guides: Guides | None = None
    ) -> Reconstruction:
        """Reconstructs each identity's faces from its references."""
        assert guides is not None
        assert not swaps
        codes = self.encode(faces.flatten(0, 1)).unflatten(0, faces.shape[:2])
        decoded = [
            self._decode(number, *own, guides.of(number), self.output_size)
            for number, own in enumerate(zip(faces, codes, strict=True))
        ]
        face, mask, penalty = (torch.stack(each) for each in zip(*decoded, strict=True))
        return Reconstruction(face, mask, None, penalty, codes)

    def swap(
        self, faces: Tensor, to: str, guides: Guides | None = None, detail: int | None = None
    ) -> Reconstruction:
        """Decodes faces from the references of an identity, without gradients."""
        self.check_identity(to)
        assert guides is not None
        with torch.inference_mode():
            number, codes = self.identities.index(to), self.encode(faces)
            face, mask, _ = self._decode(number, faces, codes, guides, detail or self.detail)
            return Reconstruction(face, mask)

    def _decode(
        self, number: int, faces: Tensor, codes: Tensor, guides: Guides, size: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Face, mask and penalty of faces decoded as one identity."""
        decoder = self.decoders[number]
        assert isinstance(decoder, AnchoredDecoder)
        references = self.references_of(self.identities[number])
        # Coordinates need the precision of float32.
        with torch.autocast(codes.device.type, enabled=False), torch.no_grad():
            known = geometry(guides, references.meshes, self.input_size)
            images = references.images(self.input_size)
            seen = self._sample(images, guides.references, known.places, known, "bilinear")
            offsets = equalise(seen, known.upper, guides.weights)
            seen[:, :, :3] += offsets
            colours = coarse_colours(faces, seen, known)
        regions = torch.cat([known.upper, known.openings], 1)
        corrections = decoder(codes, colours, seen, known.weights, regions)
        with torch.autocast(codes.device.type, enabled=False):
            places = displaced(known, corrections)
            images = references.images(size)
            moved = self._sample(images, guides.references, places, known, "bicubic")
            face, mask, gate = compose(moved, corrections, known, offsets)
            return face, mask, regularisation(corrections, gate)

    def _sample(
        self, images: Tensor, references: Tensor, places: Tensor, known: Geometry, mode: str
    ) -> Tensor:
        """References of a batch; outside training only where they have weight, and else 0."""
        if self.training:
            return sample(images, references, places)
        # The network sees their mean colours on a coarse grid.
        rows = rows_with_weight(known.weights, COARSE if mode == "bilinear" else 0)
        return sample_rows(images, references, places, mode, rows)


@models.register
def anchored(
    identities: Sequence[str],
    size: int = 128,
    code: int = 128,
    detail: int = 256,
    encoder: str = "small",
    *,
    pretrained: bool = False,
) -> FaceAutoencoder:
    """Builds the model ``anchored``: about 11 million parameters for two identities.

    Args:
        identities: Names of the identities, in the order of a training batch.
        size: Side of the faces that the networks see in pixels, a multiple of
            32 from 64 to 1024.
        code: Number of elements of the code.
        detail: Side of the references and of the swapped faces in pixels, from the size to
            2048.
        encoder: Name of the encoder, see ``models.encoders``.
        pretrained: Whether training starts with the published weights of the encoder.

    Raises:
        ConfigError: A size is out of range, or there is no such encoder.
    """
    check_side("anchored", 32, 64, 1024, size=size)
    check_range("anchored", size, 2048, detail=detail)
    check_range("anchored", 1, LARGEST_CODE, code=code)
    side = size // 32
    widen = Upscale(256, _CODE_CHANNELS)
    built = build_encoder(encoder, size, pretrained=pretrained)
    bottleneck = Bottleneck(built.channels, built.side, code, 256, side)
    inter = nn.Sequential(bottleneck, widen)
    initialise_encoder(built.module)
    he_init(inter)
    smooth_shuffle_init(widen.conv, 2)
    decoders = {name: AnchoredDecoder(_CODE_CHANNELS) for name in identities}
    return AnchoredAutoencoder(built.module, inter, decoders, size, detail)
