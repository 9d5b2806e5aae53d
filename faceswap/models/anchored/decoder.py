"""Decoder that sees warped references beside the code, and predicts how to correct them."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from faceswap.models.blocks import (
    Downscale,
    Head,
    ResidualBlock,
    Stem,
    Upscale,
    compact_init,
)
from faceswap.models.convolution import Conv2d, Output
from faceswap.models.guides import SLOTS

_SEEN = 32  # channels of a reference
_MAPS = SLOTS + 2  # weights of the references, and regions
_COLOURS = 6


class Corrections(NamedTuple):
    """Corrections of the references of a batch, at the resolutions of the network.

    Attributes:
        weights: Logits of the weight of each reference, ``(B, SLOTS, s / 4, s / 4)``.
        flow: Displacement of the sampled places before the tanh, ``(B, SLOTS, 2, s / 4, s / 4)``.
        light: Logarithm of the gain, and offset, before tanh and scale, ``(B, 6, s / 8, s / 8)``.
        residual: Image that is added, RGB before the tanh, ``(B, 3, s, s)``.
        gate: Logits of its weight, ``(B, 1, s, s)``.
        mask: Logits that are added to those of the warped masks, ``(B, 1, s, s)``.
    """

    weights: Tensor
    flow: Tensor
    light: Tensor
    residual: Tensor
    gate: Tensor
    mask: Tensor


class AnchoredDecoder(nn.Module):
    """Decoder of one identity.

    All layers run on grids of a quarter of the face's side or less, as in ``small``. A new decoder
    corrects nothing.

    Args:
        code: Number of channels of the features of a code.
    """

    def __init__(self, code: int) -> None:
        super().__init__()
        self.stem = Stem(_SEEN, inputs=4)
        self.to_half = Downscale(SLOTS * _SEEN + _MAPS, 96, kernel=3)
        self.to_quarter = Downscale(96, 160, kernel=3)
        self.join = Conv2d(160 + code + _COLOURS, 192)
        self.coarse = ResidualBlock(192)
        self.from_quarter = Upscale(192, 96)
        self.middle = ResidualBlock(192)
        self.from_half = Upscale(192, 64)
        self.merge = Conv2d(64 + SLOTS * _SEEN, 96)
        self.fine = ResidualBlock(96)
        self.light = Output(192, 6)
        self.blend = Output(96, SLOTS * (1 + 2))
        self.add = Head(96, 5)
        compact_init(self)
        for layer in (self.light, self.blend, self.add.conv):
            layer.weight.data.mul_(0.01)

    def forward(
        self, code: Tensor, colours: Tensor, seen: Tensor, weights: Tensor, regions: Tensor
    ) -> Corrections:
        """Predicts the corrections.

        Args:
            code: Features of the encoded faces, ``(B, C, s / 16, s / 16)``.
            colours: Coarse colours of the encoded faces and of the references, ``(B, 6, g, g)``.
            seen: Warped references, ``(B, SLOTS, 4, s, s)``: RGB and mask, in [0, 1].
            weights: Weight of each reference before the correction, ``(B, SLOTS, s / 4, s / 4)``.
            regions: Upper half, and eyes and mouth, ``(B, 2, s / 4, s / 4)``.
        """
        features = self.stem((seen - 0.5).flatten(0, 1)).unflatten(0, seen.shape[:2])
        weights = weights.to(features.dtype)
        # A reference without weight is not seen, so that nothing changes when it is exchanged.
        features = (features * weights[:, :, None]).flatten(1, 2)
        maps = torch.cat([weights, regions.to(features.dtype)], 1)
        half = self.to_half(torch.cat([features, maps], 1))
        quarter = self.to_quarter(half)
        tint = nn.functional.interpolate(colours.to(code.dtype), quarter.shape[2:], mode="bilinear")
        joined = self.join(torch.cat([quarter, code, tint], 1))
        coarse = self.coarse(nn.functional.leaky_relu(joined, 0.1, inplace=True))
        middle = self.middle(torch.cat([self.from_quarter(coarse), half], 1))
        merged = self.merge(torch.cat([self.from_half(middle), features], 1))
        fine = self.fine(nn.functional.leaky_relu(merged, 0.1, inplace=True))
        blending, flow = self.blend(fine).split([SLOTS, SLOTS * 2], 1)
        added = self.add(fine)
        return Corrections(
            blending,
            flow.unflatten(1, (SLOTS, 2)),
            self.light(middle),
            added[:, :3],
            added[:, 3:4],
            added[:, 4:],
        )
