"""TFLite networks on the CPU: the operators as one ONNX model, which onnxruntime runs.

These networks are small: as torch operators, most of their time is the overhead of a hundred calls.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tflite
import torch
from torch import Tensor, nn

from faceswap.core import onnx_format, tflite_steps
from faceswap.core.onnx_runtime import InferenceSession, open_session

Wiring = Sequence[tuple[tuple[int, ...], int]]
"""Per step the numbers of the tensors that it reads, and of the one that it makes."""


class CPURunner:
    """Runs a network with as many threads as torch uses in the calling thread.

    Args:
        steps: Modules of ``tflite_steps``, in order.
        wiring: Tensors that connect them.
        source: Number of the input.
        outputs: Numbers of the outputs.

    Attributes:
        sessions: Sessions by number of threads, made when they are first needed.
    """

    def __init__(
        self, steps: Sequence[nn.Module], wiring: Wiring, source: int, outputs: Sequence[int]
    ) -> None:
        self._model = _to_onnx(steps, wiring, source, outputs)
        self.sessions: dict[int, InferenceSession] = {}

    def __call__(self, images: Tensor) -> tuple[Tensor, ...]:
        """Outputs of a batch of images, (B, 3, H, W) float32 on the CPU."""
        found = self._session().run(None, {"images": images.contiguous().numpy()})
        return tuple(torch.from_numpy(np.asarray(values)) for values in found)

    def _session(self) -> InferenceSession:
        threads = torch.get_num_threads()
        if threads not in self.sessions:
            self.sessions[threads] = open_session(self._model, threads)
        return self.sessions[threads]


class _Graph:
    """Operators and constants of an ONNX model that is being made."""

    def __init__(self) -> None:
        self.nodes: list[bytes] = []
        self.tensors: list[bytes] = []

    def constant(self, values: Any) -> str:
        """Adds a constant, float32 or else int64, and returns its name."""
        array = np.asarray(values)
        kind = np.float32 if array.dtype.kind == "f" else np.int64
        name = f"constant{len(self.tensors)}"
        self.tensors.append(onnx_format.tensor(name, np.ascontiguousarray(array, kind)))
        return name

    def add(
        self, kind: str, inputs: Sequence[str], output: str, **attributes: onnx_format.Attribute
    ) -> None:
        """Adds an operator that makes ``output``."""
        self.nodes.append(onnx_format.node(kind, inputs, output, attributes))

    def add_activated(
        self,
        activation: int,
        kind: str,
        inputs: Sequence[str],
        output: str,
        **attributes: onnx_format.Attribute,
    ) -> None:
        """Adds an operator and the activation that TFLite fuses with it."""
        if activation == tflite.ActivationFunctionType.NONE:
            return self.add(kind, inputs, output, **attributes)
        before = f"{output}_before"
        self.add(kind, inputs, before, **attributes)
        if activation == tflite.ActivationFunctionType.RELU:
            return self.add("Relu", [before], output)
        assert activation == tflite.ActivationFunctionType.RELU6, f"activation {activation}"
        bounds = [self.constant(np.float32(bound)) for bound in (0, 6)]
        return self.add("Clip", [before, *bounds], output)


def _to_onnx(
    steps: Sequence[nn.Module], wiring: Wiring, source: int, outputs: Sequence[int]
) -> bytes:
    graph = _Graph()
    names = {source: "images"}
    for step, (reads, output) in zip(steps, wiring, strict=True):
        names[output] = f"value{output}"
        _WRITERS[type(step)](graph, step, [names[number] for number in reads], names[output])
    return onnx_format.model(
        graph.nodes,
        graph.tensors,
        ("images", ["batch", 3, "height", "width"]),
        [names[number] for number in outputs],
    )


def _convolution(
    graph: _Graph, step: tflite_steps.Convolution, inputs: list[str], output: str
) -> None:
    left, right, top, bottom = step.pad or (step.padding[1],) * 2 + (step.padding[0],) * 2
    constants = [graph.constant(values.cpu().numpy()) for values in (step.weight, step.bias)]
    graph.add_activated(
        step.activation,
        "Conv",
        [*inputs, *constants],
        output,
        pads=[top, left, bottom, right],
        strides=step.stride,
        dilations=step.dilation,
        group=step.groups,
    )


def _prelu(graph: _Graph, step: tflite_steps.PReLU, inputs: list[str], output: str) -> None:
    # slope * x + (1 - slope) * max(x, 0): onnxruntime's own PRelu took 70 % of the time of the
    # landmark networks. It is not vectorised, and breaks the blocked layout of convolutions.
    slope = step.slope.cpu().numpy().reshape(-1, 1, 1)
    positive, above, line = (f"{output}_{name}" for name in ("positive", "above", "line"))
    graph.add("Relu", inputs, positive)
    graph.add("Mul", [positive, graph.constant(1 - slope)], above)
    graph.add("Mul", [*inputs, graph.constant(slope)], line)
    graph.add("Add", [above, line], output)


def _relu(graph: _Graph, _step: tflite_steps.ReLU, inputs: list[str], output: str) -> None:
    graph.add("Relu", inputs, output)


def _add(graph: _Graph, step: tflite_steps.Add, inputs: list[str], output: str) -> None:
    graph.add_activated(step.activation, "Add", inputs, output)


def _max_pool(graph: _Graph, step: tflite_steps.MaxPool, inputs: list[str], output: str) -> None:
    left, right, top, bottom = step.pad
    pads = [top, left, bottom, right]
    graph.add_activated(
        step.activation,
        "MaxPool",
        inputs,
        output,
        pads=pads,
        strides=step.stride,
        kernel_shape=step.kernel,
    )


def _pad(graph: _Graph, step: tflite_steps.Pad, inputs: list[str], output: str) -> None:
    left, right, top, bottom, first, last = step.pad
    pads = graph.constant([0, first, top, left, 0, last, bottom, right])
    graph.add("Pad", [*inputs, pads], output)


def _resize(graph: _Graph, step: tflite_steps.Resize, inputs: list[str], output: str) -> None:
    scales = graph.constant(np.array([1, 1, *step.factors], np.float32))
    grid = "align_corners" if step.align_corners else "half_pixel"
    graph.add(
        "Resize",
        [*inputs, "", scales],
        output,
        mode="linear",
        coordinate_transformation_mode=grid,
    )


def _depth_to_space(
    graph: _Graph, step: tflite_steps.DepthToSpace, inputs: list[str], output: str
) -> None:
    graph.add("DepthToSpace", inputs, output, blocksize=step.block, mode="DCR")


def _reshape(graph: _Graph, step: tflite_steps.Reshape, inputs: list[str], output: str) -> None:
    last = f"{output}_channels_last"
    graph.add("Transpose", inputs, last, perm=[0, 2, 3, 1])
    graph.add("Reshape", [last, graph.constant([0, *step.inner])], output)


def _concatenation(
    graph: _Graph, step: tflite_steps.Concatenation, inputs: list[str], output: str
) -> None:
    graph.add_activated(step.activation, "Concat", inputs, output, axis=step.axis)


def _mean(graph: _Graph, _step: tflite_steps.Mean, inputs: list[str], output: str) -> None:
    pooled = f"{output}_pooled"
    graph.add("GlobalAveragePool", inputs, pooled)
    graph.add("Flatten", [pooled], output)


def _fully_connected(
    graph: _Graph, step: tflite_steps.FullyConnected, inputs: list[str], output: str
) -> None:
    constants = [graph.constant(values.cpu().numpy()) for values in (step.weight, step.bias)]
    graph.add_activated(step.activation, "Gemm", [*inputs, *constants], output, transB=1)


def _logistic(graph: _Graph, _step: tflite_steps.Logistic, inputs: list[str], output: str) -> None:
    graph.add("Sigmoid", inputs, output)


_WRITERS: Mapping[type[nn.Module], Callable[[_Graph, Any, list[str], str], None]] = {
    tflite_steps.Convolution: _convolution,
    tflite_steps.PReLU: _prelu,
    tflite_steps.ReLU: _relu,
    tflite_steps.Add: _add,
    tflite_steps.MaxPool: _max_pool,
    tflite_steps.Pad: _pad,
    tflite_steps.Resize: _resize,
    tflite_steps.DepthToSpace: _depth_to_space,
    tflite_steps.Reshape: _reshape,
    tflite_steps.Concatenation: _concatenation,
    tflite_steps.Mean: _mean,
    tflite_steps.FullyConnected: _fully_connected,
    tflite_steps.Logistic: _logistic,
}
