"""Exchanges the names of two directories in one step, where the system can."""

import ctypes
import errno
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

NOT_SUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
"""Error numbers of what a file system cannot do; the last two differ on macOS."""
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # <fcntl.h>, <linux/fs.h>
_RENAME_SWAP = 2  # <sys/stdio.h> of macOS
# Old kernels, and file systems without it: NFS, many of FUSE, old ZFS.
_UNABLE = NOT_SUPPORTED | {errno.ENOTTY, errno.EPERM}


def exchange(one: Path, other: Path) -> bool:
    """Exchanges the names of two directories of one file system: at no moment is one missing.

    Returns:
        Whether the system can; nothing is changed if not.

    Raises:
        OSError: One does not exist, or permission is missing.
    """
    function = _function()
    if function is None:
        return False
    if function(os.fsencode(one), os.fsencode(other)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNABLE:
        return False
    raise OSError(number, os.strerror(number), str(one), None, str(other))


@functools.cache
def _function() -> Callable[[bytes, bytes], int] | None:
    """The system call, or None where there is none."""
    try:
        if sys.platform == "linux":
            rename = ctypes.CDLL(None, use_errno=True).renameat2
            return lambda one, other: rename(_AT_FDCWD, one, _AT_FDCWD, other, _RENAME_EXCHANGE)
        if sys.platform == "darwin":
            swap = ctypes.CDLL(None, use_errno=True).renamex_np
            return lambda one, other: swap(one, other, _RENAME_SWAP)
    except (OSError, AttributeError):  # a C library without the function
        pass
    return None
