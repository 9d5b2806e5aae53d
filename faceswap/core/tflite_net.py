"""A TFLite network as a torch module, batched and on any device."""

from pathlib import Path

import numpy as np
import tflite
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from faceswap.core.errors import ModelFileError
from faceswap.core.tflite_graph import Operator, TFLiteGraph, read_graph

# (before, after) rows and (before, after) columns.
Padding = tuple[tuple[int, int], tuple[int, int]]


class TFLiteNet(nn.Module):
    """Runs the operators of a TFLite file on NCHW tensors.

    Images are (B, C, H, W) in channels-last memory. Reshapes use TFLite's (B, H, W, C) order, so
    flattened outputs have the order of the original.

    Fully convolutional networks also accept inputs with other sides that are multiples of the total
    stride; their outputs then have more or fewer positions.

    Args:
        path: TFLite file with the structure that `read_graph` supports.

    Raises:
        ModelFileError: The file is not TFLite or uses an operator that is not supported.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        graph = read_graph(path)
        self.input_size = graph.shapes[graph.input][1:3]
        self._input = graph.input
        self._outputs = graph.outputs
        self.steps = nn.ModuleList()
        wiring: list[tuple[tuple[int, ...], int]] = []
        for operator, padding in _fold_padding(graph):
            if operator.kind not in _BUILDERS:
                raise ModelFileError(f"Operator {operator.kind} in {path} is not supported.")
            self.steps.append(_BUILDERS[operator.kind](graph, operator, padding))
            reads = tuple(i for i in operator.inputs if i not in graph.constants)
            wiring.append((reads, operator.output))
        self._wiring = _with_last_uses(wiring, graph.outputs)
        self.requires_grad_(False)  # noqa: FBT003
        self.eval()
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Outputs in the order of the file.

        Args:
            images: Images, (B, C, H, W) float32, in the value range the network was trained on.

        Returns:
            Per output a tensor with the shape of the original and a leading B; images stay
            (B, C, H, W).
        """
        values = {self._input: images.contiguous(memory_format=torch.channels_last)}
        for step, (reads, output, dead) in zip(self.steps, self._wiring, strict=True):
            values[output] = step(*[values[i] for i in reads])
            for i in dead:
                del values[i]
        return tuple(values[i] for i in self._outputs)


def _with_last_uses(
    wiring: list[tuple[tuple[int, ...], int]], outputs: tuple[int, ...]
) -> list[tuple[tuple[int, ...], int, tuple[int, ...]]]:
    """Adds to each step the tensors that no later step reads, so that they can be freed."""
    needed = set(outputs)
    result = []
    for reads, output in reversed(wiring):
        result.append((reads, output, tuple(set(reads) - needed)))
        needed.update(reads)
    return result[::-1]


def _fold_padding(graph: TFLiteGraph) -> list[tuple[Operator, Padding]]:
    """Operators with their padding; a PAD that only feeds convolutions is merged into them."""
    pads: dict[int, tuple[int, Padding]] = {}
    folded: list[tuple[Operator, Padding]] = []
    for operator in graph.operators:
        if operator.kind == "PAD":
            amounts = graph.constants[operator.inputs[1]]
            only_space = not amounts[0].any() and not amounts[3].any()
            readers = [o for o in graph.operators if operator.output in o.inputs]
            if only_space and all(_takes_padding(o) for o in readers):
                rows, columns = amounts[1], amounts[2]
                padding = ((int(rows[0]), int(rows[1])), (int(columns[0]), int(columns[1])))
                pads[operator.output] = (operator.inputs[0], padding)
                continue
        padding = _same_padding(graph, operator)
        if operator.inputs[0] in pads:
            source, padding = pads[operator.inputs[0]]
            operator = Operator(
                operator.kind, (source, *operator.inputs[1:]), operator.output, operator.options
            )
        folded.append((operator, padding))
    return folded


def _takes_padding(operator: Operator) -> bool:
    convolution = operator.kind in ("CONV_2D", "DEPTHWISE_CONV_2D")
    return convolution and operator.options["Padding"] == tflite.Padding.VALID


def _same_padding(graph: TFLiteGraph, operator: Operator) -> Padding:
    """TFLite's SAME padding: the odd pixel is added at the end."""
    if operator.options.get("Padding") != tflite.Padding.SAME or "StrideH" not in operator.options:
        return ((0, 0), (0, 0))
    options = operator.options
    if operator.kind == "MAX_POOL_2D":
        kernel = (options["FilterHeight"], options["FilterWidth"])
    else:
        _, height, width, _ = graph.constants[operator.inputs[1]].shape
        kernel = (
            (height - 1) * options["DilationHFactor"] + 1,
            (width - 1) * options["DilationWFactor"] + 1,
        )
    strides = (options["StrideH"], options["StrideW"])
    size = graph.shapes[operator.inputs[0]][1:3]
    sides = []
    for length, window, stride in zip(size, kernel, strides, strict=True):
        steps = -(-length // stride)
        total = max((steps - 1) * stride + window - length, 0)
        sides.append((total // 2, total - total // 2))
    return (sides[0], sides[1])


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


class _Convolution(nn.Module):
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
        if self.pad is not None:
            x = F.pad(x, self.pad)
        x = F.conv2d(
            x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )
        return _activate(x, self.activation)


class _PReLU(nn.Module):
    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        slope = np.array(graph.constants[operator.inputs[1]], np.float32).reshape(-1)
        self.slope = nn.Parameter(torch.from_numpy(slope))

    def forward(self, x: Tensor) -> Tensor:
        return F.prelu(x, self.slope)


class _ReLU(nn.Module):
    def __init__(self, _graph: TFLiteGraph, _operator: Operator, _padding: Padding) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x)


class _Add(nn.Module):
    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        assert not set(operator.inputs) & graph.constants.keys(), "ADD of a constant"
        self.activation = _activation(operator)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return _activate(x + y, self.activation)


class _MaxPool(nn.Module):
    def __init__(self, _graph: TFLiteGraph, operator: Operator, padding: Padding) -> None:
        super().__init__()
        options = operator.options
        self.kernel = (options["FilterHeight"], options["FilterWidth"])
        self.stride = (options["StrideH"], options["StrideW"])
        (top, bottom), (left, right) = padding
        self.pad = (left, right, top, bottom)
        self.activation = _activation(operator)

    def forward(self, x: Tensor) -> Tensor:
        if any(self.pad):
            x = F.pad(x, self.pad, value=float("-inf"))
        return _activate(F.max_pool2d(x, self.kernel, self.stride), self.activation)


class _Pad(nn.Module):
    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        batch, rows, columns, channels = graph.constants[operator.inputs[1]].tolist()
        assert batch == [0, 0], "padding of the batch"
        self.pad = (*columns, *rows, *channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, self.pad)


class _Resize(nn.Module):
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
        size = (x.shape[2] * self.factors[0], x.shape[3] * self.factors[1])
        return F.interpolate(x, size, mode="bilinear", align_corners=self.align_corners)


class _DepthToSpace(nn.Module):
    def __init__(self, _graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        self.block = operator.options["BlockSize"]

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, height, width = x.shape
        block = self.block
        # In TFLite the position inside the block comes first and the channel last.
        x = x.reshape(batch, block, block, channels // block**2, height, width)
        x = x.permute(0, 3, 4, 1, 5, 2)  # (B, C, H, block, W, block)
        return x.reshape(batch, channels // block**2, height * block, width * block)


class _Reshape(nn.Module):
    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        shape = graph.shapes[operator.output]
        assert len(shape) in (2, 3), "only image -> (B, values) or (B, positions, values)"
        self.inner = (-1, shape[2]) if len(shape) == 3 else (-1,)

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).reshape(x.shape[0], *self.inner)


class _Concatenation(nn.Module):
    def __init__(self, graph: TFLiteGraph, operator: Operator, _padding: Padding) -> None:
        super().__init__()
        rank = len(graph.shapes[operator.output])
        axis = operator.options["Axis"] % rank
        self.axis = axis if rank < 4 else (0, 2, 3, 1)[axis]
        self.activation = _activation(operator)

    def forward(self, *parts: Tensor) -> Tensor:
        return _activate(torch.cat(parts, self.axis), self.activation)


_BUILDERS = {
    "CONV_2D": _Convolution,
    "DEPTHWISE_CONV_2D": _Convolution,
    "PRELU": _PReLU,
    "RELU": _ReLU,
    "ADD": _Add,
    "MAX_POOL_2D": _MaxPool,
    "PAD": _Pad,
    "RESIZE_BILINEAR": _Resize,
    "DEPTH_TO_SPACE": _DepthToSpace,
    "RESHAPE": _Reshape,
    "CONCATENATION": _Concatenation,
}
