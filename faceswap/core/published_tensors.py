"""Reads the tensors of weights files that other programs published."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from faceswap.core.errors import ModelFileError
from faceswap.core.weights import load_torch_archive


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file or a torch archive, by name; containers are opened.

    Raises:
        ModelFileError: The file is missing, damaged, or has no named tensors.
    """
    if path.suffix == ".safetensors":
        tensors = _read_safetensors(path)
    else:
        tensors = _open_containers(load_torch_archive(path))
    if not tensors:
        raise ModelFileError(f"{path} has no named tensors.", "Pass a weights file (a state dict).")
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelFileError(
            f"{path} is not a safetensors file ({error}).", "Check the path, or copy it again."
        ) from error


def _open_containers(value: Any) -> dict[str, Tensor]:
    """The tensors of the outermost dictionary that has some; of several, the largest."""
    if not isinstance(value, Mapping):
        return {}
    tensors = {str(name): part for name, part in value.items() if isinstance(part, Tensor)}
    if tensors:
        return tensors
    inner = [_open_containers(part) for part in value.values()]
    return max(inner, key=len, default={})
