"""Finds published weights on this machine, or downloads them.

Search order: a path given explicitly; the files and folders in ``$FACESWAP_WEIGHTS``; the cache
folder; torch hub's cache; the origin in the table, unless ``FACESWAP_OFFLINE=1``.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError, ModelFileError, WeightsUnavailable
from faceswap.core.files import sha256_file, user_path
from faceswap.core.log import get_logger
from faceswap.core.user_cache import user_cache
from faceswap.core.weights_fetch import FetchError, fetch
from faceswap.core.weights_table import WEIGHTS, WeightsEntry, WeightsFile

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "WEIGHTS",
    "WeightsEntry",
    "WeightsFile",
    "cache_folder",
    "find_or_fetch",
    "hub_folder",
    "is_offline",
    "load_torch_archive",
    "load_weights",
    "search_file",
    "search_weights",
    "unavailable_message",
    "weights_entry",
    "weights_folders",
    "weights_path",
]

_log = get_logger(__name__)


def cache_folder() -> Path:
    """Folder of downloaded weights, in ``$FACESWAP_CACHE`` or the user's cache folder."""
    return user_cache() / "weights"


def is_offline() -> bool:
    """Whether ``FACESWAP_OFFLINE`` forbids downloads."""
    return os.environ.get("FACESWAP_OFFLINE", "").lower() not in {"", "0", "false", "no"}


def weights_entry(name: str) -> WeightsEntry:
    """Entry of the table.

    Raises:
        ConfigError: The table has no such name.
    """
    if name not in WEIGHTS:
        raise ConfigError(
            f"Unknown weights {name!r}.",
            f"{nearest(name, WEIGHTS)}Known weights: {', '.join(WEIGHTS)}.",
        )
    return WEIGHTS[name]


def search_weights(name: str) -> tuple[Path | None, list[str]]:
    """Searches this machine for weights of the table, without downloading.

    Returns:
        The file (hash verified) or None, and the searched places in order, each with what was
        wrong there.

    Raises:
        ConfigError: The table has no such name.
    """
    return search_file(weights_entry(name))


def search_file(file: WeightsFile) -> tuple[Path | None, list[str]]:
    """Searches this machine for a published file; returns as `search_weights`."""
    places = [(path, True) for path in _named_places(file)]
    places += [(folder / file.filename, False) for folder in (cache_folder(), hub_folder())]
    tried = []
    for path, named in places:
        problem = _problem(path, file)
        if problem is None and not file.sha256 and not named:
            problem = "not verified, since no hash of it is published"
        if problem is None:
            return path, tried
        if path.is_file():
            _log.warning("Ignoring %s: %s", path, problem)
        elif named and not path.parent.is_dir():
            problem = "no such folder"
        tried.append(f"{path} ({problem})")
    return None, tried


def weights_path(name: str, explicit: Path | None = None) -> Path:
    """Path of a weights file of the table, downloaded if it is not on this machine.

    Args:
        name: Name in the table.
        explicit: File given by the user, used without verification.

    Raises:
        ConfigError: The table has no such name.
        WeightsUnavailable: The explicit file does not exist, or the weights are not on this machine
            and cannot be downloaded. The message names file, hash, origin, searched places and what
            to do.
    """
    entry = weights_entry(name)
    if explicit is None:
        hint = (
            f"On a machine with {'the package index' if entry.from_index else 'web access'} run "
            f"'faceswap weights fetch {name}', copy {entry.filename} here and set FACESWAP_WEIGHTS "
            "to its folder."
        )
        return find_or_fetch(name, entry, cache_folder(), hint)
    if explicit.is_file():
        return explicit
    raise WeightsUnavailable(
        f"The file {explicit} given for the weights {name!r} does not exist.",
        "Correct the path, or omit it to use the published weights.",
    )


def find_or_fetch(name: str, file: WeightsFile, folder: Path, hint: str) -> Path:
    """Path of a published file, downloaded if it is not on this machine.

    Args:
        name: Name for error messages.
        file: The file.
        folder: Destination of a download.
        hint: Instruction for the user if the file is unavailable.

    Raises:
        WeightsUnavailable: The file is not on this machine and cannot be downloaded.
    """
    found, tried = search_file(file)
    if found is not None:
        return found
    if is_offline():
        message = unavailable_message(name, file, tried, "FACESWAP_OFFLINE forbids downloading")
        raise WeightsUnavailable(message, hint)
    try:
        return fetch(file, folder, WEIGHTS)
    except FetchError as error:
        message = unavailable_message(name, file, tried, str(error))
        raise WeightsUnavailable(message, hint) from error


def unavailable_message(name: str, file: WeightsFile, tried: list[str], reason: str) -> str:
    """Message of `WeightsUnavailable`: file, hash, reason, origin and searched places."""
    digits = f", SHA-256 {file.sha256}{'' if file.is_hash_complete else '...'}"
    return (
        f"The weights {name!r} (file {file.filename}{digits if file.sha256 else ''}) are not on "
        f"this machine and {reason}. Origin: {file.origin}. Searched: {'; '.join(tried)}."
    )


def hub_folder() -> Path:
    """Torch hub's download folder, computed without importing torch."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or f"{cache}/torch"
    return user_path(home) / "hub" / "checkpoints"


def weights_folders() -> list[Path]:
    """Folders that may hold networks trained here: of ``$FACESWAP_WEIGHTS``, and the cache."""
    return [*(place for place in _given_places() if not place.is_file()), cache_folder()]


def _given_places() -> list[Path]:
    """Files and folders in ``$FACESWAP_WEIGHTS``, separated as in PATH."""
    texts = os.environ.get("FACESWAP_WEIGHTS", "").split(os.pathsep)
    return [user_path(text) for text in texts if text]


def _named_places(file: WeightsFile) -> list[Path]:
    """Candidates from ``$FACESWAP_WEIGHTS``."""
    places = []
    for given in _given_places():
        # A file with another name holds other weights.
        if not given.is_file():
            places.append(given / file.filename)
        elif given.name == file.filename:
            places.append(given)
    return places


def _problem(path: Path, file: WeightsFile) -> str | None:
    """Difference between the file and the published one, in words; None if it is equal."""
    if not path.is_file():
        return "not found"
    found = sha256_file(path)
    return None if file.matches(found) else f"another file: SHA-256 {found}"


def load_torch_archive(path: Path) -> Any:
    """Loads a published ``.pt`` or ``.pth`` file (tensors and plain containers only) to the CPU.

    The only place that reads torch's archive format; the toolkit never writes it.

    Raises:
        ModelFileError: The file is of another format, or contains objects whose loading would run
            code.
    """
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)  # noqa: TID251
    except FileNotFoundError as error:
        raise ModelFileError(
            f"The weights file {path} does not exist.", "Correct the path."
        ) from error
    except Exception as error:  # torch raises many kinds, some not public
        first_line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelFileError(
            f"Expected a torch archive that contains only tensors, found {path} ({first_line}).",
            "Download it again if it is damaged. Archives with other objects are not loaded.",
        ) from error


def load_weights(net: "nn.Module", name: str, explicit: Path | None = None) -> None:
    """Loads published weights into a network; every tensor has to match.

    Args:
        net: Network, changed in place.
        name: Name in the table.
        explicit: File given by the user, used instead.

    Raises:
        WeightsUnavailable: The weights are not on this machine and cannot be downloaded.
        ModelFileError: The file is damaged, or holds the weights of another network.
    """
    path = weights_path(name, explicit)
    state = load_torch_archive(path)
    try:
        net.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ModelFileError(
            f"Expected the weights {name!r} in {path}, found those of another network.",
            f"Omit the file to use the published weights ('faceswap weights fetch {name}').",
        ) from error
