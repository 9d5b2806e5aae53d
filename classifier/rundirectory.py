"""A run's folder: its settings and where its data came from, fixed when it begins."""

import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from classifier.data.folders import ImageFolder
from classifier.settings import Settings
from faceswap import __version__
from faceswap.core.checkpoint import checkpoint_steps
from faceswap.core.config import dump_yaml, load_config
from faceswap.core.errors import ConfigError, TrainingError
from faceswap.core.files import atomic_write, read_json, write_json
from faceswap.core.log import rank

CHECKPOINTS = "checkpoints"
_SECTION = "classifier"
_CONFIG, _MANIFEST = "config.yaml", "manifest.json"


def open_run(
    output: Path, recipe: str | None, overrides: Sequence[str], images: ImageFolder
) -> Settings:
    """Settings of a new run, or of one that is resumed; the first process writes them down.

    Args:
        output: The run's folder.
        recipe: Recipe that the user named, if any.
        overrides: Settings that the user changed.
        images: What is trained on.

    Raises:
        ConfigError: A setting is wrong, or differs from those of the run that is resumed (all but
            ``epochs``, ``keep`` and ``device`` are fixed).
        TrainingError: The images changed since the run began.
    """
    stored = output / _CONFIG
    # A run that never finished an epoch has nothing to lose and begins anew.
    if not (stored.is_file() and checkpoint_steps(output / CHECKPOINTS)):
        settings = load_config(Settings, _SECTION, recipe, overrides)
        _begin(output, settings, images)
        return settings
    # What the user does not say stays as it was; what he says must not contradict it.
    settings = load_config(Settings, _SECTION, recipe or stored, overrides)
    _compare(settings, load_config(Settings, _SECTION, stored), output)
    manifest = read_json(output / _MANIFEST)
    if manifest["data_sha256"] != images.digest():
        raise TrainingError(
            f"The images in {images.root} are not those that the run {output} began with.",
            "Restore them, or begin a new run with another -o.",
        )
    return settings


def _begin(output: Path, settings: Settings, images: ImageFolder) -> None:
    if rank() != 0:
        return
    manifest = {
        "program": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "command": sys.argv,
        "seed": settings.seed,
        "data": str(images.root.resolve()),
        "data_sha256": images.digest(),
        "classes": list(images.classes),
    }
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / _MANIFEST, manifest)
    atomic_write(output / _CONFIG, dump_yaml(settings).encode())


def _compare(wanted: Settings, stored: Settings, output: Path) -> None:
    free = {"epochs", "keep", "device"}
    old, new = stored.model_dump(exclude=free), wanted.model_dump(exclude=free)
    changed = [
        f"{name} was {before!r}, now {after!r}"
        for (name, before), (_, after) in zip(_flat(old), _flat(new), strict=False)
        if before != after
    ]
    if old != new:
        raise ConfigError(
            f"The run {output} has other settings: {'; '.join(changed) or 'options differ'}.",
            "Leave them out to resume it, or begin a new run with another -o.",
        )


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, dict) and name != "options":
            flat += _flat(value, f"{prefix}{name}.")
        else:
            flat.append((prefix + name, value))
    return flat
