"""Finds published weights on this machine, or fetches them.

Looked for in this order: a path given explicitly; the files and folders in ``$FACESWAP_WEIGHTS``;
the cache folder; torch hub's cache; the origin in the table, unless ``FACESWAP_OFFLINE=1``.
"""

import os
from pathlib import Path
from typing import Any

import platformdirs

from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError, ModelFileError, WeightsUnavailable
from faceswap.core.files import sha256_file
from faceswap.core.log import get_logger
from faceswap.core.weights_fetch import FetchError, fetch
from faceswap.core.weights_table import WEIGHTS, WeightsEntry

__all__ = [
    "WEIGHTS",
    "WeightsEntry",
    "cache_folder",
    "is_offline",
    "load_torch_archive",
    "search_weights",
    "weights_entry",
    "weights_path",
]

_log = get_logger(__name__)


def cache_folder() -> Path:
    """Where fetched weights are kept: below ``$FACESWAP_CACHE``, or the user's cache folder."""
    given = os.environ.get("FACESWAP_CACHE")
    root = Path(given) if given else platformdirs.user_cache_path("faceswap")
    return root / "weights"


def is_offline() -> bool:
    """Whether fetching is forbidden by ``FACESWAP_OFFLINE``."""
    return os.environ.get("FACESWAP_OFFLINE", "").lower() not in {"", "0", "false", "no"}


def weights_entry(name: str) -> WeightsEntry:
    """The table's entry of that name.

    Raises:
        ConfigError: There is none.
    """
    if name not in WEIGHTS:
        raise ConfigError(
            f"There are no weights called {name!r}.",
            f"{nearest(name, WEIGHTS)}Known weights: {', '.join(WEIGHTS)}.",
        )
    return WEIGHTS[name]


def search_weights(name: str) -> tuple[Path | None, list[str]]:
    """Looks for weights on this machine, without fetching.

    Returns:
        The file (hash checked) or None, and the places looked at in order, each with what was
        wrong there.

    Raises:
        ConfigError: The table has no such name.
    """
    entry = weights_entry(name)
    places = [(path, True) for path in _named_places(entry)]
    places += [(folder / entry.filename, False) for folder in (cache_folder(), _hub_folder())]
    tried = []
    for path, named in places:
        problem = _problem(path, entry)
        if problem is None:
            return path, tried
        if path.is_file():
            _log.warning("%s is passed over: %s", path, problem)
        elif named and not path.parent.is_dir():
            problem = "no such folder"
        tried.append(f"{path} ({problem})")
    return None, tried


def weights_path(name: str, explicit: Path | None = None) -> Path:
    """File of published weights, fetched when it is not on this machine yet.

    Args:
        name: Name in the table.
        explicit: A file that the user gave for it; taken as it is.

    Raises:
        ConfigError: The table has no such name.
        WeightsUnavailable: The explicit file does not exist, or the weights are nowhere and cannot
            be fetched. The message names file, hash, origin, places tried and the remedy.
    """
    entry = weights_entry(name)
    if explicit is not None:
        if explicit.is_file():
            return explicit
        raise WeightsUnavailable(
            f"The file {explicit} given for the weights {name!r} does not exist.",
            "Correct the path, or leave it out: the weights are then looked for and fetched.",
        )
    found, tried = search_weights(name)
    if found is not None:
        return found
    if is_offline():
        raise _unavailable(name, entry, tried, "FACESWAP_OFFLINE forbids fetching it")
    try:
        return fetch(entry, cache_folder(), WEIGHTS)
    except FetchError as error:
        raise _unavailable(name, entry, tried, str(error)) from error


def _unavailable(
    name: str, entry: WeightsEntry, tried: list[str], reason: str
) -> WeightsUnavailable:
    return WeightsUnavailable(
        f"The weights {name!r} (file {entry.filename}, sha256 {entry.sha256}) are not on this "
        f"machine and {reason}. Origin: {entry.origin}. Looked in: {'; '.join(tried)}.",
        f"On a machine with {'the package index' if entry.from_index else 'web access'} run "
        f"'faceswap weights fetch {name}', copy {entry.filename} here and set FACESWAP_WEIGHTS to "
        "its folder.",
    )


def _named_places(entry: WeightsEntry) -> list[Path]:
    """Files that ``$FACESWAP_WEIGHTS`` (files and folders, separated as in PATH) may mean."""
    places = []
    for text in os.environ.get("FACESWAP_WEIGHTS", "").split(os.pathsep):
        if not text:
            continue
        given = Path(text).expanduser()
        # A file that has another entry's name is meant for that one.
        if not given.is_file():
            places.append(given / entry.filename)
        elif given.name == entry.filename:
            places.append(given)
    return places


def _hub_folder() -> Path:
    """Torch hub's download folder, without the cost of importing torch."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or f"{cache}/torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def _problem(path: Path, entry: WeightsEntry) -> str | None:
    """Why that file is not the entry's, or None if it is."""
    if not path.is_file():
        return "not there"
    found = sha256_file(path)
    return None if found == entry.sha256 else f"another file: sha256 {found}"


def load_torch_archive(path: Path) -> Any:
    """Reads a published ``.pt`` or ``.pth`` file: tensors and plain containers only, on the CPU.

    This is the one place that reads torch's archive format; nothing is ever written in it.

    Raises:
        ModelFileError: It is not such a file, or it holds objects that would run code.
    """
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    except FileNotFoundError as error:
        raise ModelFileError(f"There is no weights file {path}.", "Check the path.") from error
    except Exception as error:  # torch raises many kinds, some not public
        first_line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelFileError(
            f"{path} is not a torch archive of plain tensors ({first_line}).",
            "It may be damaged: fetch it anew. Archives that hold more than tensors are refused.",
        ) from error
