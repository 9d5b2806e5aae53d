"""Writes tensors of any device and memory layout to a safetensors file."""

import errno
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None
) -> None:
    """Writes tensors of any dtype, device and memory layout; tied tensors are duplicated.

    Not atomic: call it inside ``atomic_path`` or ``atomic_directory``.

    Args:
        path: Destination.
        tensors: Tensors by name.
        about: Metadata for the header of the file.

    Raises:
        OSError: The file cannot be written; ENOSPC if the disk is full.
    """
    seen: set[int] = set()
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        # The format rejects two names for one storage, which tied weights have.
        if value.untyped_storage().data_ptr() in seen:
            value = value.clone()
        seen.add(value.untyped_storage().data_ptr())
        plain[name] = value
    # The library creates files that only the owner may read: restore the default mode.
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(plain, path, dict(about) if about else None)
    except SafetensorError as error:
        if "os error 28" in str(error) or "os error 112" in str(error):  # ENOSPC, on Windows too
            raise OSError(errno.ENOSPC, str(error)) from error
        raise
    path.chmod(mode)
