"""A trained network on disk: ``model.safetensors`` and ``model.json``, complete by themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from classifier.models import InputFormat, build_network
from faceswap.core.errors import ModelFileError
from faceswap.core.files import atomic_directory, read_json, sha256_file, write_json
from faceswap.core.tensorfiles import save_tensors

_FORMAT, _VERSION = "classifier-model", 1
_WEIGHTS, _ABOUT = "model.safetensors", "model.json"


@dataclass(frozen=True)
class LoadedClassifier:
    """A trained network.

    Attributes:
        module: In evaluation mode, on the CPU.
        input: The images it takes.
        classes: Names of its outputs.
    """

    module: nn.Module
    input: InputFormat
    classes: tuple[str, ...]


def save_model(
    directory: Path,
    tensors: Mapping[str, Tensor],
    network: str,
    options: dict[str, Any],
    form: InputFormat,
    classes: Sequence[str],
) -> None:
    """Writes a trained network, complete or not at all."""
    with atomic_directory(directory) as temporary:
        save_tensors(temporary / _WEIGHTS, tensors)
        about = {
            "format": _FORMAT,
            "version": _VERSION,
            "network": network,
            "options": options,
            "classes": list(classes),
            "input": asdict(form),
            "sha256": sha256_file(temporary / _WEIGHTS),
        }
        write_json(temporary / _ABOUT, about)


def load_model(directory: Path) -> LoadedClassifier:
    """Reads a trained network, given its folder or the run that holds it.

    Raises:
        ModelFileError: It is not one of ours, is damaged, or is of a newer version.
    """
    inner = directory / "model"
    folder = inner if (inner / _ABOUT).is_file() else directory
    try:
        about = read_json(folder / _ABOUT)
        if about["format"] != _FORMAT:
            raise ModelFileError(f"{folder} is not a classifier's model.", "Check the path.")
        if about["version"] > _VERSION:
            raise ModelFileError(
                f"{folder} is of version {about['version']}; this program knows {_VERSION}.",
                "Update the program.",
            )
        if sha256_file(folder / _WEIGHTS) != about["sha256"]:
            raise ModelFileError(f"{folder / _WEIGHTS} is damaged.", "Copy it again.")
        built = build_network(about["network"], len(about["classes"]), about["options"])
        built.module.load_state_dict(load_file(folder / _WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelFileError(
            f"{folder} is not a classifier's model ({error}).", "Give the folder of a run."
        ) from error
    return LoadedClassifier(built.module.eval(), built.input, tuple(about["classes"]))
