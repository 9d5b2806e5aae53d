"""Older operators for ONNX models: programs in use read no newer ones."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import ConfigError

_IR_VERSIONS = {12: 7}
_MOST_SIDES = 1 << 30  # more than a tensor has
# Operators that mean the same in version 12 as in those that torch writes, as torch writes them.
_NAMES = (
    "Abs Add AveragePool BatchNormalization Cast Clip Concat Constant ConstantOfShape Conv Cos "
    "Div Equal Erf Exp Expand Flatten Floor Gather Gemm GlobalAveragePool Greater GreaterOrEqual "
    "Identity InstanceNormalization LeakyRelu Less LessOrEqual Log MatMul Max MaxPool Min Mul Neg "
    "Not Pow PRelu Range Reciprocal Relu Round Sigmoid Sign Sin Slice Softplus Sqrt Sub Tanh "
    "Transpose Where"
)
_SAME = frozenset(_NAMES.split())
_WITH_AXES = frozenset(
    {"ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum", "Squeeze", "Unsqueeze"}
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
    for node in graph.node:
        if not (node.op_type in _SAME or _rewrite(node, constants)):
            raise ConfigError(
                f"The operator {node.op_type} of this network cannot be written in version {opset} "
                "of ONNX, which this format needs.",
                "Export to ONNX instead, or train another model.",
            )
    nodes = [new for node in graph.node for new in _divided(node)]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    for name, values in constants.items():
        if name in used:
            graph.initializer.append(numpy_helper.from_array(values, name))
    model.opset_import[0].version = opset
    model.ir_version = _IR_VERSIONS[opset]


def _rewrite(node: Any, constants: Mapping[str, NDArray[np.generic]]) -> bool:
    """Gives a node its older form; returns whether there is one."""
    from onnx import helper

    if node.op_type in _WITH_AXES:  # an attribute before version 13 or 18
        axes = constants.get(node.input[1]) if len(node.input) > 1 else None
        if axes is None:
            return False
        del node.input[1:]
        node.attribute.append(helper.make_attribute("axes", np.atleast_1d(axes).tolist()))
        _take(node, "noop_with_empty_axes")
        return True
    if node.op_type == "Reshape":  # the attribute matters for empty tensors only: there are none
        _take(node, "allowzero")
        return True
    if node.op_type == "Pad" and not any(node.input[3:]):  # axes, since version 18: all by default
        del node.input[3:]
        return True
    return node.op_type == "Shape"


def _divided(node: Any) -> list[Any]:
    """A node, or the nodes of a ``Shape`` that gives some sides only, as since version 15."""
    from onnx import helper

    start, end = _take(node, "start"), _take(node, "end")
    if node.op_type != "Shape" or (start is None and end is None):
        return [node]
    output, whole = node.output[0], f"{node.output[0]}_whole"
    node.output[0] = whole
    bounds = {f"{output}_start": start or 0, f"{output}_end": _MOST_SIDES if end is None else end}
    values = [
        helper.make_node("Constant", [], [name], value_ints=[bound])
        for name, bound in bounds.items()
    ]
    return [node, *values, helper.make_node("Slice", [whole, *bounds], [output])]


def _take(node: Any, name: str) -> int | None:
    """Removes an integer attribute; returns its value, or None without it."""
    for attribute in node.attribute:
        if attribute.name == name:
            node.attribute.remove(attribute)
            return attribute.i
    return None
