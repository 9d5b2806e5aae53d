"""Keys of caches: another key for other images, even under the same names."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from classifier.data.dataset import Sample

State = tuple[int, int, int]


def cache_key(samples: Sequence[Sample], *settings: object) -> str:
    """Key of what is computed from samples, as 32 hex digits.

    It changes with size and times of the files and masks, which differ when a file is edited or
    exchanged for another, and with the settings.

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
    """Size and times of a file; the time of change also tells a copy that kept its time."""
    if not file.exists():
        return None
    found = file.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns
