"""A run's folder: its settings and where its data came from, fixed when it begins."""

import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from classifier.data.dataset import Dataset
from classifier.training.settings import Settings
from faceswap import __version__
from faceswap.core.checkpoint import checkpoint_steps
from faceswap.core.config import dump_yaml, load_config
from faceswap.core.errors import ConfigError, TrainingError
from faceswap.core.files import atomic_write, read_json, write_json

SECTION = "classifier"
_CONFIG, _MANIFEST = "config.yaml", "manifest.json"
_FREE = {"epochs", "patience", "keep", "device"}


class RunDirectory:
    """The folder of a run.

    Args:
        root: It need not be there yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.checkpoints = root / "checkpoints"
        self.model = root / "model"
        self.logs = root / "logs"
        self.cache = root / "cache"
        self.history = root / "history.json"

    @property
    def goes_on(self) -> bool:
        """Whether there is something to go on from."""
        # A run without a checkpoint has nothing to lose and begins anew.
        stored = self.root / _CONFIG
        return stored.is_file() and bool(checkpoint_steps(self.checkpoints))

    def settings(self, recipe: str | None, overrides: Sequence[str]) -> Settings:
        """Settings of a new run, or of this one when it goes on.

        Args:
            recipe: Recipe that the user named, if any.
            overrides: Settings that the user changed.

        Raises:
            ConfigError: A setting is wrong, or differs from those of the run that goes on (all but
                ``epochs``, ``patience``, ``keep`` and ``device`` are fixed).
        """
        if not self.goes_on:
            return load_config(Settings, SECTION, recipe, overrides)
        # What the user does not say stays as it was; what he says must not contradict it.
        stored = self.root / _CONFIG
        settings = load_config(Settings, SECTION, recipe or stored, overrides)
        _compare(settings, load_config(Settings, SECTION, stored), self.root)
        return settings

    def begin(self, dataset: Dataset, seed: int) -> None:
        """Writes down where the run came from; the first process's task."""
        manifest = {
            "program": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "command": sys.argv,
            "seed": seed,
            "data": str(dataset.root.resolve()),
            "data_sha256": dataset.digest(),
            "classes": list(dataset.classes),
        }
        self.root.mkdir(parents=True, exist_ok=True)
        write_json(self.root / _MANIFEST, manifest)

    def write_settings(self, settings: Settings) -> None:
        """Writes the settings, by which the run goes on; the first process's task."""
        atomic_write(self.root / _CONFIG, dump_yaml(settings).encode())

    def require_same(self, dataset: Dataset) -> None:
        """Checks that the data are those the run began with.

        Raises:
            TrainingError: They changed.
        """
        if read_json(self.root / _MANIFEST)["data_sha256"] != dataset.digest():
            raise TrainingError(
                f"The images in {dataset.root} are not those that the run {self.root} began with.",
                "Restore them, or begin a new run with another -o.",
            )


def _compare(wanted: Settings, stored: Settings, output: Path) -> None:
    old, new = stored.model_dump(exclude=_FREE), wanted.model_dump(exclude=_FREE)
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
