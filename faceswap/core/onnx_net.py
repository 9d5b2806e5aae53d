"""An ONNX network of a few common operators as a torch module: batched, differentiable."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from faceswap.core.errors import ModelFileError
from faceswap.core.optional import require

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto

_Attributes = Mapping[str, Any]


class ONNXNet(nn.Module):
    """Runs the operators of an ONNX file with one input and one output on batches.

    onnxruntime is faster, but knows no gradients. Weights are buffers: they are not trained.

    Args:
        path: ONNX file.

    Raises:
        MissingExtraError: The package ``onnx`` is not installed.
        ModelFileError: The file is not ONNX, or uses an operator that is not supported.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        graph = _read(path).graph
        constants = _constants(graph)
        self._input = next(i.name for i in graph.input if i.name not in constants)
        self._output = graph.output[0].name
        self._steps: list[tuple[Callable[..., Tensor], list[str], str, dict[str, Any]]] = []
        self._buffer_of: dict[str, str] = {}
        for node in graph.node:
            if node.op_type == "Constant":
                continue
            if node.op_type not in _OPERATORS:
                raise ModelFileError(
                    f"Expected operators among {', '.join(_OPERATORS)} in {path}, found "
                    f"{node.op_type}.",
                    "Use another file.",
                )
            self._steps.append(
                (_OPERATORS[node.op_type], list(node.input), node.output[0], _attributes(node))
            )
        for number, (name, value) in enumerate(constants.items()):
            self._buffer_of[name] = f"constant_{number}"
            self.register_buffer(self._buffer_of[name], value, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """The output for a batch, whatever the batch size that the file was exported with."""
        values = {self._input: images}
        for operator, inputs, output, attributes in self._steps:
            values[output] = operator(attributes, *(self._value(n, values) for n in inputs))
        return values[self._output]

    def _value(self, name: str, values: Mapping[str, Tensor]) -> Tensor | None:
        if not name:  # an optional input that was left out
            return None
        return values[name] if name in values else self.get_buffer(self._buffer_of[name])


def _read(path: Path) -> "ModelProto":
    onnx = require("onnx", "export")
    try:
        return onnx.load(str(path))
    except Exception as error:  # of protobuf, whose kinds depend on its version
        raise ModelFileError(
            f"Expected an ONNX network in {path}, found another file.", "Correct the path."
        ) from error


def _constants(graph: "GraphProto") -> dict[str, Tensor]:
    from onnx import numpy_helper

    found = {tensor.name: tensor for tensor in graph.initializer}
    found |= {
        node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"
    }
    return {
        name: torch.from_numpy(numpy_helper.to_array(value).copy()) for name, value in found.items()
    }


def _attributes(node: Any) -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _conv(
    attributes: _Attributes, images: Tensor, kernel: Tensor, bias: Tensor | None = None
) -> Tensor:
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    padding = (top, left)
    if padding != (bottom, right):
        images, padding = F.pad(images, (left, right, top, bottom)), (0, 0)
    return F.conv2d(
        images,
        kernel,
        bias,
        attributes.get("strides", [1, 1]),
        padding,
        attributes.get("dilations", [1, 1]),
        attributes.get("group", 1),
    )


def _clip(_: _Attributes, values: Tensor, low: Tensor | None, high: Tensor | None) -> Tensor:
    return torch.clamp(values, low, high)


def _reshape(_: _Attributes, values: Tensor, shape: Tensor) -> Tensor:
    return values.reshape(len(values), *shape.tolist()[1:])


_OPERATORS: dict[str, Callable[..., Tensor]] = {
    "Add": lambda _, first, second: first + second,
    "Clip": _clip,
    "Conv": _conv,
    "Relu": lambda _, values: values.relu(),
    "Reshape": _reshape,
}
