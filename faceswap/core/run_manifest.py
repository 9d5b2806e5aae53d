"""Manifest of a run: its data and its starts, and what changed from one start to the next."""

import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pydantic import Field

import faceswap
from faceswap.core.documents import DocumentModel, Items
from faceswap.core.errors import TrainingError
from faceswap.core.formats import Format
from faceswap.core.names import IdentityName, Sha256Hex


class _SourceDocument(DocumentModel):
    path: str
    sha256: Sha256Hex


class _ManifestDocument(DocumentModel):
    command: str = ""
    data: dict[IdentityName, Items[_SourceDocument]]
    starts: Items[dict[str, Any]]
    comparable_after: int | None = None
    origins: Items[dict[str, Any]] = Field(default=[])


MANIFEST = Format("training-run", 1, TrainingError, schema=_ManifestDocument)

_LIBRARIES = ("torch", "torchvision", "accelerate", "albumentations", "numpy", "safetensors")


@dataclass(frozen=True)
class Start:
    """A start of a run, compared with earlier ones.

    Attributes:
        changes: Changes since the last start, in words.
        comparable_after: Step up to which evaluations are not comparable with later ones, since
            data or settings they depend on changed then, at this or an earlier start; None if
            these never did.
    """

    changes: tuple[str, ...] = ()
    comparable_after: int | None = None

    def outdates(self, step: int) -> bool:
        """Whether evaluations of a checkpoint are not comparable with those to come."""
        return self.comparable_after is not None and step <= self.comparable_after


Data = dict[str, list[dict[str, Any]]]
"""Sources of the training data, by identity or kind, each with a path and a ``sha256``."""


def describe_start(start: Start, command: Sequence[str]) -> dict[str, Any]:
    """Entry of a start in the manifest.

    Args:
        start: The start.
        command: Command line.
    """
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "command": list(command),
        "versions": _versions(),
        "changes": list(start.changes),
    }


def _versions() -> dict[str, str]:
    libraries = {name: version(name) for name in _LIBRARIES}
    return {"faceswap": faceswap.__version__, "python": platform.python_version(), **libraries}


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """Changes of settings in words, by dotted name.

    Args:
        before: Earlier settings by name, nested.
        now: Settings of today.
    """
    old, new = flatten_settings(before), flatten_settings(now)
    changed = [name for name in new if old.get(name) != new[name]]
    return {name: f"{name}: {old.get(name)!r} -> {new[name]!r}" for name in changed}


def flatten_settings(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by dotted name; the options of a network stay together.

    Args:
        values: Settings by name, nested.
        prefix: Prefix of the names.
    """
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and name != "options":
            flat |= flatten_settings(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def moved_sources(before: Data, now: Data) -> Iterator[str]:
    """Sources that are the same and lie elsewhere, in words."""
    for name, sources in now.items():
        for old, new in zip(before.get(name, []), sources, strict=False):
            if old["sha256"] == new["sha256"] and old["path"] != new["path"]:
                yield f"{name} moved: {old['path']} -> {new['path']}"
