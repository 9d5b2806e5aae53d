"""The operators of TFLite networks as torch modules on NCHW tensors."""

import numpy as np
import tflite
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap.core.tflite_graph import Operator, TFLiteGraph

# (before, after) rows and (before, after) columns.
Padding = tuple[tuple[int, int], tuple[int, int]]


def _activation(operator: Operator) -> int:
    return operator.options.get("FusedActivationFunction", tflite.ActivationFunctionType.NONE)


def _activate(x: Tensor, activation: int) -> Tensor:
    """In place: x is always the fresh result of the operator that owns the activation."""
    if activation == tflite.ActivationFunctionType.RELU:
        return x.relu_()
    if activation == tflite.ActivationFunctionType.RELU6:
        return x.clamp_(0, 6)
    assert activation == tflite.ActivationFunctionType.NONE, f"activation {activation}"
    return x


class Convolution(nn.Module):
    """A convolution, depthwise or not, with bias, padding and activation."""

    def __init__(self, graph: TFLiteGraph, operator: Operator, padding: Padding) -> None:
        super().__init__()
        weight = torch.from_numpy(np.array(graph.constants[operator.inputs[1]], np.float32))
        if operator.kind == "CONV_2D":
            weight = weight.permute(0, 3, 1, 2)  # (O, H, W, I) -> (O, I, H, W)
            self.groups = 1
        else:
            weight = weight.permute(3, 0, 1, 2)  # (1, H, W, C) -> (C, 1, H, W)
            self.groups = graph.shapes[operator.inputs[0]][3]
        bias = np.array(graph.constants[operator.inputs[2]], np.float32)
        self.weight = nn.Parameter(weight.contiguous())
        self.bias = nn.Parameter(torch.from_numpy(bias))
        options = operator.options
        self.stride = (options["StrideH"], options["StrideW"])
        self.dilation = (options["DilationHFactor"], options["DilationWFactor"])
        (top, bottom), (left, right) = padding
        symmetric = top == bottom and left == right
        self.padding = (top, left) if symmetric else (0, 0)
        self.pad = None if symmetric else (left, right, top, bottom)
        self.activation = _activation(operator)

    def forward(self, x: Tensor) -> Tensor:
        """Output of the operator for images in NCHW order."""
        if self.pad is not None:
            x = F.pad(x, self.pad)
        x = F.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )
        return _activate(x, self.activation)


class PReLU(nn.Module):
    """Slopes below zero, one a channel."""

    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        slope = np.array(graph.constants[operator.inputs[1]], np.float32).reshape(-1)
        self.slope = nn.Parameter(torch.from_numpy(slope))

    def forward(self, x: Tensor) -> Tensor:
        """Output of the operator for images in NCHW order."""
        return F.prelu(x, self.slope)


class ReLU(nn.Module):
    """Values below zero become zero."""

    def __init__(self, _graph: TFLiteGraph, _operator: Operator, _padding: Padding) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Output of the operator for images in NCHW order."""
        return F.relu(x)


class Add(nn.Module):
    """Sum of two tensors."""

    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        assert not set(operator.inputs) & graph.constants.keys(), "ADD of a constant"
        self.activation = _activation(operator)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Output of the operator for images in NCHW order."""
        return _activate(x + y, self.activation)


class MaxPool(nn.Module):
    """Largest value of each window."""

    def __init__(self, _graph: TFLiteGraph, operator: Operator, padding: Padding) -> None:
        super().__init__()
        options = operator.options
        self.kernel = (options["FilterHeight"], options["FilterWidth"])
        self.stride = (options["StrideH"], options["StrideW"])
        (top, bottom), (left, right) = padding
        self.pad = (left, right, top, bottom)
        self.activation = _activation(operator)

    def forward(self, x: Tensor) -> Tensor:
        """Output of the operator for images in NCHW order."""
        if any(self.pad):
            x = F.pad(x, self.pad, value=float("-inf"))
        return _activate(F.max_pool2d(x, self.kernel, self.stride), self.activation)


class Pad(nn.Module):
    """Zeros around the image and beside the channels."""

    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        batch, rows, columns, channels = graph.constants[operator.inputs[1]].tolist()
        assert batch == [0, 0], "padding of the batch"
        self.pad = (*columns, *rows, *channels)

    def forward(self, x: Tensor) -> Tensor:
        """Output of the operator for images in NCHW order."""
        return F.pad(x, self.pad)


class Resize(nn.Module):
    """Bilinear enlargement by whole factors."""

    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        height, width = graph.shapes[operator.inputs[0]][1:3]
        to_height, to_width = graph.constants[operator.inputs[1]].tolist()
        self.factors = (to_height // height, to_width // width)
        assert (height * self.factors[0], width * self.factors[1]) == (to_height, to_width)
        self.align_corners = bool(operator.options["AlignCorners"])
        # torch supports two of TFLite's three sampling grids, not that of pixel corners.
        assert self.align_corners or operator.options["HalfPixelCenters"], "corner-based resize"

    def forward(self, x: Tensor) -> Tensor:
        """Output of the operator for images in NCHW order."""
        size = (x.shape[2] * self.factors[0], x.shape[3] * self.factors[1])
        return F.interpolate(x, size, mode="bilinear", align_corners=self.align_corners)


class DepthToSpace(nn.Module):
    """Channels become blocks of pixels."""

    def __init__(self, _graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        self.block = operator.options["BlockSize"]

    def forward(self, x: Tensor) -> Tensor:
        """Output of the operator for images in NCHW order."""
        batch, channels, height, width = x.shape
        block = self.block
        # In TFLite the position inside the block comes first and the channel last.
        x = x.reshape(batch, block, block, channels // block**2, height, width)
        x = x.permute(0, 3, 4, 1, 5, 2)  # (B, C, H, block, W, block)
        return x.reshape(batch, channels // block**2, height * block, width * block)


class Reshape(nn.Module):
    """Flattens images in TFLite's order of channels."""

    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        shape = graph.shapes[operator.output]
        assert len(shape) in (2, 3), "only image -> (B, values) or (B, positions, values)"
        self.inner = (-1, shape[2]) if len(shape) == 3 else (-1,)

    def forward(self, x: Tensor) -> Tensor:
        """Output of the operator for images in NCHW order."""
        return x.permute(0, 2, 3, 1).reshape(x.shape[0], *self.inner)


class Concatenation(nn.Module):
    """Tensors one after the other."""

    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        rank = len(graph.shapes[operator.output])
        axis = operator.options["Axis"] % rank
        self.axis = axis if rank < 4 else (0, 2, 3, 1)[axis]
        self.activation = _activation(operator)

    def forward(self, *parts: Tensor) -> Tensor:
        """Output of the operator for images in NCHW order."""
        return _activate(torch.cat(parts, self.axis), self.activation)


class Mean(nn.Module):
    """Mean over the positions of an image."""

    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        axes = graph.constants[operator.inputs[1]].tolist()
        shape = graph.shapes[operator.output]
        assert axes == [1, 2], "only the mean over rows and columns"
        assert len(shape) == 2, "only image -> (B, values)"

    def forward(self, x: Tensor) -> Tensor:
        """Output of the operator for images in NCHW order."""
        return x.mean((2, 3))


class FullyConnected(nn.Module):
    """A linear layer."""

    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        weight, bias = (np.array(graph.constants[i], np.float32) for i in operator.inputs[1:])
        self.weight = nn.Parameter(torch.from_numpy(weight))
        self.bias = nn.Parameter(torch.from_numpy(bias))
        self.activation = _activation(operator)

    def forward(self, x: Tensor) -> Tensor:
        """Output of the operator, ``(B, values)``."""
        return _activate(F.linear(x, self.weight, self.bias), self.activation)


class Logistic(nn.Module):
    """Values become probabilities."""

    def __init__(self, _graph: TFLiteGraph, _operator: Operator, _padding: Padding) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        """Output of the operator."""
        return x.sigmoid()


BUILDERS = {
    "CONV_2D": Convolution,
    "DEPTHWISE_CONV_2D": Convolution,
    "PRELU": PReLU,
    "RELU": ReLU,
    "ADD": Add,
    "MAX_POOL_2D": MaxPool,
    "PAD": Pad,
    "RESIZE_BILINEAR": Resize,
    "DEPTH_TO_SPACE": DepthToSpace,
    "RESHAPE": Reshape,
    "CONCATENATION": Concatenation,
    "MEAN": Mean,
    "FULLY_CONNECTED": FullyConnected,
    "LOGISTIC": Logistic,
}
