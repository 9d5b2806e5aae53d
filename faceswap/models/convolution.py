"""Convolution that is fast on a CPU for large weights and small images."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# With at least this many weights and at most this many output pixels, one matrix product is faster
# than the convolution kernels of CPUs (2.5 to 3.7 times for the weight gradient in bf16).
_MANY_WEIGHTS = 1 << 20
_SMALL_OUTPUT = 8 * 8


class Conv2d(nn.Module):
    """Convolution with TensorFlow's SAME padding: the output has ``ceil(side / stride)`` pixels.

    With an even side and stride 2, the end is padded by one pixel more than the start. Symmetric
    padding would shift features by a pixel relative to networks published for TensorFlow.

    The weight is stored as ``(out, k, k, in)``: channels_last for the fastest kernels, and
    contiguous for the optimizer, which saves a copy per step.

    Args:
        inputs: Number of input channels.
        outputs: Number of output channels.
        kernel: Kernel size.
        stride: Stride.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, kernel, kernel, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.stride = stride
        nn.init.kaiming_uniform_(self.filters, a=5**0.5)  # torch's default

    @property
    def filters(self) -> Tensor:
        """The weight in torch's layout, a view ``(out, in, k, k)``."""
        return self.weight.permute(0, 3, 1, 2)

    def forward(self, features: Tensor) -> Tensor:
        """``(B, in, H, W) -> (B, out, H / stride, W / stride)``, sides divisible by stride."""
        free = self.weight.shape[1] - self.stride
        start, end = free // 2, (free + 1) // 2
        if self._as_product(features):
            return self._product(features, start, end)
        if start == end:
            return F.conv2d(features, self.filters, self.bias, self.stride, start)
        padded = F.pad(features, (start, end, start, end))
        return F.conv2d(padded, self.filters, self.bias, self.stride)

    def extra_repr(self) -> str:
        """Parameters of the layer in ``print(module)``."""
        outputs, kernel, _, inputs = self.weight.shape
        return f"{inputs}, {outputs}, kernel={kernel}, stride={self.stride}"

    def _as_product(self, features: Tensor) -> bool:
        if features.device.type != "cpu" or self.weight.numel() < _MANY_WEIGHTS:
            return False
        if torch.compiler.is_exporting():  # for other devices and libraries
            return False
        return features.shape[2] * features.shape[3] <= _SMALL_OUTPUT * self.stride**2

    def _product(self, features: Tensor, start: int, end: int) -> Tensor:
        patches: Tensor = _Patches.apply(  # pyright: ignore[reportAssignmentType]
            features.permute(0, 2, 3, 1), self.weight.shape[1], self.stride, start, end
        )
        return F.linear(patches, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


class Output(Conv2d):
    """A convolution from features to what is shown: pixels, light, places.

    Optimizers that treat hidden layers as matrices (Muon) leave it out.
    """


class _Patches(torch.autograd.Function):
    """Input patch of each output pixel: ``(B, H, W, C) -> (B, h, w, k * k * C)``."""

    @staticmethod
    def forward(ctx: Any, image: Tensor, side: int, step: int, start: int, end: int) -> Tensor:
        ctx.geometry = (image.shape, side, step, start, end)
        padded = F.pad(image, (0, 0, start, end, start, end)).contiguous()
        batch, height, width, channels = padded.shape
        rows, columns = (height - side) // step + 1, (width - side) // step + 1
        along_batch, along_row, along_column, _ = padded.stride()
        shape = (batch, rows, columns, side, side, channels)
        strides = (along_batch, along_row * step, along_column * step, along_row, along_column, 1)
        return padded.as_strided(shape, strides).reshape(batch, rows, columns, -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (batch, height, width, channels), side, step, start, end = ctx.geometry
        (gradient,) = gradients
        _, rows, columns, _ = gradient.shape
        patches = gradient.view(batch, rows, columns, side, side, channels)
        shape = (batch, height + start + end, width + start + end, channels)
        image = gradient.new_zeros(shape)
        for y in range(side):
            for x in range(side):
                down, right = slice(y, y + rows * step, step), slice(x, x + columns * step, step)
                image[:, down, right] += patches[:, :, :, y, x]
        inner = image[:, start : start + height, start : start + width]
        return inner, None, None, None, None
