"""FC-DenseNet, "the one hundred layers Tiramisu" (Jégou, Drozdzal, Vazquez, Romero, Bengio 2017).

A U-Net of dense blocks for semantic segmentation. On the way down, a block's output is concatenated
to its input; on the way up, only the new channels are passed on. Layers are BN, ReLU, 3x3
convolution, dropout.

The paper rounds the sizes to 1.5, 3.5 and 9.4 million parameters; as described in its text, the
networks have 1.38, 3.46 and 9.32 million.
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

_STEM = 48  # channels of the first convolution in all three networks of the paper
_LEAST_SIZE = 32  # one pixel after five poolings


class DenseLayer(nn.Module):
    """BN, ReLU, 3x3 convolution, dropout: ``growth`` new channels from all preceding ones.

    Args:
        inputs: Input channels.
        growth: Output channels.
        dropout: Dropout probability.
        checkpoint: Whether activations are recomputed in the backward pass.
    """

    def __init__(self, inputs: int, growth: int, dropout: float, checkpoint: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(inputs)
        self.conv = nn.Conv2d(inputs, growth, 3, padding=1)
        self.drop = nn.Dropout(dropout)
        self.checkpoint = checkpoint

    def forward(self, maps: list[Tensor]) -> Tensor:
        """List of ``(B, f, h, w)`` with ``inputs`` channels in total -> ``(B, growth, h, w)``."""
        if self.checkpoint and self.training and torch.is_grad_enabled():
            contexts = partial(_forward_and_again, self.norm)
            result = recompute(self._compute, *maps, use_reentrant=False, context_fn=contexts)
            assert isinstance(result, Tensor)
            return result
        return self._compute(*maps)

    def _compute(self, *maps: Tensor) -> Tensor:
        together = torch.cat(maps, dim=1)  # not kept with checkpointing
        return self.drop(self.conv(torch.relu(self.norm(together))))


def _forward_and_again(
    norm: nn.BatchNorm2d,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _without_statistics(norm)


@contextmanager
def _without_statistics(norm: nn.BatchNorm2d) -> Iterator[None]:
    """The recomputation must not update the running statistics again."""
    momentum, counter = norm.momentum, norm.num_batches_tracked
    assert counter is not None
    counted = counter.clone()
    norm.momentum = 0.0
    try:
        yield
    finally:  # torch stops the recomputation early by an exception
        norm.momentum = momentum
        counter.copy_(counted)


class DenseBlock(nn.Module):
    """Dense layers, each connected to the input and to all preceding layers.

    Args:
        inputs: Input channels.
        layers: Number of layers.
        growth: New channels per layer.
        dropout: Dropout probability.
        checkpoint: Whether activations are recomputed in the backward pass.
    """

    def __init__(
        self, inputs: int, layers: int, growth: int, dropout: float, checkpoint: bool
    ) -> None:
        super().__init__()
        widths = [inputs + number * growth for number in range(layers)]
        self.layers = nn.ModuleList(DenseLayer(w, growth, dropout, checkpoint) for w in widths)
        self.made = layers * growth

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, inputs, h, w)`` -> the new channels, ``(B, layers * growth, h, w)``."""
        seen = [maps]
        for layer in self.layers:
            seen.append(layer(seen))
        return torch.cat(seen[1:], dim=1)


class Down(nn.Module):
    """A dense block and a transition down: BN, ReLU, 1x1 convolution, dropout, 2x2 max pooling.

    Args:
        block: Dense block.
        maps: Output channels: those of the input and the new ones.
        dropout: Dropout probability.
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
    """Upsampling by two, concatenation of the skip connection, and a dense block.

    Args:
        inputs: Input channels.
        block: Dense block of the concatenated channels.
    """

    def __init__(self, inputs: int, block: DenseBlock) -> None:
        super().__init__()
        self.transposed = nn.ConvTranspose2d(inputs, inputs, 3, stride=2)
        self.block = block

    def forward(self, maps: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        """``(B, inputs, h // 2, w // 2)``, ``(B, skip, h, w)`` -> block input, and new channels."""
        joined = torch.cat((_centre(self.transposed(maps), skip), skip), dim=1)
        return joined, self.block(joined)


def _centre(maps: Tensor, like: Tensor) -> Tensor:
    """Centre crop of feature maps to the size of others."""
    height, width = like.shape[2:]
    top, left = (maps.shape[2] - height) // 2, (maps.shape[3] - width) // 2
    return maps[:, :, top : top + height, left : left + width]


class FCDenseNet(nn.Module):
    """Stem, five blocks down, bottleneck, five blocks up, and a 1x1 convolution.

    Args:
        classes: Number of outputs per pixel.
        down: Layers of the five blocks on the way down, from the input on.
        bottleneck: Layers of the bottleneck block.
        growth: New channels per layer.
        channels: Channels of the input images.
        dropout: Dropout probability of all layers.
        checkpoint: Whether dense layers are recomputed in the backward pass: about 50 % slower
            with two thirds of the memory.
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
        """``(B, channels, H, W)`` -> ``(B, classes, H, W)`` logits; H and W of at least 32."""
        maps, skips = self.stem(images), []
        for down in self.downs:
            skip, maps = down(maps)
            skips.append(skip)
        joined, made = maps, self.bottleneck(maps)
        for up in self.ups:
            joined, made = up(made, skips.pop())
        return self.head(torch.cat((joined, made), dim=1))


def _he_uniform(module: nn.Module) -> None:
    """He initialisation as in the paper; zero biases."""
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
    """FC-DenseNet-56, four layers per block; 1,376,795 parameters for 11 classes.

    Args:
        classes: Number of outputs per pixel.
        size: Side of the training crops in pixels; other sizes of at least 32 work as well.
        channels: Channels of the images, 1 or 3.
        growth: New channels per layer.
        dropout: Dropout probability.
        checkpoint: Recompute dense layers in the backward pass, to save memory.

    Raises:
        ConfigError: Invalid option.
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
    """FC-DenseNet-67, five layers per block; 3,463,243 parameters for 11 classes."""
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
    """FC-DenseNet-103, 4 to 15 layers per block; 9,322,091 parameters for 11 classes."""
    layers = ((4, 5, 7, 10, 12), 15)
    return _build(103, layers, classes, size, channels, growth, dropout, checkpoint)
