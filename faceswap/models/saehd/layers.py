"""Encoder, inter and decoder of DeepFaceLab's SAEHD, and their options."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from faceswap.core.errors import ConfigError
from faceswap.models.blocks import (
    Bottleneck,
    Downscale,
    FaceAndMask,
    ResidualBlock,
    UnitPower,
    Upscale,
    compact_init,
    depth_to_space,
)
from faceswap.models.convolution import Output
from faceswap.models.options import LARGEST_WIDTH, check_range, check_side

_LETTERS = "udtc"
_SMALLEST, _LARGEST = 64, 640


@dataclass(frozen=True)
class Widths:
    """Numbers of channels.

    Attributes:
        encoder: Channels of the encoder's first layer; the last one has 8 times as many.
        decoder: Half of the channels of the decoder's last layer; the first one has 8 times this.
        mask: Half of the channels of the last layer of the mask; 0 without a mask.
    """

    encoder: int
    decoder: int
    mask: int


@dataclass(frozen=True)
class Architecture:
    """Builds the networks of one combination of options.

    Attributes:
        size: Side S of the faces in pixels.
        widths: Numbers of channels.
        archi: Letters of the options: ``u`` scales the code to unit power, ``d`` decodes features
            of half the size, ``t`` is deeper, ``c`` activates by ``x cos x``.
    """

    size: int
    widths: Widths
    archi: str

    @property
    def code_side(self) -> int:
        """Height and width of the features of the encoder."""
        return self.size // (32 if "t" in self.archi else 16)

    @property
    def code_channels(self) -> int:
        """Number of channels of the features of the encoder."""
        return 8 * self.widths.encoder

    @property
    def grid(self) -> int:
        """Height and width of the features that the dense layers of an inter give."""
        return self.size // (32 if "d" in self.archi else 16)

    def encoder(self) -> nn.Module:
        """Encoder, ``(B, 3, S, S) -> (B, code_channels, code_side, code_side)``."""
        width = self.widths.encoder
        first, *others = [
            Downscale(inputs, outputs, slope=self._slope(0.1))
            for inputs, outputs in pairwise([3, *(width * by for by in self._factors[::-1])])
        ]
        layers: list[nn.Module] = [first, *others]
        if "t" in self.archi:
            layers = [first, self._residual(width), *others, self._residual(8 * width)]
        if "u" in self.archi:
            layers.append(UnitPower())
        return nn.Sequential(*layers)

    def inter(self, code: int, outputs: int) -> nn.Module:
        """Inter, features of the encoder -> ``(B, outputs, H, H)``.

        Args:
            code: Number of elements of the code between the dense layers.
            outputs: Number of output channels.
        """
        dense = Bottleneck(self.code_channels, self.code_side, code, outputs, self.grid)
        if "t" in self.archi:
            return dense  # the decoder has one upscale more
        return nn.Sequential(dense, Upscale(outputs, outputs, self._slope(0.1)))

    def decoder(self, inputs: int) -> nn.Module:
        """Decoder, features of inters -> ``(B, 3 or 4, S, S)`` logits.

        Args:
            inputs: Number of input channels.
        """
        width = self.widths.decoder
        last = Subpixels(2 * width) if "d" in self.archi else Output(2 * width, 3, 1)
        face = nn.Sequential(*self._upscales(inputs, width, residual=True), last)
        if not self.widths.mask:
            return face
        return FaceAndMask(face, self._mask(inputs))

    def initialise(self, model: nn.Module) -> None:
        """Initialises all layers of a model."""
        # Close to 0, x cos x is linear.
        compact_init(model, 1.0 if "c" in self.archi else 0.1)
        for layer in model.modules():
            if isinstance(layer, Subpixels):
                layer.smooth()

    def _mask(self, inputs: int) -> nn.Module:
        width = self.widths.mask
        layers = self._upscales(inputs, width, residual=False)
        outputs = 2 * width
        if "d" in self.archi:
            layers.append(Upscale(outputs, width, self._slope(0.1)))
            outputs = width
        return nn.Sequential(*layers, Output(outputs, 1, 1))

    def _upscales(self, inputs: int, width: int, *, residual: bool) -> list[nn.Module]:
        layers: list[nn.Module] = []
        factors = [by for by in self._factors if by > 1]
        for before, after in pairwise([inputs, *(width * by for by in factors)]):
            layers.append(Upscale(before, after, self._slope(0.1)))
            if residual:
                layers.append(self._residual(after))
        return layers

    def _residual(self, channels: int) -> nn.Module:
        return ResidualBlock(channels, self._slope(0.2))

    def _slope(self, slope: float) -> float | None:
        return None if "c" in self.archi else slope

    @property
    def _factors(self) -> Sequence[int]:
        """Channels of the layers of a decoder, and then of the last one of the encoder."""
        return (8, 8, 4, 2, 1) if "t" in self.archi else (8, 4, 2, 1)


class Subpixels(nn.Module):
    """Decodes an image of twice the size: each pixel of a 2x2 block by a convolution of its own.

    ``(B, in, H, W) -> (B, 3, 2 H, 2 W)``.

    Args:
        inputs: Number of input channels.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.first = Output(inputs, 3, 1)
        self.others = Output(inputs, 9, 3)

    def forward(self, features: Tensor) -> Tensor:
        """Applies the block."""
        return depth_to_space(torch.cat([self.first(features), self.others(features)], 1), 2)

    @torch.no_grad()
    def smooth(self) -> None:
        """Initialises the block as nearest-neighbour upsampling, without checkerboard artefacts."""
        pixel = self.first.weight[:, 0, 0]
        self.others.weight.zero_()
        self.others.weight[:, 1, 1] = pixel.repeat(3, 1)


def architecture(model: str, size: int, widths: Widths, archi: str) -> Architecture:
    """Checks the options of a model.

    Args:
        model: Name of the model, for messages.
        size: Side of the faces in pixels, a multiple of 16, or of 32 with ``d``, from 64 to 640.
        widths: Numbers of channels.
        archi: Any combination of the letters ``u``, ``d``, ``t`` and ``c``.

    Raises:
        ConfigError: An option is out of range.
    """
    if not set(archi) <= set(_LETTERS) or len(set(archi)) < len(archi):
        raise ConfigError(
            f"Expected some of the letters {', '.join(_LETTERS)} as archi of the model {model!r}, "
            f"found {archi!r}.",
            "For example: --set model.options.archi=ud",
        )
    check_side(model, 32 if "d" in archi else 16, _SMALLEST, _LARGEST, size=size)
    check_range(model, 1, LARGEST_WIDTH // 8, e_dims=widths.encoder, d_dims=widths.decoder)
    return Architecture(size, widths, archi)
