"""Checkpoints of a run: complete or absent, verified by checksums, without pickle.

Layout below ``root``: ``step-00000123/{<group>.safetensors, state.json, checksums.json}`` for each
checkpoint, and the files ``latest`` and ``best`` that contain the name of one of them. A checkpoint
that could not be used is kept as ``damaged-step-00000123``.
"""

import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from faceswap.core.documents import DocumentModel, Items, read_json
from faceswap.core.errors import CheckpointError, FaceswapError
from faceswap.core.files import atomic_directory, atomic_write, sha256_file, write_json
from faceswap.core.log import get_logger
from faceswap.core.names import FileName, Sha256Hex
from faceswap.core.tensor_files import save_tensors

_log = get_logger(__name__)
_VERSION = 1
_NAME = re.compile(r"step-(\d{8,})")
_STATE, _CHECKSUMS = "state.json", "checksums.json"

LATEST, BEST = "latest", "best"
"""Files that contain the name of a checkpoint."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint.

    Attributes:
        step: Number of finished steps.
        tensors: Tensors on the CPU, by group and name.
        state: Remaining state, as JSON values.
        path: Directory of the checkpoint.
    """

    step: int
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]
    path: Path


class _Version(DocumentModel):
    """The part of ``state.json`` that every version has."""

    version: int


class _State(_Version):
    """Content of ``state.json``."""

    step: Annotated[int, Field(ge=0)]
    groups: Items[FileName]
    state: dict[str, Any]


class _Damaged(Exception):
    """The reason why a checkpoint cannot be used."""


def _directory(root: Path, step: int) -> Path:
    return root / f"step-{step:08d}"


def checkpoint_steps(root: Path) -> list[int]:
    """Steps of the checkpoints below ``root``, ascending."""
    if not root.is_dir():
        return []
    matches = (_NAME.fullmatch(path.name) for path in root.iterdir() if path.is_dir())
    return sorted(int(match[1]) for match in matches if match)


def save_checkpoint(
    root: Path,
    step: int,
    tensors: Mapping[str, Mapping[str, Tensor]],
    state: Mapping[str, Any],
) -> Path:
    """Writes a checkpoint, complete or not at all; ``settle_checkpoints`` does the rest.

    Args:
        root: Directory of the run's checkpoints.
        step: Number of finished steps.
        tensors: Groups ("model", "optimizer") of tensors by name, of any dtype and on any device.
        state: JSON values.

    Returns:
        The checkpoint's directory.

    Raises:
        StorageFullError: The disk is full; older checkpoints are as they were.
    """
    path = _directory(root, step)
    with atomic_directory(path) as temporary:
        sums = {}
        for group, entries in tensors.items():
            name = f"{group}.safetensors"
            sums[name] = save_tensors(temporary / name, entries)
        body = {"version": _VERSION, "step": step, "groups": list(tensors), "state": dict(state)}
        write_json(temporary / _STATE, body)
        sums[_STATE] = sha256_file(temporary / _STATE)
        write_json(temporary / _CHECKSUMS, dict(sorted(sums.items())))
    return path


def settle_checkpoints(root: Path, step: int, best: int | None, keep: int) -> None:
    """Lets ``latest`` and ``best`` name their checkpoints, and removes those that were superseded.

    What is right already is not touched, so it also completes a save that was interrupted after the
    checkpoint was written. Checkpoints of later steps were skipped because they are damaged: they
    are renamed, since their files may be restored from a backup.

    Args:
        root: Directory of the run's checkpoints.
        step: Step of the latest checkpoint.
        best: Step of the best checkpoint, which is kept; None if there is none.
        keep: Number of newest checkpoints to keep, at least 1, besides the best.
    """
    if keep < 1:
        raise ValueError(f"keep must be at least 1, got {keep}")
    _point(root, LATEST, step)
    _point(root, BEST, best)
    steps = checkpoint_steps(root)
    kept = {step, best, *[earlier for earlier in steps if earlier <= step][-keep:]}
    for candidate in steps:
        if candidate > step:
            _set_aside(_directory(root, candidate))
        elif candidate not in kept:
            shutil.rmtree(_directory(root, candidate), ignore_errors=True)


def _set_aside(path: Path) -> None:
    names = chain([f"damaged-{path.name}"], (f"damaged-{path.name}-{n}" for n in count(2)))
    aside = next(path.with_name(name) for name in names if not path.with_name(name).exists())
    path.rename(aside)
    _log.warning(
        "The checkpoint %s was not used, and is kept as %s. To use it, stop the training, restore "
        "its files and its name %s; otherwise delete it.",
        path,
        aside.name,
        path.name,
    )


def _point(root: Path, which: str, step: int | None) -> None:
    name = None if step is None else _directory(root, step).name
    if name is None:
        (root / which).unlink(missing_ok=True)
    elif name != _pointer(root, which):
        atomic_write(root / which, name.encode())


def _pointer(root: Path, which: str) -> str | None:
    file = root / which
    return file.read_text(encoding="utf-8", errors="replace").strip() if file.is_file() else None


def pointed_step(root: Path, which: str) -> int | None:
    """Step of the checkpoint that ``latest`` or ``best`` names; None when there is none."""
    match = _NAME.fullmatch(_pointer(root, which) or "")
    step = int(match[1]) if match else None
    return step if step in checkpoint_steps(root) else None


def load_checkpoint(
    root: Path, which: str = LATEST, groups: Collection[str] | None = None
) -> Checkpoint | None:
    """Reads a checkpoint after checking its checksums.

    A damaged checkpoint is skipped with a warning, and the previous one is used.

    Args:
        root: Directory of the run's checkpoints.
        which: ``latest``, ``best``, or the name of a checkpoint (``step-00000123``).
        groups: Groups of tensors to check and read; None for all.

    Returns:
        The checkpoint, or None if there is none.

    Raises:
        CheckpointError: The named checkpoint does not exist, all are damaged, or the newest usable
            one is of a newer version of the program.
    """
    steps = checkpoint_steps(root)
    if not steps:
        return None
    names = [_directory(root, step).name for step in reversed(steps)]
    if which != LATEST:
        first = _pointer(root, which) if which == BEST else which
        if first is None or first not in names:
            raise CheckpointError(
                f"Expected the checkpoint {which!r} in {root}, found {', '.join(names)}.",
                "Choose one of these.",
            )
        names = [first, *(name for name in names if name < first)]
    problems = []
    for name in names:
        try:
            return _read(root / name, groups)
        except _Damaged as damage:
            problems.append(f"{name}: {damage}")
            _log.warning("The checkpoint %s is damaged (%s); it is skipped.", root / name, damage)
    raise CheckpointError(
        f"No checkpoint in {root} can be used: {'; '.join(problems)}.",
        "Restore the folder from a backup, or train into another output folder.",
    )


def _read(path: Path, groups: Collection[str] | None) -> Checkpoint:
    try:
        sums: dict[str, str] = read_json(path / _CHECKSUMS, dict[FileName, Sha256Hex])
        for name, expected in sums.items():
            stem, _, suffix = name.rpartition(".")
            if groups is not None and suffix == "safetensors" and stem not in groups:
                continue
            if sha256_file(path / name) != expected:
                raise _Damaged(f"{name} does not match its checksum")
        version = read_json(path / _STATE, _Version, finite=False)["version"]
        if version > _VERSION:
            raise CheckpointError(
                f"Expected a checkpoint of format {_VERSION} or older, found {version} in {path}.",
                "Upgrade this program.",
            )
        body = read_json(path / _STATE, _State, finite=False)
        tensors = {
            group: _read_tensors(path / f"{group}.safetensors")
            for group in body["groups"]
            if groups is None or group in groups
        }
        return Checkpoint(body["step"], tensors, body["state"], path)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise _Damaged(f"{Path(str(error.filename)).name} is missing") from error
    except CheckpointError:
        raise
    except FaceswapError as error:  # of a checksum or state file
        raise _Damaged(error.message.rstrip(".")) from error
    except (ValueError, SafetensorError) as error:
        raise _Damaged(str(error)) from error


def _read_tensors(path: Path) -> dict[str, Tensor]:
    # Copied, since the reader maps the file, which may be pruned while the tensors are in use.
    return {name: tensor.clone() for name, tensor in load_file(path).items()}
