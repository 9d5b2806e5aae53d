"""Layers of the levels of ``comb``: each level doubles the side of the faces, from 4 pixels on.

After Naruniec et al., "High-resolution neural face swapping for visual effects", 2020. A new level
is blended with the one before it as in Karras et al., "Progressive growing of GANs", 2018.
"""

from collections.abc import Sequence
from itertools import islice, pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap.models.convolution import Conv2d, Output

SMALLEST = 4
"""Side of the faces of level 0 in pixels."""
SLOPE = 0.2
"""Slope of the LeakyReLUs below zero."""
_NARROWEST, _LAST = 16, 8  # channels at 1024 pixels, and the number of that level


def level_channels(levels: int, most: int) -> list[int]:
    """Number of channels of each level: 16 at 1024 pixels, doubled towards level 0 up to ``most``.

    Args:
        levels: Number of levels, 1 to 9.
        most: Largest number of channels.
    """
    return [min(most, _NARROWEST << (_LAST - level)) for level in range(levels)]


class CombEncoder(nn.Module):
    """Encoder of all levels, ``(B, 3, 4 * 2**level, ...) -> (B, C, 4, 4)``.

    Args:
        channels: Number of channels of each level.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.enter = nn.ModuleList(_convolved(3, width, kernel=1) for width in channels)
        blocks = [_convolved(channels[0], channels[0])]
        for below, width in pairwise(channels):
            pool = nn.AvgPool2d(2)
            blocks.append(
                nn.Sequential(_convolved(width, width), _convolved(width, below), pool),
            )
        self.blocks = nn.ModuleList(blocks)

    def forward(self, faces: Tensor, level: int, fade: Tensor | None) -> Tensor:
        """Encodes faces at the size of a level.

        Args:
            faces: Faces, ``(B, 3, S, S)``.
            level: Number of the level.
            fade: Weight of the level beside the one before it, a scalar in [0, 1]; None for 1.
        """
        features = self.blocks[level](self.enter[level](faces))
        if fade is not None:
            before = self.enter[level - 1](F.avg_pool2d(faces, 2))
            features = _blend(before, features, fade)
        for number in reversed(range(level)):
            features = self.blocks[number](features)
        return features


class CombDecoder(nn.Module):
    """Decoder of all levels of one identity, ``(B, code) -> (B, outputs, 4 * 2**level, ...)``.

    Args:
        code: Number of elements of the code.
        channels: Number of channels of each level.
        outputs: Number of output channels.
    """

    def __init__(self, code: int, channels: Sequence[int], outputs: int) -> None:
        super().__init__()
        first = channels[0]
        self.widen = nn.Linear(code, first * SMALLEST**2)
        self.shape = (first, SMALLEST, SMALLEST)
        blocks = [_convolved(first, first)]
        for below, width in pairwise(channels):
            blocks.append(upscale_by_pixels(below, width))
        self.blocks = nn.ModuleList(blocks)
        self.leave = nn.ModuleList(Output(width, outputs, kernel=1) for width in channels)

    def forward(self, codes: Tensor, level: int, fade: Tensor | None) -> Tensor:
        """Logits of faces at the size of a level; arguments as those of the encoder."""
        features = F.leaky_relu(self.widen(codes), SLOPE).unflatten(1, self.shape)
        features = features.contiguous(memory_format=torch.channels_last)
        for block in islice(self.blocks, level):
            features = block(features)
        grown = self.leave[level](self.blocks[level](features))
        if fade is None:
            return grown
        before = repeat_pixels(self.leave[level - 1](features))
        return _blend(before, grown, fade)


def repeat_pixels(features: Tensor) -> Tensor:
    """Doubles height and width by repeating pixels."""
    if not torch.compiler.is_exporting():
        return F.interpolate(features, scale_factor=2)
    # Operators that old versions of ONNX have.
    batch, channels, height, width = features.shape
    pairs = features[:, :, :, None, :, None].expand(-1, -1, -1, 2, -1, 2)
    return pairs.reshape(batch, channels, 2 * height, 2 * width)


class RepeatPixels(nn.Module):
    """``repeat_pixels`` as a layer."""

    def forward(self, features: Tensor) -> Tensor:
        """Applies the layer."""
        return repeat_pixels(features)


def upscale_by_pixels(inputs: int, outputs: int) -> nn.Sequential:
    """Doubles height and width by repeating pixels, and convolves twice.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels.
    """
    return nn.Sequential(RepeatPixels(), _convolved(inputs, outputs), _convolved(outputs, outputs))


def _convolved(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(Conv2d(inputs, outputs, kernel), nn.LeakyReLU(SLOPE, inplace=True))


def _blend(before: Tensor, after: Tensor, fade: Tensor) -> Tensor:
    return before + fade * (after - before)
