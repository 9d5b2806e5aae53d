"""Finds a file of published weights on this machine or fetches it, given its URL.

For networks of torchvision and timm, whose weights are too many for the table in
``faceswap.core.weights``. The places and the words are those of that resolver.
"""

import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from faceswap.core.errors import WeightsUnavailable
from faceswap.core.files import atomic_path, sha256_file
from faceswap.core.log import get_logger
from faceswap.core.weights import cache_folder, is_offline

_log = get_logger(__name__)
_TIMEOUT_S = 60


def hub_folder() -> Path:
    """Torch hub's download folder, which torchvision and timm share with us."""
    import torch.hub

    return Path(torch.hub.get_dir()) / "checkpoints"


def search_file(filename: str, sha256_start: str = "") -> tuple[Path | None, list[str]]:
    """Looks in ``$FACESWAP_WEIGHTS``, the cache folder and torch hub's cache.

    Args:
        filename: Name of the file.
        sha256_start: First digits of its hash, where they are known.

    Returns:
        The file or None, and the places looked at, each with what was wrong there.
    """
    tried = []
    for path in _places(filename):
        if not path.is_file():
            tried.append(f"{path} (not there)")
        elif not sha256_file(path).startswith(sha256_start):
            _log.warning("%s is passed over: its hash does not begin %s", path, sha256_start)
            tried.append(f"{path} (another file: its hash does not begin {sha256_start})")
        else:
            return path, tried
    return None, tried


def _places(filename: str) -> list[Path]:
    given = [Path(text).expanduser() for text in _weights_variable().split(os.pathsep) if text]
    named = [path if path.is_file() else path / filename for path in given]
    return [
        *(path for path in named if path.name == filename),
        cache_folder() / filename,
        hub_folder() / filename,
    ]


def _weights_variable() -> str:
    return os.environ.get("FACESWAP_WEIGHTS", "")


def published_file(name: str, url: str) -> Path:
    """The file of that URL; fetched into torch hub's cache when it is not on this machine.

    Args:
        name: Of the network, for messages.
        url: Its last part is the file's name, which ends in ``-`` and the first digits of its
            SHA-256 where torchvision gives them (``resnet18-f37072fd.pth``).

    Raises:
        WeightsUnavailable: It is nowhere and cannot be fetched. The message names file, URL, places
            tried and the remedy.
    """
    filename = url.rpartition("/")[2]
    start = _hash_start(filename)
    found, tried = search_file(filename, start)
    if found is not None:
        return found
    if is_offline():
        raise unavailable(name, filename, url, tried, "FACESWAP_OFFLINE forbids fetching it")
    try:
        return _fetch(url, hub_folder() / filename, start)
    except (urllib.error.URLError, OSError) as error:
        reason = f"the download failed ({error})"
        raise unavailable(name, filename, url, tried, reason) from error


def unavailable(
    name: str, filename: str, origin: str, tried: list[str], reason: str
) -> WeightsUnavailable:
    """The error for weights that cannot be had, in the resolver's words."""
    return WeightsUnavailable(
        f"The weights of {name!r} (file {filename}) are not on this machine and {reason}. "
        f"Origin: {origin}. Looked in: {'; '.join(tried)}.",
        f"On a machine with web access fetch the origin, copy {filename} here and give it with "
        "--weights FILE, or set FACESWAP_WEIGHTS to its folder.",
    )


def _hash_start(filename: str) -> str:
    """``f37072fd`` of ``resnet18-f37072fd.pth``; empty where the name holds no hash."""
    last = Path(filename).stem.rpartition("-")[2]
    is_hash = len(last) >= 8 and all(digit in "0123456789abcdef" for digit in last)
    return last if is_hash else ""


def _fetch(url: str, target: Path, sha256_start: str) -> Path:
    _log.info("Fetching %s", url)
    with atomic_path(target) as temporary:
        with (
            urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response,
            temporary.open("wb") as file,
        ):
            shutil.copyfileobj(response, file)
        if not sha256_file(temporary).startswith(sha256_start):
            raise OSError("what came has another hash")
    return target
