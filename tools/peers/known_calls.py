"""The calls in pickles of NumPy arrays, their scalars and DeepFaceLab's enumerations.

Each is recognised by its name and its arguments, and replaced by the value it would give; a name
that is not listed here is refused before anything is done with it.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import DocumentError

_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_CALLS = {
    **{(module, "_reconstruct"): "empty array" for module in _MULTIARRAY},
    **{(module, "scalar"): "scalar" for module in _MULTIARRAY},
    **{(module, "_frombuffer"): "array" for module in _NUMERIC},
    ("numpy", "dtype"): "element type",
    ("numpy", "ndarray"): "array type",
    ("_codecs", "encode"): "bytes",
    ("facelib.FaceType", "FaceType"): "enumeration",
    ("samplelib.Sample", "SampleType"): "enumeration",
}
_CODES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")


@dataclass(frozen=True)
class Name:
    """A function or class that a pickle names; it is never looked up.

    Attributes:
        path: Module and name, for messages.
        kind: What it makes.
    """

    path: str
    kind: str

    def __str__(self) -> str:
        return self.path


@dataclass(eq=False)
class ElementType:
    """Type of array elements, completed by ``fill``.

    Attributes:
        code: Kind and size, such as ``f8``.
        order: Byte order: ``<``, ``>``, or ``|`` for a single byte.
    """

    code: str
    order: str = "|"

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type, for ``numpy.frombuffer``."""
        return np.dtype(self.order + self.code)


@dataclass(eq=False)
class UnfilledArray:
    """An array of which only the existence is known, completed by ``fill``.

    Attributes:
        array: The array; None until it is known.
    """

    array: NDArray[Any] | None = None


def known_name(module: str, name: str) -> Name:
    """Recognises the name of a function or class.

    Raises:
        DocumentError: It is not known to make data.
    """
    kind = _CALLS.get((module, name))
    path = f"{module}.{name}"
    if kind is None:
        raise DocumentError(f"The pickle names {path[:100]!r}, which is not known to make data.")
    return Name(path, kind)


def call(function: Name, arguments: tuple[Any, ...]) -> Any:
    """The value that a known call gives.

    Raises:
        ValueError: The arguments are not those of the call.
        TypeError: Their number is wrong.
    """
    makers = {
        "empty array": _empty_array,
        "scalar": _scalar,
        "array": _array_of_buffer,
        "element type": _element_type,
        "bytes": _bytes,
        "enumeration": _number,
    }
    if function.kind not in makers:
        raise ValueError(f"{function} is called")
    return makers[function.kind](*arguments)


def fill(target: Any, state: Any) -> Any:
    """Completes an array or an element type by the state that follows it in the pickle.

    Raises:
        ValueError: Neither can be completed by it.
    """
    if isinstance(target, UnfilledArray):
        _version, shape, kind, fortran, content = state
        target.array = _array(content, kind, shape, "F" if fortran else "C")
        return target.array
    if isinstance(target, ElementType):
        if state[1] not in ("<", ">", "|") or any(part is not None for part in state[2:5]):
            raise ValueError("an array has elements of an unknown type")
        target.order = state[1]
        return target
    raise ValueError("what is neither an array nor a type of elements has a state")


def _empty_array(kind: Any, _shape: Any, _code: Any) -> UnfilledArray:
    if not isinstance(kind, Name) or kind.kind != "array type":
        raise ValueError("an array is of an unknown class")
    return UnfilledArray()


def _element_type(code: Any, _align: Any, _copy: Any) -> ElementType:
    if code not in _CODES:
        raise ValueError(f"an array has elements of the type {code!r}")
    return ElementType(code)


def _array_of_buffer(content: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    return _array(content, kind, shape, order)


def _array(content: Any, kind: Any, shape: Any, order: Any) -> NDArray[Any]:
    if not isinstance(kind, ElementType) or not isinstance(content, bytes):
        raise ValueError("an array has no elements")
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("an array has no shape")
    if len(shape) > 8 or math.prod(shape) * kind.dtype.itemsize != len(content):
        raise ValueError(f"an array of {shape} has {len(content)} bytes")
    return np.frombuffer(content, kind.dtype).reshape(shape, order="F" if order == "F" else "C")


def _scalar(kind: Any, content: Any) -> int | float | bool:
    return _array(content, kind, (), "C").item()


def _bytes(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding != "latin1":
        raise ValueError("bytes are not encoded as latin1")
    return text.encode("latin1")


def _number(number: Any) -> int:
    if type(number) is not int:
        raise ValueError("an enumeration is no number")
    return number
