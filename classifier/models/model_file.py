"""A trained network on disk: ``model.safetensors`` and ``model.json``, complete by themselves."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from classifier.models import BuiltNetwork, InputFormat, build_network
from faceswap.core.errors import ConfigError, ModelFileError
from faceswap.core.files import atomic_directory, read_json, sha256_file, write_json
from faceswap.core.tensor_files import save_tensors

_FORMAT, _VERSION = "classifier-model", 3
_WEIGHTS, _ABOUT = "model.safetensors", "model.json"


@dataclass(frozen=True)
class ModelMeta:
    """What a trained network says of itself.

    Attributes:
        network: Its name in the registry.
        options: Options it was built with.
        size: Side of the images that was asked for; None is the network's own.
        classes: Names of its outputs.
        side: Height and width that images with masks were scaled to; None keeps them, and None
            for whole images.
        ignore_index: Mask value of unlabelled pixels, or None.
        scores: How the exported epoch did on the images kept aside, by name.
        data: Digest of the images and their splits, by which runs are compared.
    """

    network: str
    options: dict[str, Any]
    size: int | None
    classes: tuple[str, ...]
    side: tuple[int, int] | None = None
    ignore_index: int | None = None
    scores: dict[str, float] = field(default_factory=dict)
    data: str = ""


@dataclass(frozen=True)
class LoadedClassifier:
    """A trained network.

    Attributes:
        built: The network in evaluation mode, and the images it takes.
        classes: Names of its outputs.
        digest: SHA-256 of the file of weights, in hex.
        network: Its name in the registry.
        options: Options it was built with.
        side: Height and width that images with masks were scaled to; None keeps them, and None
            for whole images.
        ignore_index: Mask value of unlabelled pixels, or None.
        scores: How it did on the images kept aside, by name.
        data: Digest of the images it was trained and measured on.
    """

    built: BuiltNetwork
    classes: tuple[str, ...]
    digest: str
    network: str
    options: dict[str, Any]
    side: tuple[int, int] | None = None
    ignore_index: int | None = None
    scores: dict[str, float] = field(default_factory=dict)
    data: str = ""

    @property
    def module(self) -> nn.Module:
        """The network itself."""
        return self.built.module

    @property
    def input(self) -> InputFormat:
        """The images it takes."""
        return self.built.input


def save_model(
    directory: Path, tensors: Mapping[str, Tensor], built: BuiltNetwork, meta: ModelMeta
) -> None:
    """Writes a trained network, complete or not at all.

    Args:
        directory: Folder of the model; one that is there is replaced.
        tensors: Its state, which may differ from that of ``built``.
        built: A network of the same kind: its input, task and head are written down.
        meta: What it says of itself.
    """
    with atomic_directory(directory) as temporary:
        save_tensors(temporary / _WEIGHTS, tensors)
        about = {
            "format": _FORMAT,
            "version": _VERSION,
            **asdict(meta),
            "task": built.task,
            "rule": built.rule,
            "head": built.head,
            "input": asdict(built.input),
            "sha256": sha256_file(temporary / _WEIGHTS),
        }
        write_json(temporary / _ABOUT, about)


def load_model(directory: Path, device: str = "cpu") -> LoadedClassifier:
    """Reads a trained network, given its folder or the run that holds it.

    Args:
        directory: The folder.
        device: Where the network is put.

    Raises:
        ModelFileError: It is not one of ours, is damaged, or is of another version.
    """
    inner = directory / "model"
    folder = inner if (inner / _ABOUT).is_file() else directory
    try:
        about = read_json(folder / _ABOUT)
        if about["version"] == 2:
            about |= {"version": 3, "ignore_index": about.pop("void")}
        _check(about, folder)
        classes = tuple(about["classes"])
        built = build_network(about["network"], len(classes), about["options"], about["size"])
        built.module.load_state_dict(load_file(folder / _WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise ModelFileError(
            f"{folder} is not a classifier's model ({error}).", "Give the folder of a run."
        ) from error
    except ConfigError as error:
        raise ModelFileError(
            f"{folder} holds a network that cannot be built here: {error.message}", error.hint
        ) from error
    built.module.eval().to(device)
    side = about["side"]
    return LoadedClassifier(
        built,
        classes,
        about["sha256"],
        about["network"],
        about["options"],
        None if side is None else (side[0], side[1]),
        about["ignore_index"],
        about["scores"],
        about["data"],
    )


def _check(about: dict[str, Any], folder: Path) -> None:
    if about["format"] != _FORMAT:
        raise ModelFileError(f"{folder} is not a classifier's model.", "Check the path.")
    if about["version"] != _VERSION:
        remedy = "Update the program." if about["version"] > _VERSION else "Train it again."
        raise ModelFileError(
            f"{folder} is of version {about['version']}; this program reads {_VERSION}.", remedy
        )
    if sha256_file(folder / _WEIGHTS) != about["sha256"]:
        raise ModelFileError(f"{folder / _WEIGHTS} is damaged.", "Copy it again.")
