"""Reads a TFLite flatbuffer into plain values: operators, constants, shapes.

Constants are ready for use: half precision becomes float32 (``DEQUANTIZE``) and sparse weights
become dense (``DENSIFY``), so the list contains neither operator.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tflite
from numpy.typing import NDArray

from faceswap.core.errors import ModelFileError

_DTYPES = {
    tflite.TensorType.FLOAT32: np.float32,
    tflite.TensorType.FLOAT16: np.float16,
    tflite.TensorType.INT32: np.int32,
    tflite.TensorType.INT64: np.int64,
}
_INDEX_VECTORS = {
    tflite.SparseIndexVector.Int32Vector: tflite.Int32Vector,
    tflite.SparseIndexVector.Uint16Vector: tflite.Uint16Vector,
    tflite.SparseIndexVector.Uint8Vector: tflite.Uint8Vector,
}
_OPERATORS = {
    code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)
}
# Operator -> (its options table, the fields that are read).
_OPTIONS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "CONV_2D": (
        tflite.Conv2DOptions,
        (
            "Padding",
            "StrideH",
            "StrideW",
            "DilationHFactor",
            "DilationWFactor",
            "FusedActivationFunction",
        ),
    ),
    "DEPTHWISE_CONV_2D": (
        tflite.DepthwiseConv2DOptions,
        (
            "Padding",
            "StrideH",
            "StrideW",
            "DilationHFactor",
            "DilationWFactor",
            "FusedActivationFunction",
        ),
    ),
    "MAX_POOL_2D": (
        tflite.Pool2DOptions,
        (
            "Padding",
            "StrideH",
            "StrideW",
            "FilterHeight",
            "FilterWidth",
            "FusedActivationFunction",
        ),
    ),
    "ADD": (tflite.AddOptions, ("FusedActivationFunction",)),
    "CONCATENATION": (tflite.ConcatenationOptions, ("Axis", "FusedActivationFunction")),
    "RESIZE_BILINEAR": (tflite.ResizeBilinearOptions, ("AlignCorners", "HalfPixelCenters")),
    "DEPTH_TO_SPACE": (tflite.DepthToSpaceOptions, ("BlockSize",)),
    "FULLY_CONNECTED": (tflite.FullyConnectedOptions, ("FusedActivationFunction",)),
}


@dataclass(frozen=True)
class Operator:
    """An operator of a graph.

    Args:
        kind: TFLite name, such as ``CONV_2D``.
        inputs: Numbers of its input tensors.
        output: Number of its output tensor.
        options: Fields of its options table by their flatbuffer names.
    """

    kind: str
    inputs: tuple[int, ...]
    output: int
    options: Mapping[str, int]


@dataclass(frozen=True)
class TFLiteGraph:
    """A network.

    Args:
        input: Number of the input tensor.
        outputs: Numbers of the output tensors, in the order of the file.
        operators: Operators in execution order.
        constants: Dense arrays by tensor number, in TFLite's layouts.
        shapes: Static shapes by tensor number, images as (1, H, W, C).
    """

    input: int
    outputs: tuple[int, ...]
    operators: tuple[Operator, ...]
    constants: Mapping[int, NDArray[Any]]
    shapes: Mapping[int, tuple[int, ...]]


def read_graph(path: Path) -> TFLiteGraph:
    """Reads a file with one subgraph, one input, and operators with one output each.

    Raises:
        ModelFileError: The file is not TFLite, or has another structure.
    """
    buffer = path.read_bytes()
    if buffer[4:8] != b"TFL3":
        raise ModelFileError(
            f"Expected a TFLite file in {path}, found another file.", "Download it again."
        )
    try:
        return _parsed(buffer, path)
    except (struct.error, IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(
            f"The TFLite file {path} is damaged ({error}).", "Download it again."
        ) from error


def _parsed(buffer: bytes, path: Path) -> TFLiteGraph:
    # The flatbuffer classes are generated and untyped: None stands for every absent field.
    model: Any = tflite.Model.GetRootAs(buffer, 0)
    graph: Any = model.Subgraphs(0)
    if model.SubgraphsLength() != 1 or graph.InputsLength() != 1:
        raise ModelFileError(f"Expected one subgraph and one input in {path}, found several.")
    constants = _stored_constants(model, graph, path)
    operators: list[Operator] = []
    for index in range(graph.OperatorsLength()):
        operator = _operator(model, graph.Operators(index), path)
        if operator.kind in ("DEQUANTIZE", "DENSIFY") and operator.inputs[0] in constants:
            # Sparse constants are dense already: both operators only convert to float32.
            constants[operator.output] = constants[operator.inputs[0]].astype(np.float32)
        else:
            operators.append(operator)
    return TFLiteGraph(
        input=int(graph.Inputs(0)),
        outputs=tuple(int(i) for i in graph.OutputsAsNumpy()),
        operators=tuple(operators),
        constants=constants,
        shapes={i: _shape(graph.Tensors(i)) for i in range(graph.TensorsLength())},
    )


def _operator(model: Any, operator: Any, path: Path) -> Operator:
    code = model.OperatorCodes(operator.OpcodeIndex())
    # Old files have only the deprecated 8-bit field, new ones both.
    kind = _OPERATORS[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
    if operator.OutputsLength() != 1:
        raise ModelFileError(f"Expected one output of operator {kind} in {path}, found several.")
    options: dict[str, int] = {}
    if kind in _OPTIONS and operator.BuiltinOptions() is not None:
        table_class, fields = _OPTIONS[kind]
        stored = operator.BuiltinOptions()
        table = table_class()
        table.Init(stored.Bytes, stored.Pos)
        options = {field: int(getattr(table, field)()) for field in fields}
    inputs = tuple(int(i) for i in operator.InputsAsNumpy())
    return Operator(kind, inputs, int(operator.Outputs(0)), options)


def _shape(tensor: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in tensor.ShapeAsNumpy()) if tensor.ShapeLength() else ()


def _stored_constants(model: Any, graph: Any, path: Path) -> dict[int, NDArray[Any]]:
    constants: dict[int, NDArray[Any]] = {}
    for index in range(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        stored = model.Buffers(tensor.Buffer())
        if stored.DataLength() == 0:
            continue
        if tensor.Type() not in _DTYPES:
            raise ModelFileError(f"Constant {index} in {path} has an unsupported type.")
        values = np.frombuffer(stored.DataAsNumpy().tobytes(), _DTYPES[tensor.Type()])
        sparsity = tensor.Sparsity()
        shape = _shape(tensor)
        constants[index] = (
            values.reshape(shape) if sparsity is None else _densify(values, sparsity, shape)
        )
    return constants


def _densify(values: NDArray[Any], sparsity: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    """Dense array of stored non-zero values (the TACO format of TFLite's ``SparsityParameters``).

    Dimensions are traversed in ``TraversalOrder``; those from ``len(shape)`` on are the blocks into
    which ``BlockMap`` divides some dimensions.
    """
    order = [int(n) for n in sparsity.TraversalOrderAsNumpy()]
    blocks = [int(n) for n in sparsity.BlockMapAsNumpy()] if sparsity.BlockMapLength() else []
    levels = [sparsity.DimMetadata(i) for i in range(sparsity.DimMetadataLength())]
    # Positions of the values found so far: one row each, in traversal order.
    positions = np.zeros((1, 0), np.int64)
    parents = np.zeros(1, np.int64)
    for level in levels:
        if level.Format() == tflite.DimensionType.DENSE:
            size = level.DenseSize()
            index = np.tile(np.arange(size), len(parents))
            rows = np.repeat(np.arange(len(parents)), size)
            slots = parents[rows] * size + index
        else:
            segments = _index_vector(level.ArraySegmentsType(), level.ArraySegments())
            indices = _index_vector(level.ArrayIndicesType(), level.ArrayIndices())
            counts = np.diff(segments)[parents]
            rows = np.repeat(np.arange(len(parents)), counts)
            slots = np.concatenate(
                [np.arange(segments[p], segments[p + 1]) for p in parents] or [np.zeros(0)]
            ).astype(np.int64)
            index = indices[slots]
        positions = np.concatenate([positions[rows], index[:, None]], axis=1)
        parents = slots
    by_dimension = np.empty_like(positions)
    by_dimension[:, order] = positions
    coordinates = by_dimension[:, : len(shape)]
    for inner, outer in enumerate(blocks):
        size = levels[order.index(len(shape) + inner)].DenseSize()
        coordinates[:, outer] = coordinates[:, outer] * size + by_dimension[:, len(shape) + inner]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(coordinates.T)] = values[parents]
    return dense


def _index_vector(kind: int, table: Any) -> NDArray[np.int64]:
    vector = _INDEX_VECTORS[kind]()
    vector.Init(table.Bytes, table.Pos)
    return vector.ValuesAsNumpy().astype(np.int64)
