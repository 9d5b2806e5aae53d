"""Older operators for ONNX models: programs in use read no newer ones."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import ConfigError

Constants = Mapping[str, NDArray[np.generic]]

_IR_VERSIONS = {12: 7}
_MOST_SIDES = 1 << 30  # more than a tensor has
# Operators that mean the same in version 12 as in those that torch writes, as torch writes them.
_NAMES = (
    "Abs Add And AveragePool BatchNormalization Cast Clip Concat Constant ConstantOfShape Conv "
    "Cos Div Einsum Equal Erf Exp Expand Flatten Floor Gather GatherElements GatherND Gemm "
    "GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid Identity "
    "InstanceNormalization LeakyRelu Less LessOrEqual Log MatMul Max MaxPool Min Mod Mul Neg "
    "Not Or Pow PRelu Range Reciprocal Relu Round Sigmoid Sign Sin Slice Softplus Sqrt Sub "
    "Tanh Tile Transpose Where"
)
_SAME = frozenset(_NAMES.split())
_WITH_AXES = frozenset(
    {"ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Squeeze", "Unsqueeze"}
)


def lower_opset(model: Any, opset: int) -> None:
    """Rewrites a model of the exporter with an older version of the operators, in place.

    Args:
        model: ``onnx.ModelProto``.
        opset: Version of the operators: 12.

    Raises:
        ConfigError: An operator has no such old form.
    """
    from onnx import numpy_helper

    graph = model.graph
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    nodes = []
    for node in graph.node:
        older = _older(node, constants)
        if older is None:
            raise ConfigError(
                f"The operator {node.op_type} of this network cannot be written in version {opset} "
                "of ONNX, which this format needs.",
                "Export to ONNX instead, or train another model.",
            )
        nodes += older
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    for name, values in constants.items():
        if name in used:
            graph.initializer.append(numpy_helper.from_array(values, name))
    model.opset_import[0].version = opset
    model.ir_version = _IR_VERSIONS[opset]


def _older(node: Any, constants: Constants) -> list[Any] | None:
    """Nodes of the older version that compute the same as a node; None without any."""
    if node.op_type in _SAME:
        return [node]
    if node.op_type in _WITH_AXES:
        return _with_axes(node, constants)
    rewrite = _REWRITES.get(node.op_type)
    return None if rewrite is None else rewrite(node, constants)


def _with_axes(node: Any, constants: Constants) -> list[Any] | None:
    """The axes are an attribute before version 13 or 18."""
    from onnx import helper

    none_if_empty = _take(node, "noop_with_empty_axes")
    if not any(node.input[1:]):  # all axes
        del node.input[1:]
        return None if none_if_empty else [node]
    axes = constants.get(node.input[1])
    if axes is None:
        return None
    del node.input[1:]
    node.attribute.append(helper.make_attribute("axes", np.atleast_1d(axes).tolist()))
    return [node]


def _reshape(node: Any, _constants: Constants) -> list[Any]:
    """The attribute matters for empty tensors only: there are none."""
    _take(node, "allowzero")
    return [node]


def _pad(node: Any, _constants: Constants) -> list[Any] | None:
    """Axes are an input since version 18: all by default."""
    if any(node.input[3:]):
        return None
    del node.input[3:]
    return [node]


def _shape(node: Any, _constants: Constants) -> list[Any]:
    """Some sides only are given since version 15."""
    start, end = _take(node, "start"), _take(node, "end")
    if start is None and end is None:
        return [node]
    steps = _Steps(node)
    first, last = (
        steps.integers([each]) for each in (start or 0, _MOST_SIDES if end is None else end)
    )
    whole = steps.add("Shape", node.input[0])
    return steps.end("Slice", whole, first, last)


def _split(node: Any, constants: Constants) -> list[Any] | None:
    """The sides are an attribute before version 13; without them, all are equal."""
    from onnx import helper

    _take(node, "num_outputs")
    if len(node.input) > 1:
        sides = constants.get(node.input[1])
        if sides is None:
            return None
        del node.input[1:]
        node.attribute.append(helper.make_attribute("split", sides.tolist()))
    return [node]


def _scatter(node: Any, _constants: Constants) -> list[Any] | None:
    """Values may be combined with earlier ones since version 16; by default they are not."""
    for attribute in list(node.attribute):
        if attribute.name == "reduction":
            if attribute.s != b"none":
                return None
            node.attribute.remove(attribute)
    return [node]


def _softmax(node: Any, _constants: Constants) -> list[Any]:
    """Before version 13, all axes from the given one on are joined."""
    from onnx import helper

    axis = _take(node, "axis")
    axis = -1 if axis is None else axis
    if axis == -1:
        node.attribute.append(helper.make_attribute("axis", axis))
        return [node]
    steps = _Steps(node)
    largest = steps.add("ReduceMax", node.input[0], axes=[axis])
    powers = steps.add("Exp", steps.add("Sub", node.input[0], largest))
    return steps.end("Div", powers, steps.add("ReduceSum", powers, axes=[axis]))


def _hard_swish(node: Any, _constants: Constants) -> list[Any]:
    """Since version 14: ``x * max(0, min(1, x / 6 + 0.5))``."""
    steps = _Steps(node)
    gate = steps.add("HardSigmoid", node.input[0], alpha=1 / 6, beta=0.5)
    return steps.end("Mul", node.input[0], gate)


def _layer_normalisation(node: Any, constants: Constants) -> list[Any] | None:
    """Since version 17: Ba et al. (2016), over the axes of the scale."""
    scale = constants.get(node.input[1])
    if scale is None or len(node.output) > 1:
        return None
    epsilon = next((each.f for each in node.attribute if each.name == "epsilon"), 1e-5)
    axes = list(range(-scale.ndim, 0))
    steps = _Steps(node)
    apart = steps.add("Sub", node.input[0], steps.add("ReduceMean", node.input[0], axes=axes))
    variance = steps.add("ReduceMean", steps.add("Mul", apart, apart), axes=axes)
    above_zero = steps.add("Add", variance, steps.add("Constant", value_float=epsilon))
    scaled = [steps.add("Div", apart, steps.add("Sqrt", above_zero)), node.input[1]]
    if not any(node.input[2:]):
        return steps.end("Mul", *scaled)
    return steps.end("Add", steps.add("Mul", *scaled), node.input[2])


class _Steps:
    """Nodes that take the place of one.

    Args:
        node: The node; the last step has its output.
    """

    def __init__(self, node: Any) -> None:
        self._output = node.output[0]
        self._nodes: list[Any] = []

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Adds a node; returns the name of its output."""
        return self._add(operator, inputs, f"{self._output}/{len(self._nodes)}", attributes)

    def integers(self, values: list[int]) -> str:
        """Adds a constant; returns its name."""
        return self.add("Constant", value_ints=values)

    def end(self, operator: str, *inputs: str) -> list[Any]:
        """Adds the last node; returns all."""
        self._add(operator, inputs, self._output, {})
        return self._nodes

    def _add(
        self, operator: str, inputs: Sequence[str], output: str, attributes: Mapping[str, Any]
    ) -> str:
        from onnx import helper

        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output


_REWRITES: Mapping[str, Callable[[Any, Constants], list[Any] | None]] = {
    "HardSwish": _hard_swish,
    "LayerNormalization": _layer_normalisation,
    "Pad": _pad,
    "Reshape": _reshape,
    "ScatterElements": _scatter,
    "ScatterND": _scatter,
    "Shape": _shape,
    "Softmax": _softmax,
    "Split": _split,
}


def _take(node: Any, name: str) -> int | None:
    """Removes an integer attribute; returns its value, or None without it."""
    for attribute in node.attribute:
        if attribute.name == name:
            node.attribute.remove(attribute)
            return attribute.i
    return None
