"""ResNets for images of 32 x 32 pixels.

He, Zhang, Ren, Sun 2016: Deep residual learning for image recognition, section 4.2. A 3x3 stem and
three stages of 16, 32 and 64 channels; shortcuts without parameters (option A). Module names match
the published CIFAR-10 weights (Idelbayev, github.com/akamaster/pytorch_resnet_cifar10).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from classifier.models.formats import input_format
from classifier.models.network import BuiltNetwork
from classifier.models.option_checks import check_at_least, check_channels
from classifier.models.registry import networks

CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
"""Class names of the published weights."""


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a residual connection.

    Args:
        inputs: Input channels.
        outputs: Output channels.
        stride: Stride of the first convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.new_maps = stride, outputs - inputs

    def forward(self, maps: Tensor) -> Tensor:
        """``(B, inputs, h, w)`` -> ``(B, outputs, h / stride, w / stride)``."""
        change = functional.relu(self.bn1(self.conv1(maps)))
        change = self.bn2(self.conv2(change))
        return functional.relu(change + self._shortcut(maps))

    def _shortcut(self, maps: Tensor) -> Tensor:
        """Option A: subsampling, and zero padding of the channels on both sides."""
        if self.stride != 1:
            maps = maps[:, :, :: self.stride, :: self.stride]
        before = self.new_maps // 2
        padding = (0, 0, 0, 0, before, self.new_maps - before)
        return functional.pad(maps, padding) if self.new_maps else maps


class CifarResNet(nn.Module):
    """Stem, three stages, global average pooling, linear layer.

    Args:
        blocks: Blocks per stage; the depth is ``6 * blocks + 2``.
        classes: Number of outputs.
        channels: Channels of the input images.
    """

    def __init__(self, blocks: int, classes: int, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(blocks, 16, 16, stride=1)
        self.layer2 = _stage(blocks, 16, 32, stride=2)
        self.layer3 = _stage(blocks, 32, 64, stride=2)
        self.linear = nn.Linear(64, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, images: Tensor) -> Tensor:
        """``(B, channels, size, size)`` -> ``(B, classes)`` logits."""
        maps = functional.relu(self.bn1(self.conv1(images)))
        maps = self.layer3(self.layer2(self.layer1(maps)))
        return self.linear(torch.mean(maps, dim=(2, 3)))


def _stage(blocks: int, inputs: int, outputs: int, stride: int) -> nn.Sequential:
    first = BasicBlock(inputs, outputs, stride)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1) for _ in range(blocks - 1)))


def _build(depth: int, classes: int, size: int, channels: int) -> BuiltNetwork:
    check_channels(f"resnet{depth}", channels)
    check_at_least(f"resnet{depth}", "a size", size, 8)
    module = CifarResNet((depth - 2) // 6, classes, channels)
    # The published weights were trained with ImageNet statistics.
    return BuiltNetwork(module, input_format(size, channels), head="linear")


@networks.register
def resnet20(classes: int, size: int = 32, channels: int = 3) -> BuiltNetwork:
    """20 layers; 269,722 parameters for 10 classes. Has published weights."""
    return _build(20, classes, size, channels)


@networks.register
def resnet32(classes: int, size: int = 32, channels: int = 3) -> BuiltNetwork:
    """32 layers; 464,154 parameters for 10 classes."""
    return _build(32, classes, size, channels)


@networks.register
def resnet44(classes: int, size: int = 32, channels: int = 3) -> BuiltNetwork:
    """44 layers; 658,586 parameters for 10 classes."""
    return _build(44, classes, size, channels)


@networks.register
def resnet56(classes: int, size: int = 32, channels: int = 3) -> BuiltNetwork:
    """56 layers; 853,018 parameters for 10 classes."""
    return _build(56, classes, size, channels)


@networks.register
def resnet110(classes: int, size: int = 32, channels: int = 3) -> BuiltNetwork:
    """110 layers; 1,727,962 parameters for 10 classes."""
    return _build(110, classes, size, channels)
