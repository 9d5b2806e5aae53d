"""Writes tensors to safetensors files: equal tensors give equal bytes, in every process."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

# In the order of the file, which is that of the safetensors library: aligned by size.
_CODES = {
    torch.uint64: "U64",
    torch.int64: "I64",
    torch.float64: "F64",
    torch.complex64: "C64",
    torch.float32: "F32",
    torch.uint32: "U32",
    torch.int32: "I32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.uint16: "U16",
    torch.int16: "I16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_ORDER = {dtype: place for place, dtype in enumerate(_CODES)}
_ALIGNMENT = 8  # bytes, of the data after the header


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None
) -> str:
    """Writes tensors of any dtype, device and memory layout; tied tensors are duplicated.

    The bytes depend on the content only: names, values and metadata are sorted, unlike in files of
    the library, which writes metadata of several keys in random order.

    Not atomic: call it inside ``atomic_path`` or ``atomic_directory``.

    Args:
        path: Destination.
        tensors: Tensors by name.
        about: Metadata for the header of the file.

    Returns:
        SHA-256 of the file in hex.

    Raises:
        OSError: The file cannot be written.
    """
    with path.open("wb") as file:
        return digest_tensors(tensors, about, file.write)


def digest_tensors(
    tensors: Mapping[str, Tensor],
    about: Mapping[str, str] | None = None,
    sink: Callable[[bytes | memoryview], object] = lambda _: None,
) -> str:
    """SHA-256, in hex, of the file that ``save_tensors`` writes; ``sink`` gets its pieces."""
    digest = hashlib.sha256()
    for piece in _pieces(tensors, about):
        digest.update(piece)
        sink(piece)
    return digest.hexdigest()


def _pieces(
    tensors: Mapping[str, Tensor], about: Mapping[str, str] | None
) -> Iterator[bytes | memoryview]:
    """Content of a file: header size, header, and the tensors one by one."""
    names = sorted(tensors, key=lambda name: (_ORDER[tensors[name].dtype], name))
    header: dict[str, object] = {"__metadata__": dict(sorted(about.items()))} if about else {}
    end = 0
    for name in names:
        tensor = tensors[name]
        begin, end = end, end + tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _CODES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    yield len(text).to_bytes(8, "little")
    yield text
    for name in names:
        plain = tensors[name].detach().cpu().contiguous().reshape(-1)
        yield plain.view(torch.uint8).numpy().data
