"""FC-DenseNet, "the one hundred layers Tiramisu" (Jégou, Drozdzal, Vazquez, Romero, Bengio 2017).

A U of dense blocks for a class at every pixel. On the way down each block's layers are added to
what came in, so the maps grow; on the way up only what a block made anew is carried on, so they do
not. Layers are BN, ReLU, 3x3 convolution, dropout.

The paper rounds its sizes to 1.5, 3.5 and 9.4 million parameters. Built from its text, with 48 maps
in the stem and biases in the convolutions, the networks have 1.38, 3.46 and 9.32 million.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recompute

from classifier.models.formats import input_format
from classifier.models.network import BuiltNetwork
from classifier.models.option_checks import check_at_least, check_channels, check_dropout
from classifier.models.registry import networks

_STEM = 48  # maps of the first convolution, for all three networks of the paper
_LEAST_SIZE = 32  # five times halved leaves one pixel


class DenseLayer(nn.Module):
    """BN, ReLU, 3x3 convolution, dropout: ``growth`` new maps from all maps so far.

    Args:
        inputs: Maps that come in.
        growth: Maps it adds.
        dropout: Fraction of values silenced in training.
        checkpoint: Whether training forgets what lies between and computes it again when needed.
    """

    def __init__(self, inputs: int, growth: int, dropout: float, checkpoint: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, growth, 3, padding=1)
        self.drop = nn.Dropout(dropout)
        self.checkpoint = checkpoint

    def forward(self, maps: list[Tensor]) -> Tensor:
        """List of ``(B, f, h, w)`` with ``inputs`` maps in all -> ``(B, growth, h, w)``."""
        if self.checkpoint and self.training and torch.is_grad_enabled():
            contexts = partial(_forward_and_again, self.norm)
            result = recompute(self._compute, *maps, use_reentrant=False, context_fn=contexts)
            assert isinstance(result, Tensor)
            return result
        return self._compute(*maps)

    def _compute(self, *maps: Tensor) -> Tensor:
        together = torch.cat(maps, dim=1)  # the copy that checkpointing saves keeping
        return self.drop(self.conv(torch.relu(self.norm(together))))


def _forward_and_again(
    norm: nn.BatchNorm2d,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _without_statistics(norm)


@contextmanager
def _without_statistics(norm: nn.BatchNorm2d) -> Iterator[None]:
    """A second pass over the same batch must not count it twice in the running mean."""
    momentum, counter = norm.momentum, norm.num_batches_tracked
    assert counter is not None
    counted = counter.clone()
    norm.momentum = 0.0
    try:
        yield
    finally:  # torch leaves by an exception as soon as it has what it needs
        norm.momentum = momentum
        counter.copy_(counted)


class DenseBlock(nn.Module):
    """Dense layers, each of which sees what came in and all that the others made.

    Args:
        inputs: Maps that come in.
        layers: How many.
        growth: Maps that each adds.
        dropout: Of each layer.
        checkpoint: Of each layer.
    """

    def __init__(
        self, inputs: int, layers: int, growth: int, dropout: float, checkpoint: bool
    ) -> None:
        super().__init__()
        widths = [inputs + number * growth for number in range(layers)]
        self.layers = nn.ModuleList(DenseLayer(w, growth, dropout, checkpoint) for w in widths)
        self.made = layers * growth

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, inputs, h, w)`` -> what was made anew, ``(B, layers * growth, h, w)``."""
        seen = [maps]
        for layer in self.layers:
            seen.append(layer(seen))
        return torch.cat(seen[1:], dim=1)


class Down(nn.Module):
    """A dense block, then half the sides: BN, ReLU, 1x1 convolution, dropout, 2x2 max pooling.

    Args:
        block: The dense block.
        maps: How many come out: those that came in and those the block made.
        dropout: Fraction of values silenced in training.
    """

    def __init__(self, block: DenseBlock, maps: int, dropout: float) -> None:
        super().__init__()
        self.block = block
        self.norm = nn.BatchNorm2d(maps)
        self.conv = nn.Conv2d(maps, maps, 1)
        self.drop = nn.Dropout(dropout)
        self.pool = nn.MaxPool2d(2)

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, inputs, h, w)`` -> ``(B, maps, h, w)`` and ``(B, maps, h // 2, w // 2)``."""
        skip = torch.cat((maps, self.block(maps)), dim=1)
        return skip, self.pool(self.drop(self.conv(torch.relu(self.norm(skip)))))


class Up(nn.Module):
    """Doubles the sides, joins the maps of the way down, and works on both with a dense block.

    Args:
        inputs: Maps that come from below.
        block: The dense block, for those and the maps of the way down.
    """

    def __init__(self, inputs: int, block: DenseBlock) -> None:
        super().__init__()
        self.transposed = nn.ConvTranspose2d(inputs, inputs, 3, stride=2)
        self.block = block

    def forward(self, maps: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, inputs, h // 2, w // 2)`` and ``(B, skip, h, w)`` -> all joined, and made anew."""
        joined = torch.cat((_centre(self.transposed(maps), skip), skip), dim=1)
        return joined, self.block(joined)


def _centre(maps: Tensor, like: Tensor) -> Tensor:
    """The middle of the maps, as large as the others: one row may be too many, at any side."""
    height, width = like.shape[2:]
    top, left = (maps.shape[2] - height) // 2, (maps.shape[3] - width) // 2
    return maps[:, :, top : top + height, left : left + width]


class FCDenseNet(nn.Module):
    """The whole U: stem, five blocks down, the bottleneck, five blocks up, a 1x1 convolution.

    Args:
        classes: Number of outputs at each pixel.
        down: Layers of the five blocks on the way down, from the image on.
        bottleneck: Layers of the lowest block.
        growth: Maps that each layer adds.
        channels: Of the input images.
        dropout: Of all layers.
        checkpoint: Whether dense layers are computed again in the backward pass. For the 56 layers
            on 224 pixels a step took half as long again, with two thirds of the memory.
    """

    def __init__(
        self,
        classes: int,
        down: Sequence[int],
        bottleneck: int,
        growth: int,
        channels: int,
        dropout: float,
        checkpoint: bool,
    ) -> None:
        super().__init__()
        make = partial(DenseBlock, growth=growth, dropout=dropout, checkpoint=checkpoint)
        self.stem = nn.Conv2d(channels, _STEM, 3, padding=1)
        self.downs = nn.ModuleList()
        width, skips = _STEM, []
        for layers in down:
            block = make(width, layers)
            width += block.made
            skips.append(width)
            self.downs.append(Down(block, width, dropout))
        self.bottleneck = make(width, bottleneck)
        self.ups = nn.ModuleList()
        made, width = self.bottleneck.made, 0
        for layers, skip in zip(reversed(down), reversed(skips), strict=True):
            block = make(made + skip, layers)
            self.ups.append(Up(made, block))
            width, made = made + skip + block.made, block.made
        self.head = nn.Conv2d(width, classes, 1)
        self.apply(_he_uniform)

    def forward(self, images: Tensor) -> Tensor:
        """``(B, channels, H, W)`` -> ``(B, classes, H, W)`` logits; sides of 32 or more."""
        maps, skips = self.stem(images), []
        for down in self.downs:
            skip, maps = down(maps)
            skips.append(skip)
        joined, made = maps, self.bottleneck(maps)
        for up in self.ups:
            joined, made = up(made, skips.pop())
        return self.head(torch.cat((joined, made), dim=1))


def _he_uniform(module: nn.Module) -> None:
    """He et al. 2015, as in the paper; biases begin at zero."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
        assert module.bias is not None
        nn.init.zeros_(module.bias)


def _build(
    depth: int,
    layers: tuple[Sequence[int], int],
    classes: int,
    size: int,
    channels: int,
    growth: int,
    dropout: float,
    checkpoint: bool,
) -> BuiltNetwork:
    name = f"fcdensenet{depth}"
    check_at_least(name, "a size", size, _LEAST_SIZE)
    check_channels(name, channels)
    check_at_least(name, "growth", growth, 1)
    check_dropout(name, dropout)
    module = FCDenseNet(classes, *layers, growth, channels, dropout, checkpoint)
    return BuiltNetwork(module, input_format(size, channels), head="head", task="pixels")


@networks.register
def fcdensenet56(
    classes: int,
    size: int = 224,
    channels: int = 3,
    growth: int = 12,
    dropout: float = 0.2,
    checkpoint: bool = False,
) -> BuiltNetwork:
    """Four layers a block; 1,376,795 parameters at 11 classes.

    Args:
        classes: Number of outputs at each pixel.
        size: Side of the crops it trains on; other sides of 32 or more work as well.
        channels: 1 or 3.
        growth: Maps that each layer adds.
        dropout: Fraction of values silenced in training.
        checkpoint: Compute dense layers again in the backward pass, for small memories.

    Raises:
        ConfigError: An option has a value it cannot have.
    """
    layers = ((4, 4, 4, 4, 4), 4)
    return _build(56, layers, classes, size, channels, growth, dropout, checkpoint)


@networks.register
def fcdensenet67(
    classes: int,
    size: int = 224,
    channels: int = 3,
    growth: int = 16,
    dropout: float = 0.2,
    checkpoint: bool = False,
) -> BuiltNetwork:
    """Five layers a block; 3,463,243 parameters at 11 classes. Options: see ``fcdensenet56``."""
    layers = ((5, 5, 5, 5, 5), 5)
    return _build(67, layers, classes, size, channels, growth, dropout, checkpoint)


@networks.register
def fcdensenet103(
    classes: int,
    size: int = 224,
    channels: int = 3,
    growth: int = 16,
    dropout: float = 0.2,
    checkpoint: bool = False,
) -> BuiltNetwork:
    """Four to 15 layers a block; 9,322,091 parameters at 11 classes. Options: ``fcdensenet56``."""
    layers = ((4, 5, 7, 10, 12), 15)
    return _build(103, layers, classes, size, channels, growth, dropout, checkpoint)
