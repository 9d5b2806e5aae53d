"""Writes tensors to a safetensors file, whatever memory they live in."""

import errno
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], about: Mapping[str, str] | None = None
) -> None:
    """Writes tensors of any dtype, device and memory layout; tied ones are written twice.

    Not atomic by itself: call it inside ``atomic_path`` or ``atomic_directory``.

    Args:
        path: The file.
        tensors: By name.
        about: Text that goes into the file's header.

    Raises:
        OSError: It cannot be written; a full disk is ENOSPC, as for any other file.
    """
    seen: set[int] = set()
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        # The format refuses two names for one memory, which tied weights have.
        if value.untyped_storage().data_ptr() in seen:
            value = value.clone()
        seen.add(value.untyped_storage().data_ptr())
        plain[name] = value
    # The writer makes files that only the owner may read; ours are like any other file.
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(plain, path, dict(about) if about else None)
    except SafetensorError as error:
        if "os error 28" in str(error) or "os error 112" in str(error):  # ENOSPC, on Windows too
            raise OSError(errno.ENOSPC, str(error)) from error
        raise
    path.chmod(mode)
