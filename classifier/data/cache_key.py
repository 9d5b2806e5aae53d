"""Keys of caches: another key for other images, even under the same names."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from classifier.data.dataset import Sample
from faceswap.core.file_state import FileState

State = tuple[int, int, int]


def cache_key(samples: Sequence[Sample], *settings: object) -> str:
    """Key of what is computed from samples, as 32 hex digits.

    It changes when a file or mask is edited or exchanged for another (by size, time of modification
    and inode), and with the settings.

    Args:
        samples: Samples; files that do not exist are allowed.
        settings: Everything else that determines the result, as values with a stable ``repr``.
    """
    digest = hashlib.sha256(repr(settings).encode())
    states: dict[Path, State | None] = {}
    codes: dict[object, str] = {}
    for sample in samples:
        files = [file for file in (sample.path, sample.mask) if file is not None]
        for file in files:
            if file not in states:
                states[file] = _state(file)
        found = [states[file] for file in files]
        code = codes.setdefault(sample.code, repr(sample.code))
        line = f"{sample.name} {sample.mask} {sample.column} {found} {code}\n"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()[:32]


def _state(file: Path) -> State | None:
    if not file.exists():
        return None
    found = FileState.of(file.stat())
    # The inode tells an exchange for a file of equal size and time. The time of the last change
    # would, too, but also differs after a change of permissions or links.
    return found.size, found.modified, found.inode
