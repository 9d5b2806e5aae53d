"""A TFLite network as a torch module, batched and on any device."""

from pathlib import Path

import tflite
import torch
from torch import Tensor, nn

from faceswap.core.errors import ModelFileError
from faceswap.core.tflite_cuda import CUDARunner
from faceswap.core.tflite_graph import Operator, TFLiteGraph, read_graph
from faceswap.core.tflite_onnx import CPURunner
from faceswap.core.tflite_steps import BUILDERS, Padding


class TFLiteNet(nn.Module):
    """Runs the operators of a TFLite file on NCHW tensors.

    On the CPU onnxruntime runs them as one model, elsewhere torch does, on a CUDA device as a CUDA
    graph. Images are (B, C, H, W).
    Reshapes use TFLite's (B, H, W, C) order, so flattened outputs have the order of the original.

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
            if operator.kind not in BUILDERS:
                raise ModelFileError(f"Operator {operator.kind} in {path} is not supported.")
            self.steps.append(BUILDERS[operator.kind](graph, operator, padding))
            reads = tuple(i for i in operator.inputs if i not in graph.constants)
            wiring.append((reads, operator.output))
        self._wiring = _with_last_uses(wiring, graph.outputs)
        self.requires_grad_(False)  # noqa: FBT003
        self.cpu_runner = CPURunner(list(self.steps), wiring, graph.input, graph.outputs)
        self._cuda_runner = CUDARunner()
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
        if images.device.type == "cpu":
            return self.cpu_runner(images)
        if images.device.type == "cuda":
            return self._cuda_runner(self.run_steps, images)
        return self.run_steps(images)

    def run_steps(self, images: Tensor) -> tuple[Tensor, ...]:
        """Outputs by torch operators on any device; see ``forward``."""
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
