"""Writes small ONNX models, without the package `onnx`: the protocol buffers of a few messages.

Field numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

OPSET = 17
_IR_VERSION = 8
_FLOAT, _INT64 = 1, 7  # TensorProto.DataType
Attribute = int | str | Sequence[int]


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers have ten bytes
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes | str) -> bytes:
    content = content.encode() if isinstance(content, str) else content
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def tensor(name: str, values: NDArray[np.float32 | np.int64]) -> bytes:
    """An initializer: a constant of a graph."""
    kind = _FLOAT if values.dtype == np.float32 else _INT64
    dims = b"".join(_integer(1, length) for length in values.shape)
    raw = values.astype(values.dtype.newbyteorder("<"), order="C").tobytes()
    return dims + _integer(2, kind) + _message(8, name) + _message(9, raw)


def node(
    kind: str, inputs: Sequence[str], output: str, attributes: Mapping[str, Attribute]
) -> bytes:
    """An operator with one output."""
    return b"".join(
        [
            *(_message(1, name) for name in inputs),
            _message(2, output),
            _message(4, kind),
            *(_message(5, _attribute(name, value)) for name, value in attributes.items()),
        ]
    )


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        content = _integer(3, value) + _integer(20, 2)
    elif isinstance(value, str):
        content = _message(4, value) + _integer(20, 3)
    else:
        content = b"".join(_integer(8, each) for each in value) + _integer(20, 7)
    return _message(1, name) + content


def _value(name: str, shape: Sequence[int | str] | None) -> bytes:
    """A float32 input or output; text stands for a length that is not fixed."""
    kind = _integer(1, _FLOAT)
    if shape is not None:
        sides = (_message(2, n) if isinstance(n, str) else _integer(1, n) for n in shape)
        kind += _message(2, b"".join(_message(1, side) for side in sides))
    return _message(1, name) + _message(2, _message(1, kind))


def model(
    nodes: Sequence[bytes],
    tensors: Sequence[bytes],
    source: tuple[str, Sequence[int | str]],
    outputs: Sequence[str],
) -> bytes:
    """A model file.

    Args:
        nodes: Operators in the order of computation.
        tensors: Constants.
        source: Name and shape of the input.
        outputs: Names of the outputs.
    """
    graph = b"".join(
        [
            *(_message(1, each) for each in nodes),
            _message(2, "graph"),
            *(_message(5, each) for each in tensors),
            _message(11, _value(*source)),
            *(_message(12, _value(name, None)) for name in outputs),
        ]
    )
    opset = _message(1, "") + _integer(2, OPSET)
    return _integer(1, _IR_VERSION) + _message(7, graph) + _message(8, opset)
