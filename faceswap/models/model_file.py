"""A model as other people get it: ``model.safetensors`` and ``model.json`` in one directory."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from faceswap import __version__
from faceswap.core.errors import ModelFileError
from faceswap.core.files import atomic_directory, read_json, sha256_file, write_json
from faceswap.core.tensor_files import save_tensors
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.registry import build_model

FORMAT, VERSION = "faceswap-model", 1
WEIGHTS, ABOUT = "model.safetensors", "model.json"
FOLDER = "model"
"""Name of the model's directory inside a run."""


@dataclass(frozen=True)
class ModelMeta:
    """What is written beside the weights.

    Attributes:
        architecture: Name in the registry of models.
        options: Its options.
        identities: Whom it can draw.
        coverage: Side of the faces it takes and gives, in face squares.
        step: Optimizer steps it was trained for.
        subjects: For each identity, the subject records of the facesets it was trained on.
        seed: The run's seed.
        program: Version of the program that wrote it.
    """

    architecture: str
    options: dict[str, Any]
    identities: tuple[str, ...]
    coverage: float
    step: int
    subjects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    seed: int = 0
    program: str = __version__


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to swap.

    Attributes:
        model: In evaluation mode, on the device asked for.
        meta: What is known of it.
        digest: SHA-256 of its weights, which names it.
        path: Its directory.
    """

    model: FaceAutoencoder
    meta: ModelMeta
    digest: str
    path: Path

    @property
    def identities(self) -> Sequence[str]:
        """Whom it can draw."""
        return self.meta.identities

    @property
    def coverage(self) -> float:
        """Side of the faces it takes and gives, in face squares."""
        return self.meta.coverage

    def record(self) -> dict[str, Any]:
        """What a converted file says about the model; the digest names it."""
        return {
            "weights_sha256": self.digest,
            "architecture": self.meta.architecture,
            "identities": list(self.meta.identities),
            "step": self.meta.step,
            "program": self.meta.program,
        }


def save_model(directory: Path, model: FaceAutoencoder, meta: ModelMeta) -> None:
    """Writes a model; the directory holds the old one or the new one, never a mixture.

    Raises:
        StorageFullError: The disk is full; what was there before is intact.
    """
    with atomic_directory(directory) as temporary:
        marks = {"format": FORMAT, "version": str(VERSION)}
        save_tensors(temporary / WEIGHTS, model.state_dict(), marks)
        about = {
            "format": FORMAT,
            "version": VERSION,
            **asdict(meta),
            "input_size": model.input_size,
            "output_size": model.output_size,
            "weights_sha256": sha256_file(temporary / WEIGHTS),
        }
        write_json(temporary / ABOUT, about)


def find_model(path: Path) -> Path:
    """The directory of a model, given as itself, as a run, or as one of its two files.

    Raises:
        ModelFileError: There is no model.
    """
    for candidate in (path, path / FOLDER, path.parent):
        if (candidate / ABOUT).is_file() and (candidate != path.parent or path.is_file()):
            return candidate
    if not path.exists():
        raise ModelFileError(f"There is no model {path}.", "Check the path.")
    if (path / "checkpoints").is_dir():
        raise ModelFileError(
            f"The run {path} has no model yet.", "Train it until the first checkpoint is saved."
        )
    raise ModelFileError(
        f"{path} is not a model of this program: there is no {ABOUT}.",
        "Give the output folder of `faceswap train`, or its folder 'model'.",
    )


def load_model(path: Path, device: torch.device | str = "cpu") -> LoadedModel:
    """Reads a model.

    Args:
        path: The model's directory, or the run that made it.
        device: Where to put it.

    Raises:
        ModelFileError: There is none, it is not ours, damaged, or of a newer version.
        ConfigError: It is of an architecture that this program does not have.
    """
    directory = find_model(path)
    about = read_about(directory / ABOUT)
    digest = about["weights_sha256"]
    if not (directory / WEIGHTS).is_file() or sha256_file(directory / WEIGHTS) != digest:
        raise ModelFileError(
            f"The weights {directory / WEIGHTS} are missing or do not match {ABOUT}.",
            "The file was cut short or changed: copy the whole folder again.",
        )
    meta = _as_meta(about, directory)
    model = build_model(meta.architecture, meta.identities, meta.options)
    try:
        model.load_state_dict(load_file(directory / WEIGHTS))
    except (RuntimeError, SafetensorError) as error:
        raise ModelFileError(
            f"The weights {directory / WEIGHTS} do not fit the architecture {meta.architecture!r}.",
            "The file was made by another version of the program.",
        ) from error
    model.requires_grad_(requires_grad=False).eval()
    return LoadedModel(model.to(device), meta, digest, directory)


def read_about(path: Path) -> dict[str, Any]:
    """What is written beside the weights, unread by the network.

    Args:
        path: The file ``ABOUT`` of a model.

    Raises:
        ModelFileError: It is not ours, damaged, or of a newer version.
    """
    try:
        about = read_json(path)
        ours = about["format"] == FORMAT
        version = about["version"] if ours else 0
    except (OSError, ValueError, KeyError, TypeError):
        ours, version, about = False, 0, {}
    if not ours:
        raise ModelFileError(
            f"{path} does not describe a model of this program.",
            "Give the output folder of `faceswap train`, or its folder 'model'.",
        )
    if version > VERSION:
        raise ModelFileError(
            f"The model {path.parent} has version {version}; this program knows up to {VERSION}.",
            "Update the program.",
        )
    return about


def _as_meta(about: Mapping[str, Any], directory: Path) -> ModelMeta:
    try:
        known: dict[str, Any] = {name: about[name] for name in ModelMeta.__dataclass_fields__}
        known["identities"] = tuple(known["identities"])
        return ModelMeta(**known)
    except (KeyError, TypeError) as error:
        raise ModelFileError(
            f"{directory / ABOUT} is damaged: {error} is missing or of the wrong kind.",
            "Copy the whole folder again.",
        ) from error
