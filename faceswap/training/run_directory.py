"""The directory of one training: what it was made of, and where its parts are."""

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import faceswap
from faceswap.core.config import dump_yaml, load_config
from faceswap.core.errors import ConfigError, IdentityError, TrainingError
from faceswap.core.files import atomic_write, read_json, write_json
from faceswap.facesets.faceset import Faceset
from faceswap.models.model_file import FOLDER
from faceswap.training.settings import TrainConfig

_LIBRARIES = ("torch", "torchvision", "accelerate", "albumentations", "numpy", "safetensors")
# What the weights, the held-out faces and the random stream are made of: fixed for a run's life.
_FIXED = ("seed", "model.name", "model.options", "data.coverage", "data.held_out")


@dataclass(frozen=True)
class RunDirectory:
    """A training on disk.

    Attributes:
        path: The directory.
    """

    path: Path

    @property
    def config(self) -> Path:
        """All settings."""
        return self.path / "config.yaml"

    @property
    def manifest(self) -> Path:
        """Versions, facesets and command."""
        return self.path / "manifest.json"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints."""
        return self.path / "checkpoints"

    @property
    def previews(self) -> Path:
        """Preview pictures."""
        return self.path / "previews"

    @property
    def logs(self) -> Path:
        """TensorBoard's logs."""
        return self.path / "logs"

    @property
    def cache(self) -> Path:
        """Faces at training size; may be deleted."""
        return self.path / "cache"

    @property
    def model(self) -> Path:
        """The exported model."""
        return self.path / FOLDER

    def exists(self) -> bool:
        """Whether a training was begun here.

        Raises:
            TrainingError: There is something else here.
        """
        if self.config.is_file() and self.manifest.is_file():
            return True
        if self.path.is_file() or (self.path.is_dir() and _foreign(self.path)):
            raise TrainingError(
                f"{self.path} exists and is not the folder of a training.",
                "Choose another folder for --output.",
            )
        return False

    def stored_config(self, overrides: Sequence[str] = ()) -> TrainConfig:
        """The settings the run was last started with, and changes to them."""
        return load_config(TrainConfig, "faceswap", self.config, overrides)

    def stored_facesets(self) -> dict[str, list[Path]]:
        """Where the facesets of each identity are."""
        identities = read_json(self.manifest)["identities"]
        return {name: [Path(f["path"]) for f in sets] for name, sets in identities.items()}

    def begin(
        self,
        config: TrainConfig,
        facesets: Mapping[str, Sequence[Faceset]],
        command: Sequence[str],
        write: bool = True,
    ) -> list[str]:
        """Writes down what is trained on what, or compares it with what was.

        Args:
            config: All settings.
            facesets: Of each identity, in the model's order.
            command: What the user typed.
            write: Whether to write; only one of several processes does, all compare.

        Returns:
            In words, the settings that differ from the run's last start.

        Raises:
            ConfigError: A setting differs that is fixed for a run's life.
            IdentityError: The identities are others.
            TrainingError: The faces are others, or the directory is in use for something else.
        """
        start = {"time": _now(), "command": list(command), "versions": _versions()}
        described = _describe(facesets)
        if not self.exists():
            manifest = {"seed": config.seed, "identities": described, "starts": [start]}
            if write:
                write_json(self.manifest, manifest)
                atomic_write(self.config, dump_yaml(config).encode())
            return []
        manifest = read_json(self.manifest)
        _compare_faces(manifest["identities"], described, self.path)
        changes = _compare_configs(self.stored_config(), config, self.path)
        manifest["starts"].append(start | {"changes": changes})
        if write:
            write_json(self.manifest, manifest)
            atomic_write(self.config, dump_yaml(config).encode())
        return changes


def _foreign(path: Path) -> bool:
    """Whether a directory holds anything but what a start that failed early leaves."""
    ours = {"cache", "logs", "manifest.json"}
    return any(child.name not in ours and child.name[0] != "." for child in path.iterdir())


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _versions() -> dict[str, str]:
    libraries = {name: version(name) for name in _LIBRARIES}
    return {"faceswap": faceswap.__version__, "python": platform.python_version(), **libraries}


def _describe(facesets: Mapping[str, Sequence[Faceset]]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [
            {
                "path": str(faceset.path.resolve()),
                "name": faceset.name,
                "faces": len(faceset.trainable()),
                "sha256": faceset.content_hash(),
                "subject": faceset.subject,
            }
            for faceset in sets
        ]
        for name, sets in facesets.items()
    }


def _compare_faces(
    before: Mapping[str, list[dict[str, Any]]],
    now: Mapping[str, list[dict[str, Any]]],
    path: Path,
) -> None:
    if list(before) != list(now):
        raise IdentityError(
            f"The run {path} is of {', '.join(before)} (in this order), "
            f"the command names {', '.join(now)}.",
            "Name the same identities, or choose another folder for --output.",
        )
    for name, sets in now.items():
        if [f["sha256"] for f in sets] != [f["sha256"] for f in before[name]]:
            counted = sum(f["faces"] for f in before[name]), sum(f["faces"] for f in sets)
            raise TrainingError(
                f"The faces of {name!r} are not those the run {path} was begun with "
                f"({counted[0]} then, {counted[1]} now).",
                "A run goes on with the same faces only: restore them, or choose another folder "
                "for --output.",
            )


def _compare_configs(before: TrainConfig, now: TrainConfig, path: Path) -> list[str]:
    old, new = _flatten(before.model_dump()), _flatten(now.model_dump())
    changed = [name for name in new if old.get(name) != new[name]]
    for name in changed:
        if name in _FIXED:
            raise ConfigError(
                f"The run {path} has {name} = {old[name]!r}, the command says {new[name]!r}.",
                "This cannot change once a run has begun: leave it, or choose another folder for "
                "--output.",
            )
    return [f"{name}: {old[name]!r} -> {new[name]!r}" for name in changed]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and f"{prefix}{name}" != "model.options":
            flat |= _flatten(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
