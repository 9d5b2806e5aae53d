"""Pretrained weights: published ones, a file, or a run.

Matching tensors are loaded; a head for other classes keeps its initialisation.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from classifier.models.matching import LoadReport, load_matching
from classifier.models.network import TIMM, BuiltNetwork
from classifier.models.registry import build_network, networks
from classifier.models.timm_networks import create_timm
from classifier.models.torchvision_networks import torchvision_names
from faceswap.core.documents import read_json
from faceswap.core.errors import ConfigError, DocumentError, ModelFileError
from faceswap.core.files import sha256_file
from faceswap.core.published_tensors import read_tensors
from faceswap.core.timm_weights import timm_overlay
from faceswap.core.weights import WEIGHTS, weights_path
from faceswap.core.weights_by_url import weights_by_url

__all__ = ["LoadReport", "load_published", "load_weights_file", "read_weights"]

_MODEL, _ABOUT = "model.safetensors", "model.json"


def load_published(
    name: str, classes: int, options: Mapping[str, Any], size: int | None = None
) -> tuple[BuiltNetwork, LoadReport]:
    """Build a network and load its published weights (mostly ImageNet-1k).

    Args:
        name: Network, see ``build_network``. Of this package, ``resnet20`` has weights (CIFAR-10).
        classes: Number of outputs. The head is loaded if the weights have the same number.
        options: Options of the network.
        size: Side of the input images in pixels; see ``build_network``.

    Returns:
        The network and the load report.

    Raises:
        ConfigError: Unknown network or option, or no published weights.
        WeightsUnavailable: The weights are not stored locally and cannot be downloaded.
        ModelFileError: The file is damaged.
    """
    built = build_network(name, classes, options, size)
    if name in networks.names():
        tensors = read_weights(_own_weights(name))
    elif name.startswith(TIMM):
        tensors = _timm_weights(name, options, size)
    else:
        from torchvision import models

        url = models.get_model_weights(name)["DEFAULT"].url
        tensors = read_weights(weights_by_url(name, url))
    return built, load_matching(built.module, tensors, name)


def _own_weights(name: str) -> Path:
    if name in WEIGHTS:
        return weights_path(name)
    have = [other for other in networks.names() if other in WEIGHTS]
    raise ConfigError(
        f"The network {name!r} has no published weights.",
        f"Networks with weights: {', '.join([*have, *torchvision_names()])}, and {TIMM}NAME.",
    )


def _timm_weights(name: str, options: Mapping[str, Any], size: int | None) -> dict[str, Tensor]:
    """Weights as loaded by timm, which renames and resamples tensors."""
    plain = name.removeprefix(TIMM)
    found, overlay = timm_overlay(plain)
    try:
        trained = create_timm(
            plain, None, options, size, pretrained=True, pretrained_cfg_overlay=overlay
        )
    except ConfigError:
        raise
    except Exception as error:  # timm's loaders raise many types
        raise ModelFileError(
            f"{found} does not fit {name} ({error}).", "Download it again."
        ) from error
    return dict(trained.state_dict())


def load_weights_file(built: BuiltNetwork, path: Path) -> LoadReport:
    """Load matching weights from a file or a run.

    Prefixes that training programs add (``module.``, ``model.``, ``backbone.``, ``_orig_mod.``) and
    containers (``state_dict``, ``model``, ...) are recognised.

    Args:
        built: Changed in place.
        path: A ``.safetensors`` file; a torch archive (``.pth``, ``.pt``, ``.th``) of tensors; or a
            run's folder or its ``model/``.

    Returns:
        Report of the loaded, adapted, resized and missing tensors.

    Raises:
        ModelFileError: It is no such file, is damaged, or nothing in it fits the network.
    """
    return load_matching(built.module, read_weights(path), str(path))


def read_weights(path: Path) -> dict[str, Tensor]:
    """All tensors of a file or of a run, by name; containers are opened.

    Raises:
        ModelFileError: The file is missing, damaged, or has no named tensors.
    """
    if path.is_dir():
        path = _model_file(path)
    return read_tensors(path)


def _model_file(folder: Path) -> Path:
    for place in (folder, folder / "model"):
        if (place / _MODEL).is_file():
            _check_digest(place)
            return place / _MODEL
    raise ModelFileError(
        f"{folder} has no {_MODEL}.", "Pass the folder of a finished run, or a weights file."
    )


def _check_digest(folder: Path) -> None:
    try:
        about = read_json(folder / _ABOUT, dict[str, Any])
    except (OSError, DocumentError):
        return  # not a model folder of this toolkit: there is no digest to compare with
    expected = about.get("weights_sha256", about.get("sha256"))
    if expected is not None and sha256_file(folder / _MODEL) != expected:
        raise ModelFileError(f"{folder / _MODEL} is damaged.", "Copy it again.")
